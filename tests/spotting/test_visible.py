"""The visible run ends where the face goes, not where it turns."""

import cv2
import numpy as np
import pytest

from mepipe.face import face_transform, find_face, same_face, warp_face
from mepipe.spotting import visible_span


@pytest.fixture(scope="module")
def lively(portrait):
    """Forty frames in which the head tilts, moves and comes nearer."""
    small = cv2.resize(portrait, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    frames = []
    for t in np.linspace(0, 6, 40):
        way = cv2.getRotationMatrix2D(
            (width / 2, height / 2), 18 * np.sin(t), 1 + 0.15 * np.sin(2 * t)
        )
        way[:, 2] += [45 * np.sin(1.5 * t), 20 * np.sin(t)]
        how = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
        frames.append(cv2.warpAffine(small, way, (width, height), **how))
    return frames


def span(frames, reference=0):
    found = find_face(frames[reference])
    transform = face_transform(found.points)
    crops = np.stack([warp_face(frame, transform, 160) for frame in frames])
    asked = []

    def still_seen(positions):
        asked.extend(positions)
        return [same_face(frames[i], crops[reference], transform) for i in positions]

    return visible_span(crops, reference, still_seen), visible_span(crops, reference), len(asked)


def test_a_head_that_turns_and_moves_is_not_cut(lively):
    found, by_correlation, asked = span(lively)
    assert by_correlation[1] < 20
    assert found == (0, 40)
    assert asked <= 8


def test_the_part_without_the_face_is_cut_off(lively, texture):
    wall = np.uint8(texture(600, 8.0, 1))[: lively[0].shape[0], : lively[0].shape[1], None]
    empty = [np.repeat(wall, 3, axis=2)] * 30
    assert span([*lively[:12], *empty])[0] == (0, 12)
    assert span([*empty, *lively[:12]], reference=30)[0] == (30, 42)


def test_frames_of_high_correlation_ask_for_nothing(lively):
    assert span(lively[:1] * 20) == ((0, 20), (0, 20), 0)


@pytest.mark.parametrize("stop", [1, 2, 9, 10, 28, 59, 60])
def test_the_frame_in_which_the_face_goes_is_found(texture, stop):
    """Few frames are asked about, whatever their number."""
    face = texture(160, 4.0, 0).astype(np.uint8)
    crops = np.stack([face] + [255 - face] * 59)
    asked = []

    def still_seen(positions):
        assert list(positions) == sorted(positions)
        asked.extend(positions)
        return [position < stop for position in positions]

    assert visible_span(crops, 0, still_seen) == (0, stop)
    assert len(asked) <= 24
    blurred = visible_span(
        crops, 0, lambda positions: [position != 59 // 2 for position in positions]
    )
    assert blurred == (0, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["face_noface.mov", "noface_face.mov", "single_face.mp4"])
def test_real_videos_in_which_a_face_comes_or_goes(shared_data, name):
    av = pytest.importorskip("av")
    with av.open(str(shared_data / "videos" / name)) as video:
        frames = [f.to_ndarray(format="bgr24") for f in video.decode(video=0)][::4]
    reference = 26 if name.startswith("no") else 0
    expected = {"face_noface.mov": (0, 18), "noface_face.mov": (24, 42), "single_face.mp4": (0, 18)}
    found, by_correlation, _ = span(frames, reference)
    assert found == by_correlation == expected[name]

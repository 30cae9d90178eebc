"""A still face in a compressed video is still, and one that moves moves."""

import io

import cv2
import numpy as np
import pytest
from faces import INTER_OCULAR, SIZE, course, polygons
from videos import encoded

from mepipe.face import face_transform, find_face, warp_face
from mepipe.frames import probe_video
from mepipe.spotting import flow_peak
from mepipe.spotting.codec import own_covariance, step_courses
from mepipe.spotting.evidence import find_movement

pytestmark = pytest.mark.slow

av = pytest.importorskip("av")


@pytest.fixture(scope="module")
def face(portrait):
    """A face with 110 px between the eyes, (304, 288, 3) uint8, and its transform."""
    found = find_face(portrait)
    centre = found.points[27:36].mean(axis=0).astype(int)
    picture = portrait[centre[1] - 150 : centre[1] + 154, centre[0] - 144 : centre[0] + 144]
    picture = np.ascontiguousarray(picture)
    return picture, face_transform(find_face(picture).points)


def video(picture, share, fps, seed, *, crf=28, group=15, noise=1.5, pixels=1.5, sway=0.0):
    """Return the bytes of a video in which the mouth's corners rise by ``share`` of some px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    bump = np.exp(-((np.abs(x - 144) - 40) ** 2 + (y - 200) ** 2) / (2 * 22**2))
    frames = []
    for part, right in zip(share, sway * np.sin(5 * np.arange(len(share)) / fps), strict=True):
        down = np.float32(y + part * pixels * bump)
        moved = cv2.remap(picture, np.float32(x - right), down, cv2.INTER_CUBIC)
        frames.append(np.clip(moved + rng.normal(0, noise, moved.shape), 0, 255).astype(np.uint8))
    options = {"crf": str(crf), "g": str(group), "preset": "veryfast"}
    return encoded(frames, rate=fps, options=options)


def spotted(data, transform, fps, *, keys=True):
    with av.open(io.BytesIO(data)) as file:
        frames = [frame.to_ndarray(format="bgr24") for frame in file.decode(video=0)]
    crops = np.stack([warp_face(frame, transform, SIZE) for frame in frames])
    known = probe_video(io.BytesIO(data)).keys if keys else ()
    times = np.arange(len(crops)) * 1000 / fps
    return flow_peak(crops, times, polygons(), inter_ocular=INTER_OCULAR, keys=known)


@pytest.mark.slow
def test_still_faces_in_h264_do_not_move(face):
    data = [(video(face[0], np.zeros(2 * fps), fps, fps), fps) for fps in (25, 30, 50)]
    found = [spotted(one, face[1], fps) for one, fps in data]
    assert not any(one.movement for one in found)
    unaware = [spotted(one, face[1], fps, keys=False) for one, fps in data]
    for one, other in zip(found, unaware, strict=True):
        assert one.strength < other.strength
    assert any(one.movement for one in unaware)


@pytest.mark.parametrize("fps", [30, 100])
def test_a_movement_in_h264_is_found(face, fps):
    share = np.interp(np.arange(1.2 * fps) * 100 / fps, np.arange(60) + 20, course())
    found = spotted(video(face[0], share, fps, 1, crf=23), face[1], fps)
    assert found.movement
    assert share[found.apex] > 0.7


def test_key_frames_of_a_video_are_known(face):
    data = video(face[0], np.zeros(24), 30, 0, group=10)
    assert probe_video(io.BytesIO(data)).keys == (0, 10, 20)


def test_steps_are_those_of_the_groups():
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1e-5, (40, 6))
    vectors[20:] += 0.004
    courses = step_courses(vectors, [0, 20])
    assert courses.shape == (40, 2)
    assert np.count_nonzero(courses, axis=0).tolist() == [20, 20]
    # Without a second group there are no steps.
    assert step_courses(vectors, [0]).shape == (40, 0)


@pytest.mark.slow
def test_a_head_that_sways_in_h264_is_less_of_a_movement_with_its_own_noise(face):
    """How many are still called moving, ``mepipe bench spot --still --sway .5`` says."""
    for fps in (25, 50):
        data = video(face[0], np.zeros(2 * fps), fps, fps, crf=28, group=250, sway=0.5)
        unaware = spotted(data, face[1], fps, keys=False).strength
        assert spotted(data, face[1], fps).strength < 0.95 * unaware


def test_a_movement_on_a_head_that_sways_in_h264_is_found(face):
    share = np.interp(np.arange(120), np.arange(60) + 20, course())
    found = spotted(video(face[0], share, 100, 1, crf=23, sway=0.5), face[1], 100)
    assert found.movement
    assert share[found.apex] > 0.7


def swaying(count, seed):
    """Slow noise that all components have: (count, 12), about 1e-3 each."""
    noise = np.random.default_rng(seed).normal(size=(count, 12))
    return 1e-3 * np.sqrt(12) * cv2.blur(noise, (1, 12))


@pytest.mark.parametrize("seed", range(4))
def test_motion_such_as_most_regions_have_is_no_movement_in_a_coded_clip(seed):
    times, vectors = np.arange(100) * 10.0, swaying(100, seed)
    where = {"first": 0, "centres": slice(1, 99)}
    plain = find_movement(vectors, times, np.zeros((100, 0)), **where)
    coded = find_movement(vectors, times, np.zeros((100, 0)), coded=True, **where)
    assert plain.evidence > 0
    assert coded.evidence < 0
    assert coded.strength < plain.strength
    np.testing.assert_array_equal(coded.course, plain.course)
    # Some regions that go much farther than the others are a movement still.
    vectors[:, :4] += 0.02 * np.exp(-(((times - 500) / 80) ** 2))[:, None]
    assert find_movement(vectors, times, np.zeros((100, 0)), coded=True, **where).evidence > 0


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_clips_own_covariance_is_one(count):
    vectors = swaying(count, 0)
    found = own_covariance(vectors, np.arange(count) * 20.0)
    np.testing.assert_allclose(found, found.T)
    assert np.linalg.eigvalsh(found).min() > -1e-12
    np.testing.assert_allclose(own_covariance(3 * vectors, np.arange(count) * 20.0), 9 * found)
    # Where every region stands still there is none.
    assert not own_covariance(np.ones((count, 3)), np.arange(count) * 20.0).any()


def test_a_picture_counts_for_as_long_as_it_is_shown():
    pictures, shown = swaying(12, 1), np.array([0, 1, 2, 9, 10, 11, 30, 31, 32, 33, 34, 39])
    frames = np.repeat(pictures, np.diff([*shown, 40]), axis=0)
    whole = own_covariance(frames, np.arange(40) * 10.0)
    # The last picture is known to be shown once, as the clip's last frame is here.
    np.testing.assert_allclose(own_covariance(pictures, shown * 10.0), whole[np.ix_(shown, shown)])

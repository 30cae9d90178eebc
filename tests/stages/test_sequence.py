"""Flow to several target frames of a clip."""

import weakref

import cv2
import numpy as np
import pytest
from test_contract import QUICK, walk

from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.errors import BadDataError
from mepipe.frames import FrameReader, Timing, probe_video
from mepipe.stages import STAGES, Upstream
from mepipe.stages.flow import target_positions

FRAMES = 13
STILL = "flow.stabilise=none"


@pytest.fixture(scope="module")
def moving(portrait):
    """Thirteen images in which the mouth's corners move by a quarter of a px a frame."""
    image = cv2.resize(portrait, (640, 560), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    bump = np.exp(-((x - 320) ** 2 + (y - 330) ** 2) / (2 * 60**2))
    return [
        cv2.remap(image, x, (y + 0.25 * k * bump).astype(np.float32), cv2.INTER_LINEAR)
        for k in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory, moving):
    folder = tmp_path_factory.mktemp("moving")
    names = tuple(folder / f"img{k:02d}.png" for k in range(FRAMES))
    for name, image in zip(names, moving, strict=True):
        cv2.imwrite(str(name), image)
    return names


def clip_of(files, onset=0, apex=6, offset=12, *, video=None, fps=50.0):
    count = video.count if video else len(files)
    reader = FrameReader(files, count, video, lambda _: None)
    marks = [None if m is None else KeyFrame(m, m, "annotation") for m in (onset, apex, offset)]
    return ClipInput(reader, Timing(fps), *marks)


def results(clip, *settings):
    return walk(clip, load_config(None, [*QUICK, *settings]))


def test_a_movement_that_rises_evenly_gives_a_sequence_that_does(files):
    found = results(clip_of(files), "flow.targets=4", STILL, "tensor.scale=clip")
    sequence = found["flow"][2].arrays["sequence"]
    assert sequence.shape == (4, 2, 96, 96)
    size = np.sqrt((sequence**2).sum(axis=1)).mean(axis=(1, 2))
    np.testing.assert_allclose(size / size[-1], [0.25, 0.5, 0.75, 1.0], atol=0.08)
    # Positions 3, 6, 9, 12: the second is the apex.
    np.testing.assert_array_equal(sequence[1], found["flow"][2].arrays["uv"])
    x = found["tensor"][2].arrays["sequence"]
    assert np.abs(x[:, :2]).max() == pytest.approx(1)
    largest = np.abs(x[:, :2]).max(axis=(1, 2, 3))
    assert (np.diff(largest) > 0.05).all()


def test_the_apex_is_what_it_is_without_a_sequence(files):
    alone = results(clip_of(files), "flow.keep_faces=true")
    both = results(clip_of(files), "flow.targets=apex-offset", "flow.keep_faces=true")
    for stage, names in (("flow", ("uv", "motion")), ("tensor", ("x",))):
        for name in names:
            one, other = (found[stage][2].arrays[name] for found in (alone, both))
            assert one.tobytes() == other.tobytes()
    arrays = both["flow"][2].arrays
    assert arrays["sequence"].shape[0] == arrays["sequence_motion"].shape[0] == 2
    np.testing.assert_array_equal(arrays["sequence"][0], arrays["uv"])
    np.testing.assert_array_equal(arrays["sequence_motion"][0], arrays["motion"])
    # The onset, the apex, and behind them the offset.
    np.testing.assert_array_equal(arrays["faces"][:2], alone["flow"][2].arrays["faces"])
    assert arrays["faces"].shape == (3, 96, 96)


def test_by_default_no_key_knows_of_targets(files):
    _, parts, result = results(clip_of(files))["flow"]
    assert "targets" not in parts["settings"]
    assert len(parts["frames"]) == 2
    assert set(result.arrays) == {"uv", "motion", "head"}
    assert set(result.values) == {"uv", "inter_ocular"}


def test_a_clip_shorter_than_its_targets_has_some_twice_and_the_onset_still(files, monkeypatch):
    from mepipe.stages import flow

    computed = []
    engine = flow._engine
    monkeypatch.setattr(flow, "_engine", lambda *a: computed.append(1) or engine(*a))
    clip = clip_of(files[:4], 0, 2, 3)
    found = results(clip, "flow.targets=8", STILL, "flow.keep_faces=true")
    where = target_positions(load_config(None, ["flow.targets=8"]), found["spot"][2].values)
    assert where == (0, 1, 1, 2, 2, 2, 3, 3)
    arrays = found["flow"][2].arrays
    assert not arrays["sequence"][0].any()
    assert len(computed) == 3, "each frame once"
    np.testing.assert_array_equal(arrays["sequence"][1], arrays["sequence"][2])
    np.testing.assert_array_equal(arrays["faces"][0], arrays["faces"][1])


def test_a_target_with_the_onset_s_image_is_still(files):
    clip = clip_of((*files[:12], files[0]))
    found = results(clip, "flow.targets=apex-offset")["flow"][2].arrays
    assert not found["sequence"][1].any()
    np.testing.assert_array_equal(found["sequence_motion"][1], np.eye(2, 3))


def test_two_phases_meet_at_the_apex(files):
    both = results(clip_of(files), "flow.targets=apex-offset", STILL)["flow"][2].arrays
    found = results(clip_of(files), "flow.targets=phases", STILL, "flow.keep_faces=true")
    arrays = found["flow"][2].arrays
    np.testing.assert_array_equal(arrays["sequence"][0], arrays["uv"])
    np.testing.assert_array_equal(arrays["uv"], both["uv"])
    # The mouth goes on evenly: as far behind the apex as before it, and twice as far in all.
    second, whole = arrays["sequence"][1], both["sequence"][1]
    size = [float(np.hypot(*one).max()) for one in (arrays["uv"], second, whole)]
    np.testing.assert_allclose(size[:2], [size[2] / 2] * 2, rtol=0.15)
    away = np.abs(second - (whole - arrays["uv"]))
    assert np.quantile(away, 0.99) < 0.15 * size[2]
    assert arrays["faces"].shape[0] == 3
    assert found["tensor"][2].arrays["sequence"].shape == (2, 3, 28, 28)


def test_phases_that_come_back_are_opposite(files):
    there_and_back = (*files[:7], *files[5::-1])
    arrays = results(clip_of(there_and_back), "flow.targets=phases", STILL)["flow"][2].arrays
    up, down = arrays["sequence"][:, 1]
    assert float(np.corrcoef(up.ravel(), down.ravel())[0, 1]) < -0.95
    at_apex = results(clip_of(files, offset=6), "flow.targets=phases", STILL)["flow"][2].arrays
    assert not at_apex["sequence"][1].any(), "the offset is the apex"
    assert at_apex["sequence"][0].any()


def test_phases_have_a_key_of_their_own(files):
    parts = {
        wanted: results(clip_of(files), f"flow.targets={wanted}")["flow"][1]
        for wanted in ("apex-offset", "phases")
    }
    assert parts["phases"]["settings"]["targets"] == "phases"
    assert parts["phases"]["target_frames"] == parts["apex-offset"]["target_frames"]
    assert parts["phases"] != parts["apex-offset"]


@pytest.mark.parametrize("wanted", ["8", "apex-offset", "phases"])
def test_an_unknown_offset_is_said_with_ways_out(files, wanted):
    clip = clip_of(files, offset=None, fps=None)
    with pytest.raises(BadDataError, match=f"targets = {wanted} needs the clip's offset") as caught:
        results(clip, f"flow.targets={wanted}")
    assert "--set data.fps=200" in caught.value.remedy
    for way in (clip_of(files, offset=None), clip):
        more = ["spot.fallback=middle"] if way is clip else []
        found = results(way, f"flow.targets={wanted}", *more)
        assert "sequence" in found["flow"][2].arrays


def test_a_target_at_fault_is_named(files, monkeypatch):
    from mepipe.stages import flow

    still = np.zeros((2, 96, 96), np.float32)
    answers = iter([still + 1, still + 1, still + 1e6])
    monkeypatch.setattr(flow, "_engine", lambda *_: next(answers))
    with pytest.raises(BadDataError, match="diverged") as caught:
        results(clip_of(files), "flow.targets=4", STILL)
    assert caught.value.position == 9
    assert "target" in caught.value.remedy


@pytest.mark.slow
def test_a_video_gives_what_its_frames_do(tmp_path, moving):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 50, (640, 560))
    for image in moving:
        writer.write(image)
    writer.release()
    capture = cv2.VideoCapture(str(path))
    names = []
    while (read := capture.read())[0]:
        names.append(tmp_path / f"img{len(names):02d}.png")
        cv2.imwrite(str(names[-1]), read[1])
    settings = ("flow.targets=3", "flow.keep_faces=true")
    with path.open("rb") as file:
        facts = probe_video(file)
    one = results(clip_of((path,), video=facts), *settings)
    other = results(clip_of(tuple(names)), *settings)
    for stage in STAGES:
        for name, array in one[stage.name][2].arrays.items():
            assert array.tobytes() == other[stage.name][2].arrays[name].tobytes(), name


def test_two_frames_at_most_are_held_at_full_size(files, monkeypatch):
    read, alive, most = FrameReader.images, [], []

    def counted(reader, positions=None):
        for position, image in read(reader, positions):
            alive.append(weakref.ref(image))
            most.append(sum(one() is not None for one in alive))
            yield position, image

    clip, config = clip_of(files), load_config(None, [*QUICK, "flow.targets=8"])
    values = {name: found[2].values for name, found in walk(clip, config).items()}
    monkeypatch.setattr(FrameReader, "images", counted)
    STAGES[2].compute(clip, config, Upstream(values, lambda _: {}))
    assert len(most) == 9, "the onset, and eight targets of which one is the apex"
    assert max(most) <= 2

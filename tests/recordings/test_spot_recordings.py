"""What `mepipe.spot` makes of recordings that are short, black, cut, mixed or broken."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from videos import encoded

import mepipe
from mepipe.errors import UsageError
from mepipe.recordings.spot import open_sources

FAST = {"crf": "12", "preset": "ultrafast"}


@pytest.fixture
def spot(tmp_path):
    def call(*paths, **options):
        return mepipe.spot(*paths, cache=tmp_path / "cache", **options)

    return call


@pytest.fixture
def write(tmp_path):
    def one(name, frames, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = frames if isinstance(frames, bytes) else encoded(
            frames, rate=25, options=FAST, **options
        )  # fmt: skip
        path.write_bytes(data)
        return path

    return one


def images(folder, frames):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        cv2.imwrite(str(folder / f"img{number:03d}.jpg"), frame)
    return folder


def test_one_frame_is_no_recording(spot, write, tmp_path):
    still = np.full((96, 128, 3), 90, np.uint8)
    for path in (write("one.mp4", [still]), images(tmp_path / "single", [still])):
        found = spot(path, fps=25)
        assert found.recordings == ()
        (failure,) = found.failures
        assert failure.clip == path.stem
        assert failure.error == "BadDataError"
        assert failure.message
        assert failure.remedy


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_black_has_no_face_no_cut_and_no_event(spot, write, noise):
    rng = np.random.default_rng(0)
    frames = np.abs(rng.normal(scale=noise, size=(40, 96, 128, 3))).astype(np.uint8)
    (found,) = spot(write("black.mp4", frames)).recordings
    assert (found.events, found.cuts, found.seen) == ((), (), 0.0)
    assert np.isnan(found.curve).all()


@pytest.mark.slow
def test_a_recording_without_a_face_for_long_is_searched_in_bounded_steps(
    spot, write, made_recording, short_chunks
):
    room = np.full_like(made_recording.frames[0], 120)
    frames = [*[room] * 250, *made_recording.frames[130:180]]
    (found,) = spot(write("late.mp4", frames)).recordings
    assert found.cuts == (250,)
    assert np.isnan(found.curve[:250]).all()
    assert [one.kind for one in found.movements] == ["micro"]
    assert abs(found.movements[0].onset - (250 + 142 - 130)) <= 2


@pytest.mark.slow
def test_cuts_are_cuts_and_every_scene_has_its_movements(spot, write, made_recording):
    scene = list(made_recording.frames[130:180])
    other = [frame[::-1] for frame in made_recording.frames[:20]]  # nobody stands on his head
    (found,) = spot(write("cut.mp4", [*scene, *other, *scene])).recordings
    assert found.cuts == (50, 70)
    assert [one.kind for one in found.movements] == ["micro", "micro"]
    assert [one.onset for one in found.movements] == pytest.approx([12, 82], abs=2)
    for one in found.movements:
        assert not any(one.onset < cut <= found.last_of(one) for cut in found.cuts)


@pytest.mark.slow
def test_a_variable_rate_is_measured_in_time(spot, write, made_recording):
    frames = made_recording.frames[130:180]
    rng = np.random.default_rng(2)
    kept = np.sort(rng.choice(50, 40, replace=False))
    kept = np.union1d(kept, np.arange(10, 24))  # all of the movement
    path = write(
        "variable.mkv", frames[kept], container="matroska", stamps=kept * 40.0,
    )  # fmt: skip
    (found,) = spot(path).recordings
    assert found.fps is None
    np.testing.assert_allclose(found.times_ms, (kept - kept[0]) * 40.0, atol=1)
    (one,) = found.movements
    assert found.times_ms[one.onset] == pytest.approx(480 - 40.0 * kept[0], abs=80)
    assert found.times_ms[one.offset] == pytest.approx(760 - 40.0 * kept[0], abs=100)


@pytest.mark.slow
def test_two_people_are_two_faces(spot, write, made_recording):
    """The other one, mirrored, moves later; black stands between them."""
    left = made_recording.frames[130:190]
    right = made_recording.frames[120:180][:, :, ::-1]
    between = np.zeros((60, 240, 40, 3), np.uint8)
    (found,) = spot(write("two.mp4", np.concatenate([left, between, right], axis=2))).recordings
    assert found.several_faces
    by_face = {one.face: one.onset for one in found.movements}
    assert sorted(by_face.values()) == pytest.approx([12, 22], abs=2)
    assert len(found.movements) == len(by_face) == 2


@pytest.mark.slow
def test_images_need_a_rate(spot, tmp_path, made_recording):
    folder = images(tmp_path / "frames", made_recording.frames[130:180])
    found = spot(folder)
    (failure,) = found.failures
    assert "frames per second" in failure.message
    assert "--fps" in failure.remedy
    (known,) = spot(folder, fps=25).recordings
    assert known.fps == 25
    assert list(known.numbers) == list(range(1, 51))
    assert [one.kind for one in known.movements] == ["micro"]


@pytest.mark.parametrize("fps", [0.0, -25.0, 1e9, float("nan"), float("inf")])
def test_a_rate_that_no_camera_has_is_refused(spot, tmp_path, brief, write, fps):
    path = write("a.mp4", brief)
    folder = images(tmp_path / "frames", np.zeros((9, 20, 20, 3), np.uint8))
    for one in (path, folder):
        with pytest.raises(UsageError, match="fps"):
            spot(one, fps=fps)


def test_paths_that_are_no_recording_are_refused(tmp_path, write, brief):
    with pytest.raises(UsageError, match=r"nowhere\.mp4"):
        open_sources([tmp_path / "nowhere.mp4"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        open_sources([tmp_path / "empty"])
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(UsageError, match="note"):
        open_sources([tmp_path / "note.txt"])
    one, other = write("a/talk.mp4", brief), write("b/talk.avi", brief)
    with pytest.raises(UsageError, match="two recordings are called talk"):
        open_sources([one, other])
    with pytest.raises(UsageError, match="two recordings are called talk"):
        open_sources([one, one])


def test_a_folder_of_videos_is_a_dataset(write, brief, tmp_path):
    write("set/s01/talk.mp4", brief)
    write("set/s02/talk.mp4", brief)
    found = open_sources([tmp_path / "set"])
    assert [one.clip.id for one in found] == ["set/s01/talk", "set/s02/talk"]
    assert [one.clip.subject for one in found] == ["s01", "s02"]
    assert all(isinstance(one.video, Path) for one in found)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_video_among_good_ones_is_told_and_the_others_are_found(spot, write, brief, jobs):
    good, bad = write("good.mp4", brief), write("bad.mp4", brief[:2000])
    empty = write("empty.mp4", b"")
    found = spot(empty, good, bad, jobs=jobs)
    assert [one.name for one in found.recordings] == ["good"]
    assert [one.clip for one in found.failures] == ["bad", "empty"]
    for one in found.failures:
        assert one.stage == "recording"
        assert one.message
        assert one.remedy


@pytest.mark.slow
def test_two_processes_find_what_one_does(write, brief, made_recording, tmp_path):
    paths = [write("b.mp4", brief), write("a.mp4", made_recording.frames[215:255])]
    one, two = (mepipe.spot(*paths, cache=tmp_path / f"c{n}", jobs=n) for n in (1, 2))
    assert [found.name for found in two.recordings] == ["a", "b"]
    for first, second in zip(one.recordings, two.recordings, strict=True):
        np.testing.assert_array_equal(first.curve, second.curve)
        assert [(e.kind, e.onset, e.apex, e.offset, e.strength) for e in first.events] == [
            (e.kind, e.onset, e.apex, e.offset, e.strength) for e in second.events
        ]
        assert first.movements


def test_progress_is_told_in_seconds(write, brief, tmp_path):
    told = []
    mepipe.spot(
        write("a.mp4", brief),
        cache=tmp_path / "cache",
        progress=lambda title, done, total: told.append((title, done, total)),
    )
    assert told[-1] == ("a, s", 2, 2)


def test_two_real_people_are_two_faces(shared_data, write, spot):
    image = cv2.imread(str(shared_data / "faces" / "two_people.jpg"))
    image = cv2.resize(image, None, fx=640 / image.shape[1], fy=640 / image.shape[1])
    image = image[: image.shape[0] // 2 * 2]
    rng = np.random.default_rng(0)
    frames = [
        np.uint8(np.clip(image + rng.normal(scale=2, size=image.shape), 0, 255)) for _ in range(30)
    ]
    (found,) = spot(write("people.mp4", frames)).recordings
    assert found.seen == 1
    assert found.movements == ()


def test_the_folder_of_the_video_is_left_as_it_was(write, brief, spot, tmp_path):
    path = write("films/a.mp4", brief)
    spot(path)
    assert [one.name for one in path.parent.iterdir()] == ["a.mp4"]
    shutil.rmtree(tmp_path / "cache")
    assert path.read_bytes() == brief


@pytest.mark.slow
def test_a_real_smile_shown_five_times_is_five_movements(shared_data, tmp_path):
    """A person smiles once, and the video is repeated: the cuts are no movements."""
    from mepipe.clips.file_index import probe_file
    from mepipe.frames import video_frames
    from mepipe.sample.video_files import write_video

    source = shared_data / "videos" / "single_face.mp4"
    facts = probe_file(source).video
    with source.open("rb") as file:
        images = [image for _, image in video_frames(file, facts=facts)]
    five = tmp_path / "five.mp4"
    write_video(five, images * 5, 30, codec="libx264", pixels="yuv420p", options={"crf": "16"})
    (found,) = mepipe.spot(five, cache=tmp_path / "cache").recordings
    assert found.cuts == (72, 144, 216, 288)
    # The smile begins after frame 14 of each pass, and is held until the last frames.
    assert [round((event.onset - 15) / 72) for event in found.movements] == [0, 1, 2, 3, 4]
    assert all((event.onset - 13) % 72 <= 8 for event in found.movements)
    assert not [event for event in found.events if event.kind == "speech"]

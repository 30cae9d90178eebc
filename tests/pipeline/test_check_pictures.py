"""A check that decodes every frame says what a run then does, in the same words."""

import csv
import random

import cv2
import numpy as np
import pytest
from videos import encoded, interlaced

from mepipe.config import load_config
from mepipe.datasets.registry import open_dataset
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.check import check_dataset
from mepipe.run import run

pytestmark = pytest.mark.slow

SETTINGS = ["report.enabled=false", "flow.size=64", "flow.scales=3", "flow.outer_iterations=2"]


def faces(made_sample, count=24):
    """Return frames of a made clip at half size, (N, 240, 320, 3)."""
    folder = next((made_sample(2, 2)).glob("s01/c01"))
    files = sorted(folder.glob("*.jpg"))[:count]
    return np.array([cv2.resize(cv2.imread(str(file)), (480, 360)) for file in files])


def broken(data, *, share=0.4, seed=2):
    """Return an H.264 file with bytes changed from ``share`` of its pictures on."""
    bytes_, dice = bytearray(data), random.Random(seed)
    start = data.find(b"mdat")
    first = start + int((len(data) - start) * share)
    for offset in range(0, 400, 20):
        bytes_[first + offset] ^= dice.randrange(1, 255)
    return bytes(bytes_)


@pytest.fixture(scope="module")
def dataset(made_sample, tmp_path_factory):
    """Videos of one face, each with something to say about it."""
    place = tmp_path_factory.mktemp("judged") / "d" / "p"
    place.mkdir(parents=True)
    images = faces(made_sample)
    clean = encoded(images, options={"qp": "12"})
    files = {
        "clean.mp4": clean,
        "damaged.mp4": broken(clean),
        "damaged_after.mp4": broken(clean, share=0.8),
        "interlaced.mkv": interlaced(np.repeat(images, 2, axis=0)),
        "wide.mp4": encoded(
            [cv2.resize(image, (360, 360)) for image in images], shape=(4, 3), options={"qp": "12"}
        ),
        "twice.mp4": encoded(np.repeat(images, 2, axis=0), options={"qp": "12"}, rate=60),
        "dark.mp4": encoded(images // 30, options={"qp": "12"}),
        "sideways.mp4": encoded([np.rot90(image) for image in images], options={"qp": "12"}),
        "text.mp4": b"this is no video\n" * 40,
        "slow.mp4": encoded(images, tags={"com.android.capture.fps": "240"}),
        "still.mp4": encoded(np.repeat(images[:1], 20, axis=0), "mov", "png", pixels="rgb24"),
    }
    for name, data in files.items():
        (place / name).write_bytes(data)
    (place / "images").mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(place / "images" / f"{number // 2 * 2 + number % 2:03d}.png"), image)
    for number in range(1, len(images), 2):
        same = (place / "images" / f"{number - 1:03d}.png").read_bytes()
        (place / "images" / f"{number:03d}.png").write_bytes(same)
    with (place.parent / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "onset", "apex", "offset", "fps"])
        writer.writerow(["damaged_after", 1, 4, 6, ""])
        writer.writerow(["images", "", "", "", 60])
    return place.parent


@pytest.fixture(scope="module")
def judged(dataset, tmp_path_factory):
    """Return what a check with every frame found, and the result of a run."""
    place = tmp_path_factory.mktemp("judgement")
    found = check_dataset(
        open_dataset(str(dataset)),
        load_config(None, SETTINGS),
        place / "cache",
        NoProgress(),
        frames=True,
    )
    result = run(
        str(dataset),
        out=place / "out",
        until="pack",
        jobs=2,
        settings=SETTINGS,
        cache=place / "cache",
    )
    return found, result


def test_check_and_run_use_the_same_clips(judged):
    found, result = judged
    refused = {problem.clip for problem in found.problems if problem.fatal}
    # Only spotting can tell that a clip has no motion.
    failed = {failure.clip: failure for failure in result.failures}
    assert refused == failed.keys() - {"d/p/still"}
    assert refused >= {"d/p/damaged", "d/p/dark", "d/p/text", "d/p/slow"}
    assert found.clips == result.clips
    for clip in refused:
        told = [problem.handling for problem in found.problems if problem.clip == clip]
        assert any(failed[clip].remedy in handling for handling in told), (told, failed[clip])


def test_every_note_of_the_run_was_a_problem_of_the_check(judged):
    found, result = judged
    told = {(problem.clip, problem.problem) for problem in found.problems}
    for note in result.notes:
        if note.clip is not None and "no movement" not in note.text and "visible" not in note.text:
            assert (note.clip, note.problem) in told, note


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ("damaged", "the frame is damaged at"),
        ("damaged_after", "are damaged"),
        ("interlaced", "are interlaced"),
        ("wide", "pixels are not square (4:3)"),
        ("twice", "24 of 48 frames show the same picture"),
        ("dark", "the frames are dark"),
        ("sideways", "rolled by"),
        ("text", "it holds text"),
        ("slow", "slow motion"),
        ("images", "12 of 24 frames show the same picture as the frame before: 30 new"),
        ("still", "19 of 20 frames show the same picture"),
    ],
)
def test_each_is_told_what_it_is(judged, clip, words):
    found, _ = judged
    told = [problem.problem for problem in found.problems if problem.clip == f"d/p/{clip}"]
    assert any(words in text for text in told), told


def test_a_clean_video_has_no_problem(judged):
    found, result = judged
    told = {problem.problem for problem in found.problems if problem.clip == "d/p/clean"}
    assert told == {"has no row in labels.csv"}
    assert "d/p/clean" not in {failure.clip for failure in result.failures}


def test_a_clip_with_one_picture_shows_no_motion(judged):
    _, result = judged
    (failure,) = [one for one in result.failures if one.clip == "d/p/still"]
    assert "show one picture" in failure.message


def test_spotting_takes_the_first_frame_of_a_picture(judged):
    _, result = judged
    table = result.load().table.set_index("clip")
    for clip in ("d/p/twice", "d/p/images"):
        row = table.loc[clip]
        assert row.onset % 2 == row.apex % 2 == 0


def test_a_head_that_rolls_is_told(made_sample, tmp_path):
    images = faces(made_sample, 16)
    place = tmp_path / "d" / "p" / "rolls"
    place.mkdir(parents=True)
    for number, image in enumerate(images):
        turn = cv2.getRotationMatrix2D((240, 180), 1.5 * number, 1.0)
        cv2.imwrite(str(place / f"{number:03d}.png"), cv2.warpAffine(image, turn, (480, 360)))
    found = check_dataset(
        open_dataset(str(tmp_path / "d")),
        load_config(None, ["data.fps=100"]),
        tmp_path / "cache",
        NoProgress(),
        frames=True,
    )
    assert any("the head rolls from" in problem.problem for problem in found.problems)


def test_an_image_that_does_not_decode_is_found(made_sample, tmp_path):
    images = faces(made_sample, 8)
    place = tmp_path / "d" / "p" / "c"
    place.mkdir(parents=True)
    for number, image in enumerate(images):
        cv2.imwrite(str(place / f"{number:03d}.png"), image)
    data = bytearray((place / "005.png").read_bytes())
    data[len(data) // 2] ^= 255
    (place / "005.png").write_bytes(data)
    found = check_dataset(
        open_dataset(str(tmp_path / "d")),
        load_config(None, ["data.fps=100"]),
        tmp_path / "cache",
        NoProgress(),
        frames=True,
    )
    assert found.usable == 0
    assert any("1 frame(s) cannot be decoded" in problem.problem for problem in found.problems)

"""What is decided of a user's table with the settings: units, unknown marks, rates, classes."""

import cv2
import numpy as np
import pytest
from lookalikes import write_csv

from mepipe.clips.inputs import open_inputs
from mepipe.clips.unknown_marks import without_unknown
from mepipe.config.load import as_config
from mepipe.datasets.clip import Clip, Images, Mark
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.execution.progress import progress_for
from mepipe.plausible import is_usual_rate, likely_rate, one_class_each

HEADER = ("subject", "clip", "emotion", "onset", "apex", "offset", "fps")


def opened(root, *settings):
    dataset = open_dataset(f"d={root / 'd'}")
    config = as_config(None, settings)
    return open_inputs([dataset], config, root / "cache", jobs=1, progress=progress_for(None))


def tree(root, rows, *, first=1, last=60, skipped=()):
    for row in rows:
        folder = root / "d" / row[0] / row[1]
        folder.mkdir(parents=True)
        for number in range(first, last + 1):
            if number not in skipped:
                cv2.imwrite(str(folder / f"{number:03d}.png"), np.zeros((8, 8, 3), np.uint8))
    write_csv(root / "d" / "labels.csv", [HEADER, *rows])
    return root


def marks(clip):
    inner = clip.input
    return tuple(mark and mark.number for mark in (inner.onset, inner.apex, inner.offset))


@pytest.mark.parametrize("apex", ["0.25", "0,5", "250 ms", "1.5e0"])
def test_fractions_are_refused_as_frame_numbers_for_the_whole_table(tmp_path, apex):
    rows = [("anna", "c1", "fear", 1, 2, 3, 30), ("ben", "c1", "anger", 1, apex, 3, 30)]
    with pytest.raises(UsageError) as caught:
        opened(tree(tmp_path, rows))
    assert f"labels.csv: line 3, column apex: {apex!r}" in caught.value.message
    assert "--set labels.time=seconds" in caught.value.remedy


@pytest.mark.parametrize("unit", ["frames", "seconds", "milliseconds"])
def test_a_time_of_a_clock_is_refused(tmp_path, unit):
    with pytest.raises(UsageError, match="a time of a clock"):
        opened(
            tree(tmp_path, [("anna", "c1", "fear", "0:00:01", "", "", 30)]), f"labels.time={unit}"
        )


@pytest.mark.parametrize(
    ("unit", "cells"), [("seconds", (0, "0.5", "1,0")), ("milliseconds", (0, 500, 1000))]
)
def test_times_are_placed_on_the_nearest_frame(tmp_path, unit, cells):
    root = tree(tmp_path, [("anna", "c1", "fear", *cells, 30)])
    (clip,) = opened(root, f"labels.time={unit}").clips
    assert marks(clip) == (1, 16, 31)


def test_times_follow_the_frame_numbers_where_frames_are_missing(tmp_path):
    root = tree(tmp_path, [("anna", "c1", "fear", "0", "0.5", "1.0", 30)], skipped=range(5, 10))
    (clip,) = opened(root, "labels.time=seconds").clips
    assert marks(clip) == (1, 16, 31)


def test_a_time_beyond_the_clip_is_left_to_spotting_and_told_as_stated(tmp_path):
    root = tree(tmp_path, [("anna", "c1", "fear", "0", "0.5", "7.5", 30)])
    found = opened(root, "labels.time=seconds")
    assert marks(found.clips[0]) == (1, 16, None)
    assert any("offset 7.5 seconds" in note.text for note in found.notes)


def test_times_without_a_rate_cost_their_clip(tmp_path):
    rows = [("anna", "c1", "fear", "0", "0.5", "1", ""), ("ben", "c1", "anger", 0, 0.5, 1, 30)]
    found = opened(tree(tmp_path, rows), "labels.time=seconds")
    (failure,) = found.failures
    assert failure.clip == "d/anna/c1"
    assert "frames per second are unknown" in failure.message
    assert "data.fps" in failure.remedy
    assert len(opened(tmp_path, "labels.time=seconds", "data.fps=30").clips) == 2


@pytest.mark.parametrize(
    ("cells", "first", "expected"),
    [
        ((0, 20, 30), 1, (None, 20, 30)),
        ((10, 20, 0), 1, (10, 20, None)),
        ((10, -1, -1), 1, (10, None, None)),
        ((-1, 20, 30), 0, (None, 20, 30)),
        ((0, 20, 30), 0, (0, 20, 30)),
        ((5, 0, 30), 0, (5, None, 30)),
        ((0, 20, 0), 0, (0, 20, None)),
        ((0, 0, 0), 0, (None, None, None)),
    ],
)
def test_zero_and_minus_one_are_unknown_where_they_are_no_frames(tmp_path, cells, first, expected):
    root = tree(tmp_path, [("anna", "c1", "fear", *cells, 30)], first=first)
    found = opened(root, "data.repair=error")
    assert marks(found.clips[0]) == expected
    noted = [note.text for note in found.notes if "taken as unknown" in note.text]
    assert len(noted) == sum(one is None for one in expected)


def test_what_the_user_corrects_is_not_unknown(tmp_path):
    source = Images(tmp_path, ("1.png", "2.png"), (1, 2))
    clip = Clip("c", "d", "s", "d/s", source, apex=Mark(0, "correction"))
    assert without_unknown(clip, zero_is_a_frame=False) == (clip, [])


@pytest.mark.parametrize("fps", ["0.2", "4.9", "2001", "99999"])
def test_an_implausible_rate_needs_the_users_word(tmp_path, fps):
    root = tree(tmp_path, [("anna", "c1", "fear", 10, 20, 30, fps)])
    (failure,) = opened(root).failures
    assert "implausible" in failure.message
    assert f"--set data.fps={fps}" in failure.remedy
    assert opened(root, "data.fps=30").failures
    assert opened(root, f"data.fps={fps}").clips[0].input.timing.fps == float(fps)


@pytest.mark.parametrize("fps", ["5", "24", "2000", ""])
def test_a_usual_rate_needs_none(tmp_path, fps):
    assert opened(tree(tmp_path, [("anna", "c1", "fear", 10, 20, 30, fps)])).failures == ()


def test_a_rate_of_too_many_zeros_says_which_is_meant(tmp_path):
    found = opened(tree(tmp_path, [("anna", "c1", "fear", 10, 20, 30, "200000")]))
    assert any("(did you mean 200?)" in note.text for note in found.notes)
    assert (likely_rate(0.2), likely_rate(30_000), likely_rate(7777)) == (200, 30, None)
    assert is_usual_rate(5)
    assert not is_usual_rate(float("nan"))


def test_class_codes_are_told_with_the_way_to_name_them(tmp_path):
    rows = [(s, "c1", code, 1, 2, 3, 30) for s, code in zip("abcd", (0, "0.0", 1, "1.0"))]  # noqa: B905
    found = opened(tree(tmp_path, rows))
    assert found.labels.classes == ("0", "1")
    assert any("labels.classes=FILE.toml" in note.text for note in found.notes)
    scheme = tmp_path / "my.toml"
    scheme.write_text('[words]\n"0" = "calm"\n"1.0" = "tense"\n')
    found = opened(tmp_path, f"labels.classes={scheme}")
    assert found.labels.classes == ("calm", "tense")
    assert not any("numbers" in note.text for note in found.notes)


def test_subjects_of_one_class_each_are_told_first(tmp_path):
    rows = [(s, f"c{i}", e, 1, 2, 3, 30) for s, e in (("a", "fear"), ("b", "surprise"))
            for i in range(2)]  # fmt: skip
    found = opened(tree(tmp_path, rows))
    assert "every subject has clips of one class only" in found.notes[0].text


@pytest.mark.parametrize(
    ("clips", "warns"),
    [
        ("a1 a1 b2 b2", True),
        ("a1 a1 b2 b2 c1", True),
        ("a1 b2", False),
        ("a1 a1 b2", False),
        ("a1 a1 b1 b1", False),
        ("a1 a2 b2 b2", False),
    ],
)
def test_when_subjects_of_one_class_each_are_worth_a_word(clips, warns):
    assert bool(one_class_each((one[0], one[1]) for one in clips.split())) == warns

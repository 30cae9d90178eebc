"""Spotting in recordings is counted right, and its baselines find what cannot be missed."""

import numpy as np
import pytest
from click.testing import CliRunner

from mepipe.bench import mdmd, windows
from mepipe.bench.recordings import KINDS, Row, count, matched, recordings_table
from mepipe.sample.timeline import plan_recording

pytestmark = pytest.mark.slow

FPS = 30.0


def test_one_prediction_matches_one_truth_and_as_many_as_can_be_are_matched():
    truth = [(0, 5, 9), (10, 15, 19)]
    assert matched(truth, [(0, 5, 19)]) in ([(0, 0)], [(1, 0)])  # overlaps each by exactly .5
    assert matched([(0, 5, 9)], [(0, 5, 19)]) == [(0, 0)]
    assert matched([(0, 5, 9)], [(0, 5, 20)]) == []
    assert matched([(0, 5, 9)], [(30, 35, 39)]) == []
    # A greedy choice of the best overlap would leave the second truth alone.
    assert sorted(matched([(0, 5, 9), (2, 8, 16)], [(1, 5, 10), (0, 3, 7)])) == [(0, 1), (1, 0)]
    assert matched([], [(0, 1, 2)]) == matched([(0, 1, 2)], []) == []


def test_counts_are_pooled_and_by_kind():
    row = Row("a", "b")
    micro, macro, wrong = (100, 105, 112), (200, 220, 250), (400, 405, 410)
    count(row, [micro, macro], [(101, 106, 110), (200, 205, 214), wrong], FPS)
    assert row.counts == {"all": (1, 3, 2), "macro": (0, 0, 1), "micro": (1, 3, 1)}
    assert row.figures("all") == pytest.approx((1 / 3, 1 / 2, 2 / 5))
    assert row.onset_ms == [pytest.approx(1000 / FPS)]
    assert row.offset_ms == [pytest.approx(2000 / FPS)]
    count(row, [], [wrong], FPS)  # a recording without truth counts
    assert row.counts["all"] == (1, 4, 2)
    row.seconds = 120.0
    assert row.false_a_minute == 1.5


def test_a_row_without_predictions_is_shown_with_gaps():
    lines = recordings_table([Row("windows", "empty")]).splitlines()
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1
    assert "nan" not in lines[2]


def test_mdmd_finds_a_movement_that_returns_and_no_step():
    still = np.zeros((60, 60, 2), np.float32)
    moved = still.copy()
    moved[:30, :, 1] = -2
    assert mdmd.block_difference(moved, still) == pytest.approx(2)
    assert mdmd.block_difference(moved, moved) == 0  # it stays
    course = np.zeros(120)
    course[50:61] = 1 - np.abs(np.linspace(-1, 1, 11))
    ((onset, apex, offset),) = mdmd.spotted(course, 10)
    assert 50 <= onset < apex == 55 < offset <= 61
    assert mdmd.spotted(np.zeros(120), 10) == []
    assert mdmd.spotted(course[:10], 10) == []


def test_windows_cover_a_recording_to_its_end():
    images = [np.full((8, 8, 3), i, np.uint8) for i in range(25)]
    seen = [
        (start, int(frames[0][0, 0, 0]), len(frames))
        for start, frames in windows._windows(iter(images), 10, 5)
    ]
    assert seen == [(0, 0, 10), (5, 5, 10), (10, 10, 10), (15, 15, 10)]
    short = list(windows._windows(iter(images[:7]), 10, 5))
    assert [(start, len(frames)) for start, frames in short] == [(0, 7)]
    odd = list(windows._windows(iter(images[:13]), 10, 5))
    assert [start for start, _ in odd] == [0, 3]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plain recording with macro movements, and its truth."""
    pytest.importorskip("skimage", reason="the face is of a photograph of scikit-image")
    from mepipe.sample.identity import make_subject
    from mepipe.sample.photos import astronaut
    from mepipe.sample.recordings import write_recording

    path = tmp_path_factory.mktemp("made") / "recording.mp4"
    plan = plan_recording((3, 0, 0), seconds=10, fps=FPS, everyday=KINDS["plain"])
    write_recording(path, make_subject(astronaut(), 0, 3), plan)
    return path, [(one.onset, one.apex, one.offset) for one in plan.movements]


@pytest.mark.parametrize("spot", [windows.flow_peak_windows, mdmd.mdmd_tuned])
def test_a_baseline_finds_movements_of_a_plain_recording(made, spot):
    path, truth = made
    assert truth
    found = spot(path)
    assert all(0 <= onset <= apex <= offset < 300 for onset, apex, offset in found)
    assert any(onset <= true[1] <= offset for onset, _, offset in found for true in truth)


def test_the_command_prints_a_row_of_each_kind(monkeypatch):
    pytest.importorskip("skimage", reason="the face is of a photograph of scikit-image")
    from mepipe.cli import main

    monkeypatch.delitem(KINDS, "blinks, head, light")
    monkeypatch.delitem(KINDS, "and speech")

    arguments = ["bench", "spot", "--recordings", "--subjects", "1", "--seconds", "10", "--fps"]
    result = CliRunner().invoke(main, [*arguments, "25", "--method", "mdmd"])
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if line.startswith("|")][2:]
    assert [row.split("|")[1].strip() for row in rows] == list(KINDS)
    assert {row.split("|")[2].strip() for row in rows} == {"mdmd"}
    empty = [cell.strip() for cell in rows[-1].split("|")]
    assert empty[4:8] == ["", "", "", ""]  # recall and F1 mean nothing where nothing moves
    assert float(empty[11]) > 0  # ms a frame
    result = CliRunner().invoke(main, [*arguments, "25", "--method", "guess"])
    assert result.exit_code == 2
    assert "windows" in result.output

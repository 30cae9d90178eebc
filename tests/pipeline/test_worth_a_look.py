"""Which clips are worth a look: marks without motion come first, sound marks not at all."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from test_run import edit_labels

import mepipe
from mepipe.cli import main
from mepipe.pipeline.motion import Motion
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.pipeline.worth_a_look import (
    DOUBTS,
    Doubt,
    disagreement,
    doubts_csv,
    doubts_in,
    doubts_of,
)

ALL = ["report.curves=all"]


def motion(peak=50, width=12.0, count=100, height=0.5, *, movement=True, beside=()):
    """A movement of one region; ``beside`` are (peak, height) of others in another direction."""
    at = np.arange(count)
    curve = (height * np.exp(-(((at - peak) / width) ** 2))).astype(np.float32)
    other = sum((h * np.exp(-(((at - p) / width) ** 2)) for p, h in beside), np.zeros(count))
    return Motion(
        peak - 20, peak, peak + 20, {"onset": 0.9, "apex": 0.9, "offset": 0.9}, movement, 5.0, 0,
        curve, {"chin": np.stack([curve, other], axis=-1).astype(np.float32)}, 5.0,
    )  # fmt: skip


def test_a_mark_at_the_motion_gives_no_doubt():
    assert disagreement("a", motion(), 30, 50) is None
    # Beside it, as coders differ; and within a movement that lasts.
    assert disagreement("a", motion(), 30, 56) is None
    assert disagreement("a", motion(width=40.0), 10, 66) is None
    # Where the face is not seen, a note says so.
    assert disagreement("a", motion(), 30, 400) is None


def test_a_mark_elsewhere_gives_one_and_the_farther_the_more():
    far = disagreement("a", motion(), 1, 15)
    near = disagreement("a", motion(), 20, 32)
    assert far.kind == near.kind == "peak-elsewhere"
    assert "peaks at frame 50" in far.text
    assert "apex is frame 15" in far.text
    assert far.weight > near.weight
    # Half of a movement is missing where the onset is late.
    assert disagreement("a", motion(), 48, 52).kind == "peak-elsewhere"


def test_another_movement_at_the_mark_is_no_doubt_if_it_is_not_much_smaller():
    assert disagreement("a", motion(beside=[(15, 0.4)]), 0, 15) is None
    assert disagreement("a", motion(beside=[(15, 0.1)]), 0, 15).kind == "peak-elsewhere"


def test_a_clip_in_which_nothing_moves():
    found = disagreement("a", motion(movement=False), 30, 50)
    assert found.kind == "nothing-moves"


def outcome(clip, *, source="spotted", confidence=0.9, movement=True, onset=30, apex=50):
    values = {"movement": movement, "strength": 1.0}
    for name, at in (("onset", onset), ("apex", apex), ("offset", 70)):
        values |= {name: at, f"{name}_source": source, f"{name}_confidence": confidence}
    return ClipOutcome(clip, {"spot": StageOutcome("", {}, "", values, None, {}, computed=False)})


def test_the_worst_comes_first_and_every_kind_has_words():
    outcomes = {
        "sure": outcome("sure"),
        "unsure": outcome("unsure", confidence=0.3),
        "still": outcome("still", movement=False),
        "right": outcome("right", source="annotation"),
        "wrong": outcome("wrong", source="annotation", onset=1, apex=15),
        "noted": outcome("noted"),
        "middle": outcome("middle", source="middle", confidence=0.0),
    }
    motions = {"right": motion(), "wrong": motion()}
    notes = [("noted", "2 faces"), (None, "a dataset"), ("sure", "action units '9x': no")]
    notes += [("sure", "row 2 of corrections.csv corrects apex 9: the correction is used")]
    notes += [("sure", "41% of a channel is beyond: a large movement, or the head's motion")]
    found = doubts_of(outcomes, motions, notes)
    assert [(one.clip, one.kind) for one in found] == [
        ("wrong", "peak-elsewhere"),
        ("still", "still"),
        ("unsure", "unsure"),
        ("noted", "noted"),
    ]
    assert {one.kind for one in found} < set(DOUBTS)
    # Marks that were corrected since are those that count.
    now = {"wrong": {"onset": 30, "apex": 50}, "right": {"onset": 1, "apex": 15}}
    assert doubts_of(outcomes, motions, marks=now)[0].clip == "right"


@given(
    st.lists(
        st.builds(
            Doubt,
            st.text(st.characters(exclude_categories=("Cs",)), min_size=1),
            st.sampled_from(sorted(DOUBTS)),
            st.text(st.characters(exclude_categories=("Cs",)), min_size=1),
            st.integers(0, 10_000).map(lambda n: n / 10_000),
        )
    )
)
def test_the_table_comes_back_as_it_was_and_holds_no_formula(doubts):
    data = doubts_csv(doubts)
    assert doubts_in(data) == tuple(doubts)
    for row in csv.reader(io.StringIO(data.decode(), newline="")):
        assert not [cell for cell in row if cell.startswith(tuple("=+-@\t\r\n"))]


@pytest.mark.parametrize(
    "data",
    [
        b"clip,kind\na,still\n", b"clip,kind,weight,text\na,still\n",
        b"clip,kind,weight,text\na,still,much,t\n", b'clip,kind,weight,text\n"a,still', b"\xff",
    ],
)  # fmt: skip
def test_a_table_that_was_damaged_by_hand_is_one_of_two_errors(data):
    with pytest.raises((KeyError, ValueError)):
        doubts_in(data)


def test_empty_rows_that_an_editor_left_are_no_doubts():
    data = b"clip,kind,weight,text\n\na,still,0.5,t\n\n"
    assert doubts_in(data) == (Doubt("a", "still", "t", 0.5),)
    assert doubts_in(b"") == ()


def move_the_apex(rows):
    # Into the rest before the movement.
    rows[1] |= {"onset": 2, "apex": 8, "offset": 12}


@pytest.fixture
def moved(run, sample):
    sound = run(sample, settings=ALL, out=sample.parent / "sound")
    edit_labels(sample, move_the_apex)
    return sound, run(sample, settings=ALL)


@pytest.mark.slow
def test_a_moved_mark_is_worth_a_look_and_the_others_are_not(moved, tmp_path, sample):
    sound, found = moved
    assert sound.doubts == ()
    assert not (tmp_path / "out" / "worth-a-look.csv").read_text().startswith("=")
    (doubt,) = found.doubts
    assert (doubt.clip, doubt.kind) == ("sample/s01/c02", "peak-elsewhere")
    assert found.paths["worth_a_look"].read_bytes() == doubts_csv([doubt])

    # A check says the same, from what the run found.
    checked = mepipe.check(sample, cache=tmp_path / "cache")
    assert checked.doubts == (doubt,)
    assert "peaks at frame" in checked.corrections()
    arguments = ["check", str(sample), "--cache", str(tmp_path / "cache")]
    said = CliRunner().invoke(main, arguments)
    assert "1 clip(s) worth a look" in said.output
    told = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert [one["clip"] for one in told["worth_a_look"]] == ["sample/s01/c02"]

    # The mark corrected, there is nothing to look at, before anything is computed.
    edit_labels(sample, lambda rows: rows[1].update(onset=16, apex=38, offset=64))
    assert mepipe.check(sample, cache=tmp_path / "cache").doubts == ()


def test_a_run_without_curves_has_no_word_on_annotated_clips(run, sample):
    edit_labels(sample, move_the_apex)
    assert run(sample).doubts == ()

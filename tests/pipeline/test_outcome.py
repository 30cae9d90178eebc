"""What a run says that it computed."""

from types import SimpleNamespace

import pytest

from mepipe.frames import Timing
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.pipeline.outputs import clip_notes

PREPARED = SimpleNamespace(
    clip=SimpleNamespace(id="a/s/c"),
    input=SimpleNamespace(frames=SimpleNamespace(count=9, is_video=False), timing=Timing(200.0)),
)


def done(digest, *, computed):
    return StageOutcome("k", {}, digest, {}, None, {}, computed=computed)


def outcome(**stages):
    return ClipOutcome("a/s/c", stages)


def test_what_was_computed_counts_once_it_is_found_again():
    """A clip that waited for another run is looked at twice; its face was computed all the same."""
    first = outcome(face=done("f", computed=True))
    second = outcome(face=done("f", computed=False), spot=done("s", computed=False))
    found = second.following(first)
    assert found.stages["face"].computed
    assert not found.stages["spot"].computed


def test_what_is_another_object_now_is_not_what_was_computed():
    first = outcome(face=done("f", computed=True))
    assert not outcome(face=done("g", computed=False)).following(first).stages["face"].computed
    assert outcome(face=done("g", computed=True)).following(None).stages["face"].computed


def test_a_low_frame_rate_is_remarked_on_once(toy_run, toy_data):
    data = toy_data(3)
    table = data / "labels.csv"
    assert not any("frames per second" in note.text for note in toy_run(data).execute().notes)
    table.write_text(table.read_text().replace(",200\n", ",25\n", 2))
    (note,) = (n for n in toy_run(data).execute().notes if "frames per second" in n.text)
    assert note.clip is None
    assert note.text.startswith("2 clip(s) have fewer than 60 frames per second (25)")


@pytest.mark.parametrize(("share", "told"), [(None, False), (0.0, False), (0.2, True)])
def test_motion_beyond_the_linear_range_is_remarked_on(share, told):
    values = {} if share is None else {"limited": [0.0, share, 0.004]}
    tensor = StageOutcome("k", {}, "t", values, None, {}, computed=True)
    found = [note.text for note in clip_notes([PREPARED], {"a/s/c": outcome(tensor=tensor)})]
    assert [text for text in found if "linear range" in text] == found
    assert bool(found) == told
    if told:
        assert found[0].startswith("20% of a channel")

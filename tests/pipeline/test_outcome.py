"""What a run says that it computed."""

from mepipe.pipeline.work import ClipOutcome, StageOutcome


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

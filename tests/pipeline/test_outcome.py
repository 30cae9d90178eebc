"""What a run says that it computed."""

from mepipe.pipeline.outcome import ClipOutcome, StageOutcome


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

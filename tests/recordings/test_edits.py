import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.errors import UsageError
from mepipe.recordings.corrected import CorrectedEvent, add, delete, merge, move, ordered, split

WITHIN = (1, 200)


@st.composite
def movements(draw):
    onset = draw(st.integers(1, 190))
    apex = draw(st.integers(onset + 1, 195))
    offset = draw(st.none() | st.integers(apex, 200))
    return CorrectedEvent(onset, apex, offset, draw(st.sampled_from(["", "micro", "macro"])))


lists = st.lists(movements(), min_size=1, max_size=6).map(ordered)


def frames(events):
    return [{*range(one.onset, one.last + 1)} for one in events]


def check(events):
    assert events == ordered(events)
    for one in events:
        assert WITHIN[0] <= one.onset < one.apex <= one.last <= WITHIN[1]


@given(lists, st.data())
def test_split_and_merge_keep_order_and_every_frame(events, data):
    at = data.draw(st.integers(0, len(events) - 1))
    position = data.draw(st.integers(events[at].onset - 1, events[at].last + 1))
    try:
        parts = split(events, at, position)
    except UsageError:
        assert not events[at].onset + 2 <= position <= events[at].last - 1
        return
    check(parts)
    assert len(parts) == len(events) + 1
    assert set().union(*frames(parts)) == set().union(*frames(events))
    assert sum(map(len, frames(parts))) == sum(map(len, frames(events))), "no frame twice"
    # Another movement may end or begin there, too, or be the same as a part.
    made = list(parts)
    for one in delete(events, at):
        made.remove(one)
    first = next(i for i, one in enumerate(parts) if one in made and one.last == position - 1)
    second = next(i for i, one in enumerate(parts) if one in made and one.onset == position)
    whole = merge(parts, first, second)
    check(whole)
    spans = sorted((one.onset, one.offset) for one in whole if one.offset is not None)
    assert spans == sorted((one.onset, one.offset) for one in events if one.offset is not None)


@given(lists, movements())
def test_add_and_delete_are_each_others_inverse(events, one):
    try:
        more = add(events, one, WITHIN)
    except UsageError:
        same = (one.onset, one.apex, one.offset)
        assert same in [(other.onset, other.apex, other.offset) for other in events]
        return
    check(more)
    assert delete(more, more.index(one)) == events


@given(lists, st.data())
def test_move_keeps_order_and_bounds_or_refuses(events, data):
    at = data.draw(st.integers(0, len(events) - 1))
    mark = data.draw(st.sampled_from(["onset", "apex", "offset"]))
    number = data.draw(st.integers(-5, 205))
    old = events[at]
    marks = {"onset": old.onset, "apex": old.apex, "offset": old.offset, mark: number}
    last = marks["apex"] if marks["offset"] is None else marks["offset"]
    try:
        moved = move(events, at, WITHIN, **{mark: number})
    except UsageError:
        assert not WITHIN[0] <= marks["onset"] < marks["apex"] <= last <= WITHIN[1]
        return
    check(moved)
    rest = list(moved)
    for one in delete(events, at):
        rest.remove(one)
    assert [(one.onset, one.apex, one.offset) for one in rest] == [tuple(marks.values())]


def test_what_was_said_of_the_length_goes_when_the_length_changes():
    one = (CorrectedEvent(10, 15, 20, "micro", "fear", "seen"),)
    assert move(one, 0, WITHIN, apex=16)[0].kind == "micro"
    assert move(one, 0, WITHIN, offset=120)[0].kind == ""
    assert [part.emotion for part in split(one, 0, 15)] == ["fear", "fear"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda: CorrectedEvent(5, 5, 9), "the apex 5 is not after the onset 5"),
        (lambda: CorrectedEvent(5, 6, 5), "the offset 5 is before the apex 6"),
        (lambda: split((CorrectedEvent(5, 6, 7),), 0, 6), "cannot be split at 6"),
        (lambda: merge((CorrectedEvent(5, 6),), 0, 0), "with itself"),
        (lambda: delete((), 0), "there is no movement 1"),
        (lambda: add((), CorrectedEvent(0, 6, 9), WITHIN), "not within the recording"),
        (
            lambda: merge(
                (CorrectedEvent(5, 6, emotion="fear"), CorrectedEvent(7, 8, emotion="anger")), 0, 1
            ),
            "the emotions anger and fear",
        ),
    ],
)
def test_what_cannot_be_is_refused(edit, message):
    with pytest.raises(UsageError, match=message) as caught:
        edit()
    assert caught.value.remedy

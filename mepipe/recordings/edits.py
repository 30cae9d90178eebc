"""The movements of a recording as a person edits them: split, merge, add, delete, move.

Plain functions on tuples of movements, which are ordered by their onsets. Frames are the dataset's
own numbers. Movements may overlap: the brows may move while the mouth does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mepipe.datasets.clip import Kind
from mepipe.errors import UsageError


@dataclass(frozen=True)
class CorrectedEvent:
    """A movement of a recording as a person marked it.

    Parameters
    ----------
    onset, apex
        The dataset's own frame numbers.
    offset
        Likewise; None where the movement had not ended when its scene did.
    kind
        ``micro``, ``macro``, or empty: its length says so (`mepipe.schema.is_micro`).
    emotion
        A word of the dataset's; empty if nobody says.
    why
        A remark.
    who, when
        Who wrote it, and the time (UTC, ISO 8601).

    Raises
    ------
    UsageError
        If not onset < apex <= offset.
    """

    onset: int
    apex: int
    offset: int | None = None
    kind: Kind = ""
    emotion: str = ""
    why: str = ""
    who: str = ""
    when: str = ""

    def __post_init__(self) -> None:
        if self.apex <= self.onset:
            raise UsageError(
                f"the apex {self.apex} is not after the onset {self.onset}", "Move one of them."
            )
        if self.offset is not None and self.offset < self.apex:
            raise UsageError(
                f"the offset {self.offset} is before the apex {self.apex}", "Move one of them."
            )

    @property
    def last(self) -> int:
        """The last frame that is known to belong to it."""
        return self.apex if self.offset is None else self.offset


Events = tuple[CorrectedEvent, ...]


def ordered(events: Iterable[CorrectedEvent]) -> Events:
    """Return movements in the order of their onsets, then of their apices and offsets."""
    return tuple(sorted(events, key=lambda one: (one.onset, one.apex, one.last)))


def split(events: Sequence[CorrectedEvent], at: int, position: int) -> Events:
    """Make two movements of one.

    Parameters
    ----------
    events
        The movements.
    at
        Which of them, from 0.
    position
        The frame with which the second begins; the first ends with the frame before. The apex
        stays where it is; the other part gets its middle frame.

    Raises
    ------
    UsageError
        If a part would have fewer than two frames.

    Examples
    --------
    >>> [(e.onset, e.apex, e.offset) for e in split([CorrectedEvent(10, 12, 30)], 0, 20)]
    [(10, 12, 19), (20, 25, 30)]
    """
    one = _of(events, at)
    end = one.last
    if not one.onset + 2 <= position <= end - 1:
        raise UsageError(
            f"a movement from {one.onset} to {end} cannot be split at {position}: each part "
            "needs two frames",
            f"Split between {one.onset + 2} and {end - 1}."
            if end - one.onset >= 3
            else "Delete it, or move its ends first.",
        )
    first = (one.onset, one.apex if one.onset < one.apex < position else None, position - 1)
    second = (position, one.apex if one.apex > position else None, one.offset)
    return ordered((*_without(events, at), _part(one, *first), _part(one, *second)))


def _part(one: CorrectedEvent, onset: int, apex: int | None, offset: int | None) -> CorrectedEvent:
    if apex is None:
        # Rounded up: the apex must not be the onset.
        apex = (onset + (one.last if offset is None else offset) + 1) // 2
    return replace(one, onset=onset, apex=apex, offset=offset, kind="")


def merge(events: Sequence[CorrectedEvent], first: int, second: int) -> Events:
    """Make one movement of two, from the onset of the earlier to the later of their ends.

    The apex is that of the earlier one; move it where the other is the higher.

    Parameters
    ----------
    events
        The movements.
    first, second
        Which of them, from 0.

    Raises
    ------
    UsageError
        If they are one, or have two emotions.

    Examples
    --------
    >>> two = (CorrectedEvent(10, 12, 19, emotion="fear"), CorrectedEvent(20, 25, None))
    >>> merge(two, 0, 1)[0].offset, merge(two, 1, 0)[0].emotion
    (None, 'fear')
    """
    if first == second:
        raise UsageError("a movement cannot be merged with itself", "Choose another one.")
    one, other = ordered((_of(events, first), _of(events, second)))
    emotions = sorted({one.emotion, other.emotion} - {""})
    if len(emotions) > 1:
        raise UsageError(
            f"the two movements have the emotions {' and '.join(emotions)}", "Empty one of them."
        )
    # What had not ended ends after what had, if it was still seen there.
    open_end = any(x.offset is None and x.last >= y.last for x, y in ((one, other), (other, one)))
    made = replace(
        one,
        offset=None if open_end else max(one.last, other.last),
        kind="",
        emotion="".join(emotions),
        why="; ".join(dict.fromkeys(filter(None, (one.why, other.why)))),
    )
    return ordered((*_without(events, first, second), made))


def add(events: Sequence[CorrectedEvent], event: CorrectedEvent, within: tuple[int, int]) -> Events:
    """Add a movement.

    Parameters
    ----------
    events
        The movements.
    event
        The new one.
    within
        The numbers of the recording's first and last frame.

    Raises
    ------
    UsageError
        If it lies outside of the recording, or one with the same frames is there.
    """
    _check_inside(event, within)
    if any((one.onset, one.apex, one.offset) == (event.onset, event.apex, event.offset)
           for one in events):  # fmt: skip
        raise UsageError(
            f"there is a movement from {event.onset} to {event.last} already", "Move that one."
        )
    return ordered((*events, event))


def delete(events: Sequence[CorrectedEvent], at: int) -> Events:
    """Remove the movement ``at``, from 0.

    Raises
    ------
    UsageError
        If there is no such movement.
    """
    _of(events, at)
    return ordered(_without(events, at))


def move(
    events: Sequence[CorrectedEvent],
    at: int,
    within: tuple[int, int],
    *,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
) -> Events:
    """Move marks of the movement ``at``, from 0; None leaves a mark where it is.

    Where the length changes, its kind is no longer stated: the new length says it.

    Parameters
    ----------
    events
        The movements.
    at
        Which of them.
    within
        The numbers of the recording's first and last frame.
    onset, apex, offset
        The new marks.

    Raises
    ------
    UsageError
        If the marks would be in another order, or outside of the recording.
    """
    one = _of(events, at)
    moved = replace(
        one,
        onset=one.onset if onset is None else onset,
        apex=one.apex if apex is None else apex,
        offset=one.offset if offset is None else offset,
    )
    _check_inside(moved, within)
    if (moved.onset, moved.offset) != (one.onset, one.offset):
        moved = replace(moved, kind="")
    return ordered((*_without(events, at), moved))


def _of(events: Sequence[CorrectedEvent], at: int) -> CorrectedEvent:
    if not 0 <= at < len(events):
        raise UsageError(
            f"there is no movement {at + 1}: the recording has {len(events)}", "Choose another one."
        )
    return events[at]


def _without(events: Sequence[CorrectedEvent], *places: int) -> Events:
    return tuple(one for place, one in enumerate(events) if place not in places)


def _check_inside(event: CorrectedEvent, within: tuple[int, int]) -> None:
    first, last = within
    if not first <= event.onset or not event.last <= last:
        raise UsageError(
            f"the movement from {event.onset} to {event.last} is not within the recording, whose "
            f"frames are {first} to {last}",
            "Move its ends.",
        )

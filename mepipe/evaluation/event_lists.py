"""What one side says of recordings, truth or predictions: its events, and what is known of each.

They come from different hands: rates, subjects and classes may stand in one file only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mepipe.errors import UsageError
from mepipe.evaluation.spotting_events import Event

_SHOWN = 5


@dataclass(frozen=True)
class Recording:
    """What is known of one recording: its rate and its person; None and empty: unknown."""

    fps: float | None = None
    subject: str = ""


@dataclass(frozen=True)
class EventList:
    """The events of one side.

    Parameters
    ----------
    name
        What messages call it, as the path of its file.
    events
        In the order of the file.
    recordings
        Every recording that is named, also one without events.
    unknown
        Recordings of which it is not known whether they have events: not scored.
    notes
        What there is to say of it.
    """

    name: str
    events: tuple[Event, ...]
    recordings: Mapping[str, Recording]
    unknown: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def event_list(name: str, events: Iterable[Event]) -> EventList:
    """Return events that a caller in Python made, with what they say of their recordings.

    Raises
    ------
    UsageError
        If two events of one recording state different rates or subjects.
    """
    kept = tuple(events)
    stated = [(one.recording, one.fps, one.subject, "") for one in kept]
    return EventList(name, kept, recordings_of(name, stated))


def recordings_of(
    name: str, stated: Iterable[tuple[str, float | None, str, str]]
) -> dict[str, Recording]:
    """Return what rows state of recordings: name, rate, subject, and where the row stands.

    Raises
    ------
    UsageError
        If two rows of one recording differ in its rate or its subject.
    """
    found: dict[str, Recording] = {}
    for recording, fps, subject, where in stated:
        known = found.get(recording, Recording())
        if known.fps and fps and not math.isclose(known.fps, fps, rel_tol=1e-6):
            raise UsageError(
                f"{name}{where}, column fps: {fps:g}, and {known.fps:g} in a row before, for the "
                f"one recording {recording}",
                "A recording has one rate: correct the rows.",
            )
        if known.subject and subject and known.subject != subject:
            raise UsageError(
                f"{name}{where}, column subject: {subject}, and {known.subject} in a row before, "
                f"for the one recording {recording}",
                "If these are two recordings, write them as SUBJECT/NAME; else correct the rows.",
            )
        found[recording] = Recording(known.fps or fps, known.subject or subject)
    return found


def listed(names: Sequence[str]) -> str:
    """Return some names for a message, and how many more there are.

    >>> listed(["a", "b"]), listed(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

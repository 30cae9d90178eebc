"""The movements of recordings, as they are reviewed: split, merged, added, deleted, moved."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mepipe.errors import UsageError
from mepipe.recordings.clips import with_movements
from mepipe.recordings.corrected import CorrectedEvent, EventFile, EventRows
from mepipe.recordings.edits import add, delete, merge, move, split
from mepipe.recordings.result import RecordingEvents
from mepipe.review.content import rounded
from mepipe.review.session import ReviewClip, Session


class Events:
    """The recordings of a run and what was found in them.

    Parameters
    ----------
    session
        The run.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.file = EventFile(session.events_path(), who=session.file.who)
        self._found: dict[str, RecordingEvents] | None = None
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Read the recordings again when they are asked for: the run has changed."""
        with self._lock:
            self._found = None

    def shown(self, clip: ReviewClip) -> dict[str, Any]:
        """Return the movements of a recording, and its curve.

        Raises
        ------
        UsageError
            If it was not searched yet, or the table of movements is not valid.
        """
        found = self._recording(clip)
        return {"curve": rounded(found.curve), **self._events(clip, found, self.file.read())}

    def change(self, clip: ReviewClip, body: Mapping[str, Any]) -> dict[str, Any]:
        """Split, merge, add, delete or move movements of a recording, or take the last change back.

        Parameters
        ----------
        clip
            The recording.
        body
            ``action``, ``seen`` (the version that the page has), and the positions that it needs.

        Raises
        ------
        UsageError
            If the change is not possible.
        ConflictError
            If the movements were changed meanwhile.
        """
        found = self._recording(clip)
        action = body.get("action")
        if action == "undo":
            rows, name = self.file.undo()
            return {**self._events(clip, found, rows), "nothing": name is None}
        rows = self.file.read()
        now = self._now(found, rows)
        seen = body.get("seen")
        before = set(now)
        if action == "add":
            ends = [_whole(body, name, len(found.numbers)) for name in ("onset", "offset")]
            body = {**body, "apex": highest(found.curve, *ends)}
        after = _edited(now, found.numbers, body)
        rows = self.file.set_events(
            clip.id,
            after,
            seen if isinstance(seen, str) else None,
            subject=found.subject,
        )
        answer = self._events(clip, found, rows)
        fresh = [place for place, one in enumerate(after) if one not in before]
        return {**answer, "chosen": fresh[0]} if fresh else answer

    def _now(self, found: RecordingEvents, rows: EventRows) -> tuple[CorrectedEvent, ...]:
        """Return the movements of a recording as edited, else as spotted, in its own numbers."""
        edited = rows.events.get(found.name)
        if edited is not None:
            return edited
        numbers = found.numbers
        return tuple(
            CorrectedEvent(
                numbers[one.onset],
                numbers[one.apex],
                None if one.offset is None else numbers[one.offset],
                "micro" if one.kind == "micro" else "macro",
            )
            for one in found.movements
        )

    def _events(self, clip: ReviewClip, found: RecordingEvents, rows: EventRows) -> dict[str, Any]:
        def place(number: int) -> int:
            return min(bisect_left(found.numbers, number), len(found.numbers) - 1)

        return {
            "events": [
                {
                    "onset": place(one.onset),
                    "apex": place(one.apex),
                    "offset": None if one.offset is None else place(one.offset),
                    "kind": one.kind or "movement",
                }
                for one in self._now(found, rows)
            ],
            "edited": clip.id in rows.events,
            "version": rows.version_of(clip.id),
            "file": self.file.path.name,
        }

    def _recording(self, clip: ReviewClip) -> RecordingEvents:
        with self._lock:
            if self._found is None:
                self._found = self._search()
            found = self._found.get(clip.id)
        if found is None:
            raise UsageError(
                f"{clip.id} was not searched for movements yet", "Rebuild: it is searched then."
            )
        return found

    def _search(self) -> dict[str, RecordingEvents]:
        """Return what the cache knows of the recordings, as spotted; nothing is measured."""
        from mepipe.clips.inputs import open_inputs

        session = self._session
        opened = session.opened
        config = opened.config.model_copy(
            update={"data": opened.config.data.model_copy(update={"events": None})}
        )
        inputs = open_inputs(
            opened.datasets,
            config,
            session.context.cache,
            jobs=session.context.jobs,
            progress=session.context.progress,
            labelled=False,
        )
        searched = with_movements(inputs, config, session.context, wanted=False)
        return {one.name: one for one in searched.recordings}


def _edited(
    now: Sequence[CorrectedEvent], numbers: Sequence[int], body: Mapping[str, Any]
) -> tuple[CorrectedEvent, ...]:
    """Return movements after a change. Positions of ``body`` count from 0.

    Raises
    ------
    UsageError
        If the change is not possible, or no such change.
    """
    within = (int(numbers[0]), int(numbers[-1]))

    def number(name: str) -> int:
        return int(numbers[_whole(body, name, len(numbers))])

    def event() -> int:
        return _whole(body, "event", len(now))

    match body.get("action"):
        case "split":
            return split(now, event(), number("at"))
        case "merge":
            return merge(now, event(), event() + 1)
        case "delete":
            return delete(now, event())
        case "move" if body.get("name") in {"onset", "apex", "offset"}:
            return move(now, event(), within, **{body["name"]: number("to")})
        case "add":
            onset, offset = number("onset"), number("offset")
            return add(now, CorrectedEvent(onset, number("apex"), offset), within)
        case _:
            raise UsageError("there is no such change of movements", "Reload the page.")


def _whole(body: Mapping[str, Any], name: str, count: int) -> int:
    """Return a whole number of a request.

    Raises
    ------
    UsageError
        If it is none from 0 to ``count`` - 1.
    """
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
        raise UsageError(f"{name} of a change is not a whole number below {count}", "Try again.")
    return value


def highest(curve: Any, onset: int, offset: int) -> int:
    """Return the frame of the largest motion after ``onset``, up to ``offset``.

    >>> highest([0, 1, 5, 2, 0], 1, 4)
    2
    >>> highest([np.nan, np.nan, np.nan], 0, 2)
    1
    """
    part = np.asarray(curve, np.float64)[onset + 1 : offset + 1]
    if not len(part) or np.isnan(part).all():
        return (onset + offset + 1) // 2
    return onset + 1 + int(np.nanargmax(part))

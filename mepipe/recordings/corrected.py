"""The movements of recordings as a person corrected them: ``corrected-events.csv``.

Once the movements of a recording were edited, all of them stand here, and none of those that were
spotted counts::

    recording,subject,kind,onset,apex,offset,emotion,why,who,when
    lab/s01/talk,s01,,120,131,150,surprise,,kim,2026-02-03T10:11:12+00:00
    lab/s01/talk,s01,macro,310,340,,,still there at the cut,kim,2026-02-03T10:12:40+00:00
    lab/s02/talk,,,,,,,nothing moves,kim,2026-02-03T10:13:02+00:00

Frames are the dataset's own numbers. A recording without any movement has a row without marks. An
empty kind follows from the length; an empty offset means that the movement had not ended.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from mepipe.cache import disk
from mepipe.clips.correction_history import History, history_path
from mepipe.clips.editable_table import EditableTable, cell_text
from mepipe.clips.table_edits import edit, replace_unchanged, utc_now, version_of
from mepipe.datasets.emotions import normalise
from mepipe.datasets.marks import parse_number
from mepipe.datasets.missing import is_missing
from mepipe.errors import ConflictError, UsageError
from mepipe.recordings.edits import (
    CorrectedEvent,
    Events,
    add,
    delete,
    merge,
    move,
    ordered,
    split,
)

__all__ = [
    "COLUMNS", "CorrectedEvent", "EventFile", "EventRows", "Events", "add", "delete", "merge",
    "move", "ordered", "read_events", "split",
]  # fmt: skip

COLUMNS = (
    "recording", "subject", "kind", "onset", "apex", "offset", "emotion", "why", "who", "when",
)  # fmt: skip
_HEADINGS = {name: (name,) for name in COLUMNS}
_COLUMN = "events"  # in the history
_LONGEST = 100_000  # characters; the csv module reads at most 131,072 in a cell
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class EventRows:
    """What stands in a table of corrected movements.

    Parameters
    ----------
    version
        sha256 of its bytes; empty where there is no file.
    events
        The movements of each recording that has rows, in the order of their onsets; none where
        the recording has no movement.
    lines
        The line of the file that each movement stands on, in the same order, for messages.
    """

    version: str
    events: Mapping[str, Events] = field(default_factory=dict)
    lines: Mapping[str, Sequence[int]] = field(default_factory=dict, compare=False)

    def version_of(self, recording: str) -> str:
        """Return the version of one recording's movements; empty if it has no rows."""
        found = self.events.get(recording)
        return version_of(None if found is None else _as_text(found).encode())


def read_events(path: Path) -> EventRows:
    """Return what stands in a table of corrected movements; nothing if there is no file.

    Raises
    ------
    UsageError
        If it is no such table, or a cell is not valid: with file, row and what to do.
    """
    return _Content(path).rows()


class EventFile:
    """A table of corrected movements that is edited, a recording at a time.

    Parameters
    ----------
    path
        The file. It need not exist; its folder is created.
    who
        The coder; empty if nobody is to be named.

    Raises
    ------
    UsageError
        If a table cannot hold the coder's name.
    """

    def __init__(self, path: Path, *, who: str) -> None:
        self.path, self.who = path, cell_text(who, "the name of the coder")

    def read(self) -> EventRows:
        """Return what stands in the file now. Raises as `read_events`."""
        return read_events(self.path)

    def set_events(
        self,
        recording: str,
        events: Sequence[CorrectedEvent] | None,
        seen_version: str | None = None,
        *,
        subject: str = "",
    ) -> EventRows:
        """Write all movements of one recording; other rows keep their bytes.

        Parameters
        ----------
        recording
            Its id.
        events
            Its movements, which may be none; None removes its rows, so that what was spotted
            counts again. Who and when of those that are in the file already stay.
        seen_version
            What `EventRows.version_of` said of the recording when the caller read it. None:
            nothing is compared.
        subject
            For the column of that name.

        Raises
        ------
        ConflictError
            If its movements are other ones by now. Nothing is written.
        UsageError
            If a text cannot stand in a table. As `read_events`.
        SystemProblemError
            If the file cannot be written. The old one stays.
        """
        name = cell_text(recording, "the recording")
        if not name:
            raise UsageError("movements need the id of their recording", "Name the recording.")

        def changed(content: _Content, history: History) -> EventRows:
            now = content.events.get(name)
            if seen_version is not None and content.rows().version_of(name) != seen_version:
                raise _conflict(name, _as_text(now), _as_text(events))
            when = utc_now()
            wanted = None if events is None else self._signed(events, now or (), when)
            if wanted == now:
                return content.rows()
            if len(_as_text(wanted)) > _LONGEST:
                raise UsageError(
                    f"{name} would have {len(wanted or ())} movements, too many for one undo",
                    "Edit the table with a spreadsheet.",
                )
            history.append(
                self.who, when, name, {_COLUMN: _as_text(now)}, {_COLUMN: _as_text(wanted)}
            )
            return content.write(name, wanted, subject, (self.who, when))

        return self._editing(changed)

    def _signed(self, events: Sequence[CorrectedEvent], now: Events, when: str) -> Events:
        old = {_content(one): one for one in now}
        return ordered(
            old.get(_content(one), replace(one, who=self.who, when=when))
            for one in (
                replace(
                    one, emotion=cell_text(one.emotion, "emotion"), why=cell_text(one.why, "why")
                )
                for one in events
            )
        )

    def undo(self) -> tuple[EventRows, str | None]:
        """Take back the last change of this coder that was not taken back yet.

        Returns
        -------
        tuple
            What stands in the file then, and the recording; None if there is nothing to take back.

        Raises
        ------
        ConflictError
            If the recording's movements were changed since. Nothing is written.
        UsageError
            As `read_events`.
        """

        def undone(content: _Content, history: History) -> tuple[EventRows, str | None]:
            last = history.last_of(self.who)
            if last is None:
                return content.rows(), None
            now = content.cells_of(last.clip)[_COLUMN]
            if now != last.after.get(_COLUMN):
                raise _conflict(last.clip, now, last.before.get(_COLUMN, ""))
            when = utc_now()
            before = _from_text(last.before[_COLUMN], history_path(self.path))
            history.take_back(last, self.who, when)
            return content.write(last.clip, before, "", (self.who, when)), last.clip

        return self._editing(undone)

    def _editing(self, change: Callable[[_Content, History], _Answer]) -> _Answer:
        return edit(self.path, lambda: _Content(self.path), change, who=self.who)


class _Content:
    """A table of corrected movements as it was read once."""

    def __init__(self, path: Path) -> None:
        self._path, self._data = path, disk.read_bytes(path)
        self._table = EditableTable(path, self._data, _HEADINGS)
        self._places: dict[str, list[int]] = defaultdict(list)
        self._subjects: dict[str, str] = {}
        found: dict[str, list[tuple[CorrectedEvent, int]]] = defaultdict(list)
        for place, cells in self._table.rows().items():
            name = cells["recording"].strip("/")
            self._places[name].append(place)
            self._subjects.setdefault(name, cells.get("subject", ""))
            line = self._table.line(place)
            found[name] += [(one, line) for one in self._parsed(place, cells)]
        lines = {name: {id(one): line for one, line in some} for name, some in found.items()}
        self.events = {name: ordered(one for one, _ in some) for name, some in found.items()}
        self._lines = {
            name: [lines[name][id(one)] for one in some] for name, some in self.events.items()
        }

    def _parsed(self, place: int, cells: Mapping[str, str]) -> list[CorrectedEvent]:
        """Return the movement of a row; none if it says that there is none."""
        where = f"{self._path}: row {self._table.line(place)}"
        marks: dict[str, int | None] = {}
        for name in ("onset", "apex", "offset"):
            text = cells.get(name, "")
            marks[name] = parse_number(text)
            if marks[name] is None and not is_missing(text):
                raise UsageError(
                    f"{where}, {name}: {text[:40]!r} is not a frame number",
                    "Correct the cell, or empty it.",
                )
        onset, apex, offset = marks["onset"], marks["apex"], marks["offset"]
        if onset is None and apex is None and offset is None:
            return []
        if onset is None or apex is None:
            raise UsageError(
                f"{where} has no {'onset' if onset is None else 'apex'}",
                "Fill in both onset and apex, or empty all three cells if nothing moves.",
            )
        kind = cells.get("kind", "").casefold()
        if kind not in {"", "micro", "macro"}:
            raise UsageError(
                f"{where}, kind: {kind[:40]!r} is neither micro nor macro",
                "Correct the cell, or empty it: then the length decides.",
            )
        try:
            return [
                CorrectedEvent(
                    onset,
                    apex,
                    offset,
                    "micro" if kind == "micro" else "macro" if kind == "macro" else "",
                    *(cells.get(name, "") for name in ("emotion", "why", "who", "when")),
                )
            ]
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", "Correct the row.") from error

    def cells_of(self, recording: str) -> Mapping[str, str]:
        return {_COLUMN: _as_text(self.events.get(recording))}

    def rows(self) -> EventRows:
        return EventRows(version_of(self._data), self.events, self._lines)

    def write(
        self, name: str, events: Events | None, subject: str, signed: tuple[str, str]
    ) -> EventRows:
        subject = self._subjects.get(name, "") or cell_text(subject, "the subject")
        old = self._places.get(name, [])
        who, when = signed
        rows: list[dict[str, str]] = []
        if events is not None:
            rows = [_cells(one) for one in events] or [{"who": who, "when": when}]
        blank = dict.fromkeys(COLUMNS, "")
        for number, cells in enumerate(rows):
            place = old[number] if number < len(old) else None
            full = {**blank, **cells, "recording": name, "subject": subject}
            self._table.set(place, full)
        self._table.remove(old[len(rows) :])
        replace_unchanged(self._path, self._table.data(), self._data)
        return _Content(self._path).rows()


def _cells(one: CorrectedEvent) -> dict[str, str]:
    return {name: "" if text is None else str(text) for name, text in asdict(one).items()}


def _content(one: CorrectedEvent) -> CorrectedEvent:
    return replace(one, emotion=normalise(one.emotion), who="", when="")


def _as_text(events: Sequence[CorrectedEvent] | None) -> str:
    """Return movements as one cell of the history holds them; empty: the recording has no rows."""
    if events is None:
        return ""
    rows = [list(asdict(one).values()) for one in events]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _from_text(text: str, path: Path) -> Events | None:
    if not text:
        return None
    try:
        return tuple(CorrectedEvent(*row) for row in json.loads(text))
    except (ValueError, TypeError, UsageError) as error:
        raise UsageError(
            f"{path} is damaged: {text[:40]!r} is no list of movements", "Move it away."
        ) from error


def _conflict(recording: str, now: str, wanted: str) -> ConflictError:
    return ConflictError(
        f"{recording}: its movements were changed by somebody else meanwhile",
        "Look at the recording again, and decide.",
        clip=recording,
        column=_COLUMN,
        now=now,
        wanted=wanted,
    )

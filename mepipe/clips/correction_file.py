"""The file of corrections as it is edited: cell by cell, by several windows and people.

Every change is written at once and atomically, with who and when. Two windows never lose each
other's changes: changes of other cells are merged, and of two changes of one cell the second is
refused. What mepipe does not change in a file that was made by hand keeps its bytes. Beside it
lies its history (`mepipe.clips.correction_history`), which undo reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from mepipe.cache import disk
from mepipe.clips.correction_history import History
from mepipe.clips.correction_rows import COLUMNS, HEADINGS, SIGNED, parse_row
from mepipe.clips.editable_table import EditableTable, cell_text
from mepipe.clips.table_edits import edit, replace_unchanged, utc_now, version_of
from mepipe.datasets.missing import is_missing
from mepipe.datasets.sheets import Row
from mepipe.errors import ConflictError, UsageError, suggest

CONTENT: Final = tuple(name for name in COLUMNS if name != "clip" and name not in SIGNED)
"""The columns that a change may set."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Rows:
    """What stands in a file of corrections.

    Parameters
    ----------
    version
        sha256 of its bytes; empty where there is no file.
    cells
        The texts of each clip by their columns; empty cells are left out. The clips as the
        file names them, or by their ids where these are known (`CorrectionFile`).
    """

    version: str
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, clip: str) -> Mapping[str, str]:
        """Return the cells of a clip, which a file may name by the end of its id."""
        named = next((name for name in self.cells if is_meant(name, clip)), None)
        return self.cells.get(clip, self.cells[named] if named is not None else {})


def is_meant(name: str, clip: str) -> bool:
    """Say whether a row with this name is for a clip: it is the id or ends it.

    >>> is_meant("s03/c01", "lab/s03/c01"), is_meant("c01", "lab/s03/nc01")
    (True, False)
    """
    end = name.strip("/")
    return clip == name or (end != "" and clip.endswith(f"/{end}"))


class CorrectionFile:
    """A table of corrections that is edited.

    Parameters
    ----------
    path
        The file, text as `mepipe.clips.corrections.correct` reads it. It need not exist; its
        folder is created.
    who
        The coder; empty if nobody is to be named.
    known
        The ids of all clips, if they are known. They tell a name that is an id from the end of
        one.

    Raises
    ------
    UsageError
        If a table cannot hold the coder's name.
    """

    def __init__(self, path: Path, *, who: str, known: Collection[str] = ()) -> None:
        self.path, self.who = path, cell_text(who, "the name of the coder")
        self._known = frozenset(known)

    def read(self) -> Rows:
        """Return what stands in the file now.

        Raises
        ------
        UsageError
            If it is no table of corrections, or two of its rows are for one clip.
        """
        return self._content().rows()

    def change(
        self, clip: str, cells: Mapping[str, str], *, seen: Mapping[str, str] | None = None
    ) -> Rows:
        """Set some cells of one clip; nothing else in the file changes.

        Parameters
        ----------
        clip
            Its id.
        cells
            The new texts, by columns of `CONTENT`; an empty one clears the cell. A row without
            any goes. Blanks at the ends are dropped.
        seen
            The cells of this clip as the caller knows them. Without them nothing is compared.

        Returns
        -------
        Rows
            What stands in the file then, also of others.

        Raises
        ------
        ConflictError
            If a cell to be set is no longer as ``seen`` says and not yet as it shall be. Nothing
            is written.
        UsageError
            If a column is unknown, a cell not valid, or a corrected emotion and ``movement`` no
            contradict each other. As `read`.
        SystemProblemError
            If the file cannot be written. The old one stays.
        """
        unknown = [name for name in cells if name not in CONTENT]
        if unknown:
            raise UsageError(
                f"{unknown[0]!r} is no column of corrections{suggest(unknown[0], CONTENT)}",
                f"They are {', '.join(CONTENT)}.",
            )
        wanted = {name: cell_text(text, name) for name, text in cells.items()}
        key = cell_text(clip, "the clip")
        if not key:
            raise UsageError("a correction needs the id of its clip", "Name the clip.")

        def changed(content: _Content, history: History) -> Rows:
            now = content.cells_of(key)
            for name, text in wanted.items():
                there = now.get(name, "")
                if seen is not None and there not in (seen.get(name, "").strip(), text):
                    raise _conflict(key, name, there, text, now.get("who", ""))
            before = {n: now.get(n, "") for n, t in wanted.items() if now.get(n, "") != t}
            if not before:
                return content.rows()
            after = {name: wanted[name] for name in before}
            # As the reader does: a person may have written NA.
            others = {n: t for n, t in now.items() if n in ("why", "who") or not is_missing(t)}
            merged = {**others, **after}
            parse_row(Row(content.line_of(key), merged), self.path)
            when = utc_now()
            history.append(self.who, when, key, before, after)
            return content.write(key, after, self.who, when)

        return self._editing(changed)

    def undo(self) -> tuple[Rows, str | None]:
        """Take back the last change of this coder that was not taken back yet.

        Returns
        -------
        tuple
            What stands in the file then, and the clip; None if there is nothing to take back.

        Raises
        ------
        ConflictError
            If one of the cells was changed since. Nothing is written.
        UsageError
            As `read`.
        """

        def undone(content: _Content, history: History) -> tuple[Rows, str | None]:
            last = history.last_of(self.who)
            if last is None:
                return content.rows(), None
            now = content.cells_of(last.clip)
            for name, text in last.after.items():
                if now.get(name, "") != text:
                    there = now.get(name, "")
                    raise _conflict(last.clip, name, there, last.before[name], now.get("who", ""))
            when = utc_now()
            history.take_back(last, self.who, when)
            return content.write(last.clip, last.before, self.who, when), last.clip

        return self._editing(undone)

    def _content(self) -> _Content:
        return _Content(self.path, self._known)

    def _editing(self, change: Callable[[_Content, History], _Answer]) -> _Answer:
        return edit(self.path, self._content, change, who=self.who)


class _Content:
    """A file of corrections as it was read once."""

    def __init__(self, path: Path, known: frozenset[str]) -> None:
        self._path, self._known = path, known
        self._data = disk.read_bytes(path)
        self._table = EditableTable(path, self._data, HEADINGS)
        self._places: dict[str, int] = {}
        self._cells: dict[str, dict[str, str]] = {}
        for place, cells in self._table.rows().items():
            name = self._named(cells.pop("clip"))
            if name in self._places:
                raise UsageError(
                    f"{path}: row {self._table.line(place)} is for {name}, and so is an earlier "
                    "row",
                    "Merge the two rows.",
                )
            self._places[name], self._cells[name] = place, cells

    def _named(self, name: str) -> str:
        """Return the id that a row means, where ids are known."""
        name = name.strip("/") or name  # of slashes alone it means no clip
        if name in self._known:
            return name
        meant = [one for one in self._known if is_meant(name, one)]
        return meant[0] if len(meant) == 1 else name

    def _name_of(self, clip: str) -> str | None:
        """Return the name under which a clip stands in the file."""
        if clip in self._places:
            return clip
        names = (name for name in self._places if name not in self._known)
        return next((name for name in names if is_meant(name, clip)), None)

    def cells_of(self, clip: str) -> Mapping[str, str]:
        name = self._name_of(clip)
        return {} if name is None else self._cells[name]

    def line_of(self, clip: str) -> int:
        name = self._name_of(clip)
        places = self._places.values()
        if name is not None:
            return self._table.line(self._places[name])
        return max((self._table.line(one) for one in places), default=1) + 1

    def rows(self) -> Rows:
        return Rows(version_of(self._data), self._cells)

    def write(self, clip: str, cells: Mapping[str, str], who: str, when: str) -> Rows:
        name = self._name_of(clip)
        left = {**self.cells_of(clip), **cells}
        if any(left.get(column) for column in CONTENT):
            signed = {"who": who, "when": when}
            place = None if name is None else self._places[name]
            self._table.set(place, {**({"clip": clip} if name is None else {}), **cells, **signed})
        elif name is not None:
            self._table.remove([self._places[name]])
        data = self._table.data()
        replace_unchanged(self._path, data, self._data)
        return _Content(self._path, self._known).rows()


def _conflict(clip: str, column: str, now: str, wanted: str, by: str) -> ConflictError:
    whose = f" by {by}" if by else ""
    return ConflictError(
        f"{clip}, {column}: it is {now or 'empty'!r} now{whose}, and {wanted or 'empty'!r} was "
        "to be written",
        "Look at the clip again, and decide.",
        clip=clip,
        column=column,
        now=now,
        wanted=wanted,
    )

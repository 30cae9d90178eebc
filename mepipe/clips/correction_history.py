"""What was changed in a table of corrections, by whom and when: for undo, and for the record.

It lies beside the table, as ``corrections.history.csv``, and only grows. A change is written
here first and to the table then. If the program is killed between the two, the last change here
is not in the table: `History.missed` tells so, and the next change takes it back here.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.cache import disk
from mepipe.datasets.name_cells import name_cell, name_in_cell
from mepipe.errors import UsageError

COLUMNS = ("change", "when", "who", "clip", "column", "before", "after", "undoes")


@dataclass(frozen=True)
class Change:
    """Some cells of one clip that were changed at once.

    Parameters
    ----------
    number
        From 1, in the order of time.
    when
        UTC, as ISO 8601 writes it.
    who
        The coder.
    clip
        Whose cells.
    before, after
        The cells by their columns.
    undoes
        The number of the change that this one takes back; 0: none.
    """

    number: int
    when: str
    who: str
    clip: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    undoes: int = 0


class History:
    """The changes of one table of corrections.

    Parameters
    ----------
    path
        The file. It need not exist.

    Raises
    ------
    UsageError
        If it is there and no history of mepipe's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        data = disk.read_bytes(path)
        self._changes = [] if data is None else list(_read(path, data))

    @property
    def changes(self) -> Sequence[Change]:
        """All changes, the oldest first."""
        return tuple(self._changes)

    def missed(self, cells: Callable[[str], Mapping[str, str]]) -> Change | None:
        """Return the last change if it never came to the table, whose cells of a clip are given."""
        if not self._changes:
            return None
        last = self._changes[-1]
        now = cells(last.clip)
        same = all(now.get(column, "") == text for column, text in last.before.items())
        return last if same and last.before != last.after else None

    def last_of(self, who: str) -> Change | None:
        """Return the last change of a coder that was not taken back; None if there is none."""
        # From the newest: what takes back a change may itself have been taken back.
        undone: set[int] = set()
        for one in reversed(self._changes):
            if one.number in undone:
                continue
            if one.undoes:
                undone.add(one.undoes)
            elif one.who == who:
                return one
        return None

    def append(
        self,
        who: str,
        when: str,
        clip: str,
        before: Mapping[str, str],
        after: Mapping[str, str],
        undoes: int = 0,
    ) -> None:
        """Write one more change, before the table itself is written."""
        number = self._changes[-1].number + 1 if self._changes else 1
        self._changes.append(Change(number, when, who, clip, dict(before), dict(after), undoes))
        disk.write_atomic(self._path, self._text().encode())

    def take_back(self, change: Change, who: str, when: str) -> None:
        """Write that a change is taken back, before the table itself is written."""
        self.append(who, when, change.clip, change.after, change.before, change.number)

    def _text(self) -> str:
        text = io.StringIO(newline="")
        # With this line end the module quotes both of its characters within cells.
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for one in self._changes:
            for column, before in one.before.items():
                cells = (one.who, one.clip, column, before, one.after[column])
                writer.writerow((one.number, one.when, *map(name_cell, cells), one.undoes or ""))
        return text.getvalue()


def history_path(table: Path) -> Path:
    """Return where the history of a table of corrections lies.

    >>> history_path(Path("out/corrections-ann.csv")).name
    'corrections-ann.history.csv'
    """
    return table.with_name(f"{table.stem}.history.csv")


def _read(path: Path, data: bytes) -> Iterator[Change]:
    damaged = UsageError(
        f"{path} is not a history of corrections as mepipe writes it",
        "Move it away: corrections stay, and what was changed so far cannot be undone.",
    )
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise damaged from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise damaged
    last: Change | None = None
    for row in rows[1:]:
        try:
            number, when, *texts, undoes = row
            who, clip, column, before, after = map(name_in_cell, texts)
            one = Change(
                int(number), when, who, clip, {column: before}, {column: after}, int(undoes or 0)
            )
        except ValueError as error:
            raise damaged from error
        if last is not None and last.number == one.number:
            last = Change(
                last.number,
                last.when,
                last.who,
                last.clip,
                {**last.before, **one.before},
                {**last.after, **one.after},
                last.undoes,
            )
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last

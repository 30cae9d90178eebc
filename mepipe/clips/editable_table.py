"""A user's table of text that is changed row by row: what is not changed keeps its bytes.

The file may come from a spreadsheet: with ``;`` or tabs, UTF-16, a byte order mark, rows above
the header, remarks below. `mepipe.datasets.sheets.read_table` reads the same.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from mepipe.datasets.grids import Grid, encoding_of
from mepipe.datasets.name_cells import name_cell, name_in_cell
from mepipe.datasets.sheets import Columns, find_header
from mepipe.errors import UsageError, suggest

_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CODECS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_WORKBOOKS = (b"PK\x03\x04", bytes.fromhex("d0cf11e0"))
_LONGEST = 10_000  # characters in a cell; the csv module reads at most 131,072


@dataclass
class _Record:
    """One record of the file: its text with its line end, its cells, the line that it ends on."""

    raw: str
    cells: list[str]
    line: int


class EditableTable:
    """The rows of a table in a text file.

    Parameters
    ----------
    path
        The file, for messages.
    data
        Its bytes; None or blank: a new table with all ``columns``.
    headings
        The columns, each with its headings; the first is the key.

    Raises
    ------
    UsageError
        If the bytes are no such table, or it has a column that is none of ``headings``.
    """

    def __init__(self, path: Path, data: bytes | None, headings: Columns) -> None:
        self._path, self._columns = path, tuple(headings)
        self._bom = b""
        self._codec, self._delimiter, self._end = "utf-8", ",", "\n"
        self._records: list[_Record] = []
        if data is None or not data.strip(b" \t\r\n\0\xef\xbb\xbf\xfe\xff"):
            self._top, self._at = 0, {name: n for n, name in enumerate(self._columns)}
            self._records.append(self._record(list(self._columns), 1))
            return
        if data.startswith(_WORKBOOKS):
            raise UsageError(
                f"{path} is a workbook, which is not changed", "Save it as 'CSV UTF-8'."
            )
        text = self._decoded(data)
        key, best = self._columns[0], None
        for delimiter in ",;\t":
            records = _parse(text, delimiter)
            grid: Grid = [(one.line, [cell.strip() for cell in one.cells]) for one in records]
            top, at = find_header(grid, key, headings)
            if key in at and (best is None or len(at) > len(best[3])):
                best = (delimiter, records, top, at)
        if best is None:
            raise UsageError(
                f"{path} has no header row: no cell reads {key!r}",
                f"Write {','.join(self._columns)} over the columns.",
            )
        self._delimiter, self._records, self._top, self._at = best
        header = self._records[self._top]
        self._end = _line_end(header.raw) or "\n"
        used = set(self._at.values())
        for place, cell in enumerate(header.cells):
            if cell.strip() and place not in used:
                raise unknown_column(path, cell.strip(), self._columns)

    def _decoded(self, data: bytes) -> str:
        self._bom = next((bom for bom in _BOMS if data.startswith(bom)), b"")
        encoding = encoding_of(data)
        self._codec = _CODECS.get(self._bom, "utf-8" if encoding == "utf-8-sig" else encoding)
        try:
            return data[len(self._bom) :].decode(self._codec)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{self._path} is not UTF-8 text (byte {error.start})", "Save it as 'CSV UTF-8'."
            ) from error

    def rows(self) -> dict[int, dict[str, str]]:
        """Return the cells of each row that has a key, by the row's place. Empty ones are left out.

        A place stays the same until a row is removed.
        """
        header = self._cells(self._records[self._top])
        found = {}
        for place, record in enumerate(self._records[self._top + 1 :], start=self._top + 1):
            cells = self._cells(record)
            # Tables that were joined have the header twice.
            if cells.get(self._columns[0]) and cells != header:
                found[place] = cells
        return found

    def line(self, place: int) -> int:
        """Return the line in the file on which a row ends, from 1, as the reader counts."""
        return self._records[place].line

    def _cells(self, record: _Record) -> dict[str, str]:
        return {
            name: text
            for name, place in self._at.items()
            if place < len(record.cells) and (text := name_in_cell(record.cells[place].strip()))
        }

    def set(self, place: int | None, cells: Mapping[str, str]) -> None:
        """Write the cells of one row; of the others in it nothing changes. None: a new row."""
        self._widen(cells)
        record = self._record([], 0) if place is None else self._records[place]
        written = list(record.cells)
        written += [""] * (max(self._at.values()) + 1 - len(written))
        for name, text in cells.items():
            written[self._at[name]] = name_cell(text)
        changed = self._record(written, record.line)
        if place is not None:
            self._records[place] = changed
            return
        last = self._records[-1]
        if not _line_end(last.raw):
            last.raw += self._end
        self._records.append(changed)

    def remove(self, places: Sequence[int]) -> None:
        """Remove rows."""
        gone = set(places)
        self._records = [one for place, one in enumerate(self._records) if place not in gone]

    def _widen(self, cells: Mapping[str, str]) -> None:
        """Add the columns that the header lacks, behind all that stands in any row."""
        new = [name for name in cells if name not in self._at]
        if not new:
            return
        header = self._records[self._top]
        width = max(len(one.cells) for one in self._records[self._top :])
        header.cells += [""] * (width - len(header.cells))
        for place, name in enumerate(new, start=width):
            self._at[name] = place
            header.cells.append(name)
        header.raw = self._record(header.cells, 0).raw

    def _record(self, cells: list[str], line: int) -> _Record:
        text = io.StringIO(newline="")
        # With this line end the module quotes both of its characters within cells.
        csv.writer(text, delimiter=self._delimiter, lineterminator="\r\n").writerow(cells)
        return _Record(text.getvalue().removesuffix("\r\n") + self._end, cells, line)

    def data(self) -> bytes:
        """Return the bytes of the file."""
        text = "".join(one.raw for one in self._records)
        return self._bom + text.encode(self._codec)


def unknown_column(path: Path, heading: str, columns: Sequence[str]) -> UsageError:
    """Return the error for a heading that is none of a table's columns."""
    # A misspelt heading would silently drop a whole column of corrections.
    return UsageError(
        f"{path}: unknown column {heading!r}{suggest(heading, columns)}",
        f"The columns are {', '.join(columns)}; remarks go into why.",
    )


def cell_text(text: str, what: str) -> str:
    """Return a text as it can stand in a cell: without blanks at its ends, which readers drop.

    Parameters
    ----------
    text
        Any text.
    what
        What it is, for the message.

    Raises
    ------
    UsageError
        If a table cannot hold it: it is too long, or has characters that are no text.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise UsageError(f"{what} has {len(text)} characters", f"Use at most {_LONGEST}.")
    bad = next((one for one in text if one == "\0" or 0xD800 <= ord(one) < 0xE000), None)
    if bad is not None:
        raise UsageError(f"{what} has the character {bad!r}, which is no text", "Remove it.")
    return text


def _parse(text: str, delimiter: str) -> list[_Record]:
    """Return the records of a text; none if it cannot be read so."""
    lines: list[str] = []
    source = io.StringIO(text, newline="")

    def read() -> str:
        line = source.readline()
        lines.append(line)
        return line

    records: list[_Record] = []
    reader = csv.reader(iter(read, ""), delimiter=delimiter)
    try:
        for cells in reader:
            records.append(_Record("".join(lines), cells, reader.line_num))
            lines.clear()
    except csv.Error:
        return []
    return records


def _line_end(raw: str) -> str:
    return "".join(reversed(list(takewhile(lambda char: char in "\r\n", reversed(raw[-2:])))))

"""The .csv files that mepipe writes: any text stands in a cell and is read back as it was.

Three things can go wrong with a name in a cell. A spreadsheet takes ``=1+2`` for a program: then
it has an apostrophe before it (`mepipe.datasets.name_cells`). A reader of lines takes ``\\r``,
U+2028 and others for the end of a row: a cell with one of these is quoted. And Python's reader
stops at cells of 131,072 characters: `read_csv` does not.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from mepipe.datasets.name_cells import name_cell, name_in_cell

Cell: TypeAlias = str | int | float | None

# What csv.writer quotes, and every character that `str.splitlines` takes for the end of a line.
_QUOTED = re.compile('[",\r\n\v\f\x1c-\x1e\x85\u2028\u2029]')
_LONGEST = 1 << 30  # characters of a cell


class Number(str):
    """The text of a number that is already as it shall be written."""

    __slots__ = ()


class CsvError(ValueError):
    """A text is no table. ``line`` says where, from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def csv_line(cells: Iterable[Cell], *, floats: str | None = None) -> str:
    r"""Return a row of a .csv file, with its end.

    Parameters
    ----------
    cells
        Texts are guarded against spreadsheets; numbers, and a `Number`, are not.
    floats
        How floats are written, for example ``.6f``. Default: so that they read back exactly.

    Examples
    --------
    >>> csv_line(["=1+2", -1, None, 0.5, "a, b"])
    '\'=1+2,-1,,0.5,"a, b"\n'
    """
    return ",".join(_cell(cell, floats) for cell in cells) + "\n"


def csv_text(
    header: Sequence[str], rows: Iterable[Iterable[Cell]], *, floats: str | None = None
) -> str:
    """Return a .csv file: the header, and the rows as `csv_line` gives them."""
    return "".join([csv_line(header), *(csv_line(row, floats=floats) for row in rows)])


def _cell(cell: Cell, floats: str | None) -> str:
    if isinstance(cell, str):
        text = str(cell) if isinstance(cell, Number) else name_cell(cell)
        return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
    if cell is None or math.isnan(cell):
        return ""
    return format(cell, floats) if floats and isinstance(cell, float) else str(cell)


def encoded(text: str) -> bytes:
    """Return the bytes of a table, in UTF-8. A byte of a file name that is no text is a code."""
    return text.encode(errors="backslashreplace")


def read_csv(text: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yield the last line and the cells of every row of a table that mepipe wrote.

    Parameters
    ----------
    text
        The whole table.

    Raises
    ------
    CsvError
        If quotes do not match, or a line ends within a cell.

    Examples
    --------
    >>> list(read_csv("clip,note\n'=1,\"a\rb\"\n"))
    [(1, ['clip', 'note']), (3, ['=1', 'a\rb'])]
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            with _long_cells():
                cells = next(reader, None)
        except csv.Error as error:
            raise CsvError(reader.line_num, str(error)) from error
        if cells is None:
            return
        yield reader.line_num, [name_in_cell(cell) for cell in cells]


@contextmanager
def _long_cells() -> Iterator[None]:
    # Python has one limit for all readers. It stays what it was for those of others.
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)

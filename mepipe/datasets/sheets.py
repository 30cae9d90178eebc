"""Reads tables of annotations, .xlsx and text, and finds the header by its content.

Copies of a dataset's sheet differ: rows above the header, blank columns, remarks
under the table, text in the place of numbers. So a table is read as text cells
under the column names that the caller asks for, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.datasets.grids import Grid, read_grids, with_formulas
from mepipe.datasets.missing import is_missing, is_not_available
from mepipe.datasets.spelling import person_key
from mepipe.errors import UsageError

SHEET_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".csv", ".tsv"})
# Names and remarks: here NA is a text like any other.
_VERBATIM = frozenset({"subject", "person", "clip", "recording", "why", "who"})

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Row:
    """One row of a table. ``row["apex"]`` is the cell's text, empty without a cell.

    Parameters
    ----------
    number
        The number of the row in the sheet (in a .csv of the line), from 1.
    cells
        The text of each column that was asked for and found.
    """

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Table:
    """The rows under a header.

    Parameters
    ----------
    path
        The file.
    rows
        The rows that have a key.
    ignored
        The numbers of the rows that hold text but no key.
    unused
        The headings that nobody asked for.
    emptied
        The cells that `without_missing` emptied: line, column and text.
    """

    path: Path
    rows: tuple[Row, ...]
    ignored: tuple[int, ...]
    unused: tuple[str, ...]
    emptied: tuple[tuple[int, str, str], ...] = ()


def heading(text: str) -> str:
    """Return a heading in lower case and without white space, for comparison."""
    return "".join(text.split()).casefold()


def find_sheets(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the tables among the file ``names`` of ``folder``, sorted by name.

    Hidden files and the lock files that Excel keeps beside an open workbook
    (``~$...``) do not count.
    """
    return [
        folder / name
        for name in sorted(names)
        if Path(name).suffix.lower() in SHEET_SUFFIXES and not name.startswith(("~$", "."))
    ]


def read_table(path: Path, *, key: str, required: Columns, optional: Columns) -> Table:
    """Read the table in an .xlsx (any of its sheets) or a text (``,`` ``;`` or tab).

    Parameters
    ----------
    path
        The file.
    key
        The column, one of ``required``, that marks the header row by its heading
        and the table's rows by its cells. Rows without such a cell are remarks.
    required, optional
        The columns by the name that they get, with the headings of each.

    Raises
    ------
    UsageError
        If the file is not a readable table, has no header, or lacks a required
        column.
    """
    wanted = {**required, **optional}
    excel, grids = read_grids(path)
    found = [(grid, *find_header(grid, key, wanted)) for grid in grids]
    # The worksheet, or the delimiter, under which the most columns are found.
    grid, top, columns = max(found, key=lambda item: len(item[2]))
    if key not in columns:
        raise UsageError(
            f"{path} has no header row: no cell reads {_or(required[key])}"
            + (f"; the first row reads {', '.join(filter(None, grid[0][1]))[:80]}" if grid else ""),
            f"Write {_or(required[key])} over the column that names the clips.",
        )
    headings = grid[top][1]
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(
            f"{path} has no column {', '.join(_or(required[name]) for name in missing)}; "
            f"row {grid[top][0]} has: {', '.join(text for text in headings if text)}",
            "Rename or restore the columns.",
        )
    body = grid[top + 1 :]
    if excel:
        body = with_formulas(path, grids.index(grid), body, columns)
    return _table(path, headings, body, key, columns)


def _table(
    path: Path, headings: list[str], body: Grid, key: str, columns: Mapping[str, int]
) -> Table:
    rows, ignored = [], []
    header = {name: headings[column] for name, column in columns.items()}
    for number, cells in body:
        row = {
            name: cells[column] if column < len(cells) else "" for name, column in columns.items()
        }
        # Sheets that were made of several repeat the header between their parts.
        if row[key] and row != header:
            rows.append(Row(number, row))
        elif any(cells):
            ignored.append(number)
    used = set(columns.values())
    unused = tuple(text for i, text in enumerate(headings) if text and i not in used)
    return Table(path, tuple(rows), tuple(ignored), unused)


def without_missing(table: Table) -> Table:
    """Return a user's table with empty cells where a word for nothing stands, such as NA.

    Not in the columns of names: a clip may be called NA. ``emptied`` lists the cells.
    """
    return _emptied(table, is_missing, _VERBATIM)


def without_not_available(table: Table) -> Table:
    """Return a dataset's sheet with empty cells where a program wrote NA, NaN, NULL or None.

    Signs such as ? are the coders' own, and a setting decides about them. Without its
    rate a clip cannot be used, and the message shows the cell.
    """
    return _emptied(table, is_not_available, _VERBATIM | {"fps"})


def _emptied(table: Table, is_nothing: Callable[[str], bool], kept: frozenset[str]) -> Table:
    rows, emptied = [], []
    for row in table.rows:
        missing = [
            name
            for name, text in row.cells.items()
            if text and name not in kept and is_nothing(text)
        ]
        emptied += [(row.number, name, row[name]) for name in missing]
        rows.append(Row(row.number, {**row.cells, **dict.fromkeys(missing, "")}))
    return replace(table, rows=tuple(rows), emptied=tuple(emptied))


def carry_down(table: Table, column: str) -> tuple[Table, tuple[int, ...]]:
    """Fill the empty cells of a column from above, where it looks like merged cells.

    A text file keeps no merged cells: only the first row of each has the value. That
    is so if the first row has one and every value stands in one cell only.

    Returns
    -------
    tuple
        The table, and the numbers of the rows that were filled.
    """
    values = [person_key(row[column]) for row in table.rows if row[column]]
    if not values or not table.rows[0][column] or len(set(values)) < len(values):
        return table, ()
    rows, above = [], ""
    for row in table.rows:
        above = row[column] or above
        rows.append(Row(row.number, {**row.cells, column: above}))
    filled = tuple(row.number for row in table.rows if not row[column])
    return replace(table, rows=tuple(rows)), filled


def find_header(grid: Grid, key: str, wanted: Columns) -> tuple[int, dict[str, int]]:
    """Return the index in a grid of the row with the key and the most wanted headings.

    Also return the position of each column in it; none if there is no such row.
    """
    names = {heading(text): name for name, texts in wanted.items() for text in texts}
    best: tuple[int, dict[str, int]] = (0, {})
    for index, (_, cells) in enumerate(grid):
        columns: dict[str, int] = {}
        for column, cell in enumerate(cells):
            name = names.get(heading(cell))
            if name is not None:
                columns.setdefault(name, column)
        if key in columns and len(columns) > len(best[1]):
            best = (index, columns)
    return best


def _or(texts: Sequence[str]) -> str:
    return " or ".join(repr(text) for text in texts)

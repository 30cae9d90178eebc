"""Reads tables of annotations, .xlsx and .csv, and finds the header by its content.

Copies of a dataset's sheet differ: rows above the header, blank columns, remarks
under the table, text in the place of numbers. So a table is read as text cells
under the column names that the caller asks for, and nothing else.
"""

from __future__ import annotations

import csv
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mepipe.errors import UsageError

SHEET_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".csv"})

_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
# No worksheet has more rows; a damaged one may claim so and would be read for hours.
_EXCEL_ROWS = 1_048_576
# What zipfile and openpyxl raise on files that are cut off, edited by hand or not a
# workbook at all. openpyxl has no error of its own for most of them. The bytes are in
# memory by then, so an OSError is openpyxl's as well.
_MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    SyntaxError,  # XML parsers derive theirs from it
    EOFError,
    OSError,
    OverflowError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
)

Columns = Mapping[str, Sequence[str]]
_Grid = list[tuple[int, list[str]]]


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
    """

    path: Path
    rows: tuple[Row, ...]
    ignored: tuple[int, ...]
    unused: tuple[str, ...]


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
    """Read the table in an .xlsx (any of its sheets) or a .csv (``,`` ``;`` or tab).

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
    excel, grids = _grids(path)
    found = [(grid, *_find_header(grid, key, wanted)) for grid in grids]
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
        body = _with_formulas(path, grids.index(grid), body, columns)
    return _table(path, headings, body, key, columns)


def _table(
    path: Path, headings: list[str], body: _Grid, key: str, columns: Mapping[str, int]
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


def _find_header(grid: _Grid, key: str, wanted: Columns) -> tuple[int, dict[str, int]]:
    """Return the index of the row with the key and the most wanted headings.

    Also return the position of each column in it.
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


def _grids(path: Path) -> tuple[bool, list[_Grid]]:
    """Return whether the file is a workbook, and its grids.

    There is one grid for each worksheet of a workbook, and one for each delimiter
    that a .csv may have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", "Check its permissions."
        ) from error
    if not data.strip():
        raise UsageError(f"{path} is empty", "Restore it, or delete it.")
    if path.suffix.lower() == ".csv":
        return False, _csv_grids(path, data)
    return True, _excel_grids(path, data, values=True)


def _csv_grids(path: Path, data: bytes) -> list[_Grid]:
    # Excel's "Unicode text" is UTF-16; its "CSV UTF-8" begins with a byte order mark.
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start})", "Save it as 'CSV UTF-8'."
        ) from error
    grids, problem = [], ""
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            grids.append([(reader.line_num, [cell.strip() for cell in row]) for row in reader])
        except csv.Error as error:
            problem = str(error)
    if not grids:
        raise UsageError(f"{path} is not a table: {problem}", "Save it again as 'CSV UTF-8'.")
    return grids


def _excel_grids(path: Path, data: bytes, *, values: bool) -> list[_Grid]:
    """Return a grid for each worksheet, of the stored values or of the formulas behind them."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    if data.startswith(_OLE_MAGIC):
        raise UsageError(
            f"{path} is password-protected or in the old .xls format",
            "Open it and save it without a password as .xlsx.",
        )
    if not data.startswith(b"PK"):
        raise UsageError(f"{path} is not an Excel workbook", "Copy the file again.")
    try:
        with warnings.catch_warnings():
            # openpyxl warns about styles and extensions, which do not change the cells.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values)
            grids = []
            for sheet in book.worksheets:
                # The stored size may be wrong, and would cut rows off.
                sheet.reset_dimensions()
                rows = enumerate(islice(sheet.iter_rows(values_only=True), _EXCEL_ROWS), start=1)
                grids.append([(i, [_text(cell) for cell in row]) for i, row in rows if any(row)])
            return grids or [[]]
    except (*_MALFORMED, InvalidFileException) as error:
        raise UsageError(
            f"{path} is damaged or cut off ({type(error).__name__})", "Copy the file again."
        ) from error


def _text(value: object) -> str:
    if value is None:
        return ""
    # Excel stores every number as a float. Beyond 1e15 not every whole number is exact.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _with_formulas(path: Path, sheet: int, body: _Grid, columns: Mapping[str, int]) -> _Grid:
    """Return the rows with the formula in each cell whose formula has no stored value.

    Programs other than Excel may store none. Such a cell would look empty, and an
    empty cell means "not annotated".
    """
    used = columns.values()
    if all(column < len(cells) and cells[column] for _, cells in body for column in used):
        return body
    formulas = dict(_excel_grids(path, path.read_bytes(), values=False)[sheet])
    width = max(used) + 1
    result = []
    for number, cells in body:
        row = cells + [""] * (width - len(cells))
        source = formulas.get(number, [])
        for column in used:
            if not row[column] and column < len(source) and source[column].startswith("="):
                row[column] = source[column]
        result.append((number, row))
    return result

"""Tables of annotations, .xlsx and .csv: the header is found by its content.

Every copy of a dataset's sheet differs a little: preamble rows, blank columns,
remarks under the table, text where numbers were. A table is therefore read as
text cells under the names that the caller asks for, and nothing else.
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
_EXCEL_ROWS = 1_048_576
# What zipfile and openpyxl raise on files that are cut off, edited by hand or
# no workbooks at all; openpyxl has no error of its own for most of them. The
# bytes are in memory by then, so an OSError is openpyxl's own as well.
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
    """One row: ``row["apex"]`` is the cell's text, empty where there is none.

    ``number`` is the row in the sheet (for .csv the line), counted from 1.
    """

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Table:
    """The rows under a header.

    ``ignored`` are the numbers of rows below the header that hold text but no
    key; ``unused`` the headings that nobody asked for.
    """

    path: Path
    rows: tuple[Row, ...]
    ignored: tuple[int, ...]
    unused: tuple[str, ...]


def heading(text: str) -> str:
    """Return a heading without case and white space, as headings are compared."""
    return "".join(text.split()).casefold()


def find_sheets(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the tables among the file ``names`` of ``folder``, by name.

    The lock files that Excel leaves beside an open workbook (``~$...``) and
    dot-files are no tables.
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
        The column, one of ``required``, whose heading marks the header row and
        whose cell marks a row of the table: rows without it are remarks.
    required, optional
        The name that each column gets, with the headings it is known by.

    Raises
    ------
    UsageError
        If the file is no readable table, has no header, or lacks a required
        column.
    """
    wanted = {**required, **optional}
    excel, grids = _grids(path)
    found = [(grid, *_find_header(grid, key, wanted)) for grid in grids]
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
        if row[key] and row != header:
            rows.append(Row(number, row))
        elif any(cells):
            ignored.append(number)
    used = set(columns.values())
    unused = tuple(text for i, text in enumerate(headings) if text and i not in used)
    return Table(path, tuple(rows), tuple(ignored), unused)


def _find_header(grid: _Grid, key: str, wanted: Columns) -> tuple[int, dict[str, int]]:
    """Return the index of the row with the key and the most wanted headings."""
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
    """Return every reading of the file: one per worksheet, or one per delimiter."""
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
        raise UsageError(f"{path} is no table: {problem}", "Save it again as 'CSV UTF-8'.")
    return grids


def _excel_grids(path: Path, data: bytes, *, values: bool) -> list[_Grid]:
    """Return a grid per worksheet: the stored values, or the formulas behind them."""
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
            # openpyxl warns of styles and extensions that do not concern the cells.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values)
            grids = []
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # the stored size may be wrong and would cut rows off
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
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _with_formulas(path: Path, sheet: int, body: _Grid, columns: Mapping[str, int]) -> _Grid:
    """Put the formula where a formula has no stored value.

    Such a cell would else look empty, and an empty cell means "not annotated".
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

"""The cells of a table's file, .xlsx or text, as rows of texts."""

from __future__ import annotations

import csv
import io
import struct
import warnings
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mepipe.errors import UsageError

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})

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


Grid = list[tuple[int, list[str]]]
"""The rows that hold something, each with its number in the sheet (of a text, the line)."""


def read_grids(path: Path) -> tuple[bool, list[Grid]]:
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
    # A workbook that was only renamed is one still.
    if path.suffix.lower() in TEXT_SUFFIXES and not data.startswith((b"PK\x03\x04", _OLE_MAGIC)):
        return False, _text_grids(path, data)
    return True, _excel_grids(path, data, values=True)


def _text_grids(path: Path, data: bytes) -> list[Grid]:
    try:
        text = data.decode(encoding_of(data))
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


def encoding_of(data: bytes) -> str:
    """Return the encoding of a table's text: UTF-8, or UTF-16 as Excel writes it."""
    # Excel's "Unicode text" is UTF-16; its "CSV UTF-8" begins with a byte order mark.
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    # Text has no zero bytes, but UTF-16 has them in every letter that ASCII has, too.
    if b"\0" in data[:2]:
        return "utf-16-le" if data[1] == 0 else "utf-16-be"
    return "utf-8-sig"


def _excel_grids(path: Path, data: bytes, *, values: bool) -> list[Grid]:
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
                grid = [(i, [_text(cell) for cell in row]) for i, row in rows if any(row)]
                _fill_merged(grid, _merged_ranges(data, sheet))
                grids.append(grid)
            return grids or [[]]
    except (*_MALFORMED, InvalidFileException) as error:
        raise UsageError(
            f"{path} is damaged or cut off ({type(error).__name__})", "Copy the file again."
        ) from error


def _merged_ranges(data: bytes, sheet: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the column (from 0), the first and the last row of each merged range of a sheet.

    openpyxl gives them only with the whole workbook in memory, so they are read from the
    sheet's own file.
    """
    from openpyxl.utils.cell import range_boundaries

    name = str(getattr(sheet, "_worksheet_path", "")).lstrip("/")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if name not in archive.namelist():
            return
        with archive.open(name) as file:
            for _, element in ElementTree.iterparse(file):
                if element.tag.endswith("}mergeCell"):
                    column, first, _, last = range_boundaries(element.get("ref", ""))
                    if column and first and last:  # not of whole columns or rows
                        yield column - 1, first, last
                element.clear()


def _fill_merged(grid: Grid, ranges: Iterator[tuple[int, int, int]]) -> None:
    """Give the rows of each merged range the text of its first cell, which alone has it.

    Only down its first column: a title over several columns is no cell of each.
    """
    numbers = [number for number, _ in grid]
    filled = 0
    for column, first, last in ranges:
        at = bisect_left(numbers, first)
        # What has no row in the grid holds nothing but this text, so there is nothing to say.
        if at == len(grid) or numbers[at] != first or column >= len(grid[at][1]):
            continue
        text = grid[at][1][column]
        for number, cells in grid[at + 1 :] if text else ():
            if number > last or filled > _EXCEL_ROWS:
                break
            filled += 1
            cells.extend([""] * (column + 1 - len(cells)))
            cells[column] = cells[column] or text


def _text(value: object) -> str:
    if value is None:
        return ""
    # Excel stores every number as a float. Beyond 1e15 not every whole number is exact.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def with_formulas(path: Path, sheet: int, body: Grid, columns: Mapping[str, int]) -> Grid:
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

"""Finds a dataset's coding sheet by its columns.

Copies of a sheet are renamed and lie in different places; their columns stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.frames_on_disk import list_folder
from mepipe.datasets.sheets import (
    Columns,
    Table,
    find_sheets,
    heading,
    read_table,
    without_not_available,
)
from mepipe.errors import UnreadableInputError, UsageError

# Headings that several datasets share; releases of one sheet spell them differently.
CLIP_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "OnsetF", "Onset"),
    "offset": ("OffsetFrame", "OffsetF", "Offset"),
}
APEX_COLUMN = {"apex": ("ApexFrame", "ApexF", "Apex")}
# Not every release has these.
CODED_COLUMNS = {
    "action_units": ("Action Units", "AU", "AUs"),
    "objective_class": ("Objective Classes", "Objective Class"),
}

_LISTED = 6  # numbers of rows in a message


@dataclass(frozen=True)
class SheetForm:
    """The columns by which a dataset's sheet is recognised.

    Parameters
    ----------
    example
        The sheet's usual name, for messages.
    required, optional
        The columns, as in `mepipe.datasets.sheets.read_table`; ``clip`` is the key.
    foreign
        Headings that show that the sheet is another dataset's.
    called
        What the file's name, without its ending, must match; None for any name.
    """

    example: str
    required: Columns
    optional: Columns
    foreign: tuple[str, ...] = ()
    called: re.Pattern[str] | None = None


def sheet_folders(root: Path, tree: Path) -> list[Path]:
    """Return the folders that may hold the sheet, the nearest to the clips first.

    These are the tree, every folder from there up to the root, and the folder of
    the root.
    """
    folders = [tree]
    while folders[-1] != root:
        folders.append(folders[-1].parent)
    return [*folders, root.parent]


def matching_tables(folders: Iterable[Path], form: SheetForm) -> tuple[list[Table], list[str]]:
    """Return the tables of this form in the folders, and why other tables do not count."""
    tables, reasons = [], []
    for folder in dict.fromkeys(folders):
        try:
            files = list_folder(folder).files
        except UnreadableInputError:
            # The tree itself was listed before. A folder above it may be closed to us.
            continue
        for path in find_sheets(folder, files):
            if form.called is not None and not form.called.match(path.stem):
                continue
            try:
                table = read_table(path, key="clip", required=form.required, optional=form.optional)
            except UsageError as error:
                reasons.append(error.message)
                continue
            table = without_not_available(table)
            if not {heading(text) for text in table.unused} & set(map(heading, form.foreign)):
                tables.append(table)
    return tables, reasons


def find_table(title: str, folders: Sequence[Path], form: SheetForm, notes: list[Note]) -> Table:
    """Return the table of this form from the first folder that has one.

    A sheet in the tree is preferred to one beside it, which may be another dataset's
    with the same columns. A copy without rows is noted and not used. Several
    copies with the same rows count as one.

    Raises
    ------
    UsageError
        If there is no such table, only one without rows, or two that differ.
    """
    tables: list[Table] = []
    reasons: list[str] = []
    for folder in dict.fromkeys(folders):
        found, why_not = matching_tables([folder], form)
        tables += found
        reasons += why_not
        if any(table.rows for table in found):
            break
    if not tables:
        raise UsageError(
            f"the sheet of {title} ({form.example}) is in none of "
            f"{', '.join(map(str, dict.fromkeys(folders)))}"
            + (f"; {'; '.join(reasons[:3])}" if reasons else ""),
            "Copy it there.",
        )
    full = [table for table in tables if table.rows]
    if not full:
        raise UsageError(
            f"{tables[0].path} has a header and no rows: it is an empty copy of the sheet",
            f"Replace it with the whole sheet of {title} ({form.example}).",
        )
    for table in full[1:]:
        if _contents(table) != _contents(full[0]):
            raise UsageError(
                f"there are two sheets of {title} that differ: {full[0].path} and {table.path}",
                "Keep one.",
            )
    notes += [
        Note(None, f"{table.path.name} is not used: {full[0].path.name} is read")
        for table in tables
        if table is not full[0]
    ]
    return full[0]


def drop_remarks(table: Table, columns: Iterable[str]) -> Table:
    """Return the table without rows whose cells in ``columns`` are all empty.

    Such a row has text where the clip's name belongs and is a remark. Its number
    joins ``ignored``.
    """
    columns = tuple(columns)
    rows = tuple(row for row in table.rows if any(row[column] for column in columns))
    remarks = {row.number for row in table.rows} - {row.number for row in rows}
    return replace(table, rows=rows, ignored=tuple(sorted({*table.ignored, *remarks})))


def lines(numbers: Sequence[int]) -> str:
    """Return the numbers of rows for a message, at most six of them.

    >>> lines([2, 3, 5])
    '2, 3, 5'
    """
    more = f", ... ({len(numbers)} in all)" if len(numbers) > _LISTED else ""
    return ", ".join(map(str, numbers[:_LISTED])) + more


def _contents(table: Table) -> list[dict[str, str]]:
    return [dict(row.cells) for row in table.rows]

"""Coding sheets by their content: copies are renamed, their columns are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.frames_on_disk import list_folder
from mepipe.datasets.sheets import Columns, Table, find_sheets, heading, read_table
from mepipe.errors import UnreadableInputError, UsageError

# What several sheets hold beside the columns that they must have.
CODED = {
    "action_units": ("Action Units", "AU", "AUs"),
    "objective_class": ("Objective Classes", "Objective Class"),
}


@dataclass(frozen=True)
class SheetForm:
    """What a dataset's sheet looks like.

    Parameters
    ----------
    example
        Its usual name, for messages.
    required, optional
        The columns, as in `mepipe.datasets.sheets.read_table`; ``clip`` is the key.
    foreign
        Headings that only another dataset's sheet has.
    """

    example: str
    required: Columns
    optional: Columns
    foreign: tuple[str, ...] = ()


def folders_around(root: Path, tree: Path) -> list[Path]:
    """Return where a sheet may lie: the tree, the folders between, the root, and beside it."""
    folders = [tree]
    while folders[-1] != root:
        folders.append(folders[-1].parent)
    return [*folders, root.parent]


def matching_tables(folders: Iterable[Path], form: SheetForm) -> tuple[list[Table], list[str]]:
    """Return the tables of this form in the folders, and why other files are none."""
    tables, reasons = [], []
    for folder in dict.fromkeys(folders):
        try:
            files = list_folder(folder).files
        except UnreadableInputError:
            continue  # the tree itself was listed; a parent may be closed to us
        for path in find_sheets(folder, files):
            try:
                table = read_table(path, key="clip", required=form.required, optional=form.optional)
            except UsageError as error:
                reasons.append(error.message)
                continue
            if not {heading(text) for text in table.unused} & set(map(heading, form.foreign)):
                tables.append(table)
    return tables, reasons


def one_table(title: str, folders: Sequence[Path], form: SheetForm, notes: list[Note]) -> Table:
    """Return the only table of this form in the first of the folders that has one.

    So a sheet in the tree goes before one beside it, which may be another set's
    with the same columns. A copy without rows is said and not used; several
    full ones are no matter if they hold the same rows.

    Raises
    ------
    UsageError
        If there is none, only one without rows, or two that differ.
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
            f"Replace it by the whole sheet of {title} ({form.example}).",
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


def without_remarks(table: Table, columns: Iterable[str]) -> Table:
    """Return the table without rows that hold text under its key and nothing in ``columns``."""
    columns = tuple(columns)
    rows = tuple(row for row in table.rows if any(row[column] for column in columns))
    remarks = {row.number for row in table.rows} - {row.number for row in rows}
    return replace(table, rows=rows, ignored=tuple(sorted({*table.ignored, *remarks})))


def _contents(table: Table) -> list[dict[str, str]]:
    return [dict(row.cells) for row in table.rows]

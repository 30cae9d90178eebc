"""Coding sheets row by row: what a sheet says of each clip of its dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.coding_sheets import SheetForm, drop_remarks, lines
from mepipe.datasets.sheets import Row, Table, carry_down
from mepipe.errors import BadDataError
from mepipe.schema import KEY_FRAMES

# A row with a clip's name and none of these is a remark: people write such lines
# under the table.
_FACTS = ("subject", *KEY_FRAMES, "emotion")


@dataclass(frozen=True)
class Coding:
    """How one dataset codes its clips: all that tells its reader from the others.

    Parameters
    ----------
    reader, collection
        The reader's name, and the first part of the clips' ids.
    sheet
        The columns of its coding sheet.
    subject
        Returns the padded subject for a cell; None if the cell is no subject.
    clip
        Returns the clip's name for a cell, as the published lists write it.
    fps
        Frames per second; None if the sheet has a column for it (``fps``).
    subject_collection
        The collection that these subjects belong to, if it is another one.
    tree_key
        Returns the key of a clip in the tree (`ClipFolders`) from the subject
        and the clip's name.
    frames_folder
        The folder inside a clip's folder that holds the frames; empty if they
        lie in the clip's folder itself.
    many_expressions
        If true, several rows of one clip are its expressions: ``#1``, ``#2``,
        ... If false, such rows contradict each other.
    relative_frames
        If true, the sheet counts frames from the clip's first one, whatever
        number that frame has in its file name.
    emotion_folders
        If true, the folder above a clip's folder is named after the emotion.
    """

    reader: str
    collection: str
    sheet: SheetForm
    subject: Callable[[str], str | None]
    clip: Callable[[str], str] = str
    fps: float | None = None
    subject_collection: str = ""
    tree_key: Callable[[str, str], str] = "{}/{}".format
    frames_folder: str = ""
    many_expressions: bool = False
    relative_frames: bool = False
    emotion_folders: bool = False


@dataclass(frozen=True)
class CodingRow:
    """A row of a coding sheet, and the clip that it is about.

    Parameters
    ----------
    sheet
        The file that the row stands in.
    row
        Its cells.
    subject
        The padded subject; None if the cell is no subject.
    id
        The clip's id.
    key
        The clip's key in the tree (`ClipFolders`).
    """

    sheet: Path
    row: Row
    subject: str | None
    id: str
    key: str

    @property
    def where(self) -> str:
        """The place of the row, for messages."""
        return f"row {self.row.number} of {self.sheet.name}"

    def facts(self) -> Mapping[str, str]:
        """Return the cells except those that name the clip.

        Copies of a row may write the clip differently ("1" and "01").
        """
        return {**self.row.cells, "subject": "", "clip": ""}


def rows_by_clip(
    coding: Coding, tables: Sequence[Table], notes: list[Note]
) -> Mapping[tuple[str, str], list[CodingRow]]:
    """Return the rows of each (subject, clip). Rows of text alone go to ``notes``."""
    by_clip: dict[tuple[str, str], list[CodingRow]] = defaultdict(list)
    for raw in tables:
        table, carried = carry_down(drop_remarks(raw, _FACTS), "subject")
        if carried:
            text = (
                f"{table.path.name}: rows {lines(carried)} have no subject: it is taken from the "
                "row above, as merged cells read"
            )
            notes.append(Note(None, text))
        if table.ignored:
            numbers = ", ".join(map(str, table.ignored))
            text = f"{table.path.name}: rows without a Filename are ignored: {numbers}"
            notes.append(Note(None, text))
        for row in table.rows:
            subject, clip = coding.subject(row["subject"]), coding.clip(row["clip"])
            # A cell that is no subject still gives the clip an id to be rejected under.
            named = subject or row["subject"] or "?"
            key = coding.tree_key(named, clip).casefold()
            clip_id = f"{coding.collection}/{named}/{clip}"
            by_clip[named, clip.casefold()].append(
                CodingRow(table.path, row, subject, clip_id, key)
            )
    return by_clip


def split_expressions(
    coding: Coding, rows: Sequence[CodingRow]
) -> list[tuple[str, Sequence[CodingRow]]]:
    """Return the id and the rows of each expression of one clip.

    Rows with the same facts are one expression.
    """
    if not coding.many_expressions:
        return [(rows[0].id, rows)]
    same: dict[tuple[tuple[str, str], ...], list[CodingRow]] = defaultdict(list)
    for row in rows:
        same[tuple(row.facts().items())].append(row)
    # A clip with one expression keeps its plain id, so that lists of clips match it.
    if len(same) == 1:
        return [(rows[0].id, rows)]
    return [(f"{rows[0].id}#{number}", some) for number, some in enumerate(same.values(), 1)]


def single_row(clip_id: str, rows: Sequence[CodingRow], notes: list[Note]) -> CodingRow:
    """Return the one row of a clip. Rows that repeat it go to ``notes``.

    Raises
    ------
    BadDataError
        If the rows differ.
    """
    if len(rows) > 1:
        numbers = " and ".join(str(row.row.number) for row in rows)
        sheets = " and ".join(dict.fromkeys(row.sheet.name for row in rows))
        if any(row.facts() != rows[0].facts() for row in rows):
            raise BadDataError(
                f"rows {numbers} of {sheets} name one clip and differ",
                "Delete all of them but one.",
            )
        notes.append(Note(clip_id, f"rows {numbers} of {sheets} say the same: the first is used"))
    return rows[0]

"""Coding sheets row by row: what a sheet says of each clip of its dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Kind, Note
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
    zero_is_unknown
        If true, a key frame 0 means that the coders do not know it.
    recordings
        If true, the tree holds recordings, and a row is a movement in one of them:
        a recording without a row is one in which nothing was marked.
    every_row
        If true, every row is a clip, ``#1``, ``#2``, ... in the order of the sheet,
        also where a recording has one row only, or two rows say the same.
    excerpts
        The kinds of expressions whose clips take the frames around the movement
        only, not the whole recording.
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
    zero_is_unknown: bool = False
    recordings: bool = False
    every_row: bool = False
    excerpts: frozenset[Kind] = frozenset()


def kind_in(cell: str) -> Kind:
    """Return the kind of expression that a cell of a column ``Type`` states.

    >>> kind_in("Micro - 1/2"), kind_in("macro-expression"), kind_in("")
    ('micro', 'macro', '')
    """
    word = cell.strip().casefold()
    if word.startswith("macro"):
        return "macro"
    return "micro" if word.startswith("micro") else ""


def note_macro(table: Table, notes: list[Note]) -> None:
    """Note how many rows are macro-expressions: the other datasets have none."""
    count = sum(kind_in(row["type"]) == "macro" for row in table.rows)
    if count:
        text = f"{count} rows of {table.path.name} are macro-expressions"
        notes.append(Note(None, text, "clips as the others; --select micro leaves them out"))


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

    @property
    def kind(self) -> Kind:
        """The kind that the sheet states."""
        return kind_in(self.row["type"])

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

    Rows with the same facts are one expression. Macro-expressions are numbered after the
    others, so that the ids of these do not depend on them.
    """
    if coding.every_row:
        return [(f"{row.id}#{number}", [row]) for number, row in enumerate(rows, 1)]
    first = _distinct(coding, [row for row in rows if row.kind != "macro"])
    macro = _distinct(coding, [row for row in rows if row.kind == "macro"])
    # A clip with one expression keeps its plain id, so that lists of clips match it.
    plain = first[:1] if len(first) == 1 else macro[:1] if len(first) + len(macro) == 1 else []
    return [
        (some[0].id if [some] == plain else f"{some[0].id}#{number}", some)
        for number, some in enumerate([*first, *macro], 1)
    ]


def _distinct(coding: Coding, rows: Sequence[CodingRow]) -> list[list[CodingRow]]:
    """Return the rows of each expression; rows that contradict each other stay together."""
    if not coding.many_expressions:
        return [list(rows)] if rows else []
    same: dict[tuple[tuple[str, str], ...], list[CodingRow]] = defaultdict(list)
    for row in rows:
        same[tuple(row.facts().items())].append(row)
    return list(same.values())


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

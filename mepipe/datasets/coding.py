"""What a dataset's coding sheet says of its clips, row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.datasets.coding_sheets import SheetForm, without_remarks
from mepipe.datasets.sheets import Row, Table
from mepipe.errors import BadDataError

_FACTS = ("subject", "onset", "apex", "offset", "emotion")


@dataclass(frozen=True)
class Coding:
    """What is particular to one dataset.

    Parameters
    ----------
    reader, collection
        The reader's name, and the first part of the clips' ids.
    sheet
        Its columns.
    subject
        Makes the padded subject of a cell; None where the cell names nobody.
    clip
        Makes the clip's name, as the published lists write it, of a cell.
    fps
        Frames per second; None where the sheet has a column of it (``fps``).
    persons
        The collection whose subjects these people are, if another's.
    folder
        Makes the key of a row's clip in the tree (`ClipFolders`) of its
        subject and its name.
    inside
        The folder within a clip's that holds its frames, if they lie deeper.
    several
        Rows of one clip are its expressions, ``#1``, ``#2``, ...; else they
        contradict each other.
    positions
        The sheet counts from the clip's first frame, whatever its number is.
    emotion_folders
        The folder above a clip's is called after its emotion.
    """

    reader: str
    collection: str
    sheet: SheetForm
    subject: Callable[[str], str | None]
    clip: Callable[[str], str] = str
    fps: float | None = None
    persons: str = ""
    folder: Callable[[str, str], str] = "{}/{}".format
    inside: str = ""
    several: bool = False
    positions: bool = False
    emotion_folders: bool = False


@dataclass(frozen=True)
class Line:
    """A row, the sheet it stands in, and its clip: the subject, its id, its key in the tree.

    ``subject`` is None where the cell names nobody.
    """

    sheet: Path
    row: Row
    subject: str | None
    id: str
    key: str

    @property
    def where(self) -> str:
        """Where the row stands, for messages."""
        return f"row {self.row.number} of {self.sheet.name}"

    def facts(self) -> Mapping[str, str]:
        """Return the cells beside those that name the clip."""
        return {**self.row.cells, "subject": "", "clip": ""}


def lines_by_clip(
    coding: Coding, tables: Sequence[Table], notes: list[Note]
) -> Mapping[tuple[str, str], list[Line]]:
    """Return the rows of each (subject, clip); rows of text alone are noted."""
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for raw in tables:
        table = without_remarks(raw, _FACTS)
        if table.ignored:
            rows = ", ".join(map(str, table.ignored))
            text = f"{table.path.name}: rows without a Filename are ignored: {rows}"
            notes.append(Note(None, text))
        for row in table.rows:
            subject, clip = coding.subject(row["subject"]), coding.clip(row["clip"])
            person = subject or row["subject"] or "?"
            key = coding.folder(person, clip).casefold()
            line = Line(table.path, row, subject, f"{coding.collection}/{person}/{clip}", key)
            lines[person, clip.casefold()].append(line)
    return lines


def expressions(coding: Coding, lines: list[Line]) -> list[tuple[str, list[Line]]]:
    """Give each expression of a clip its id and its rows; rows that say the same are one."""
    if not coding.several:
        return [(lines[0].id, lines)]
    same: dict[tuple[tuple[str, str], ...], list[Line]] = defaultdict(list)
    for line in lines:
        same[tuple(line.facts().items())].append(line)
    if len(same) == 1:
        return [(lines[0].id, lines)]
    return [(f"{lines[0].id}#{number}", some) for number, some in enumerate(same.values(), 1)]


def one_line(clip_id: str, lines: list[Line], notes: list[Note]) -> Line:
    """Return the only row of a clip; several are harmless if they say the same.

    Raises
    ------
    BadDataError
        If they differ.
    """
    if len(lines) > 1:
        listed = " and ".join(str(line.row.number) for line in lines)
        sheets = " and ".join(dict.fromkeys(line.sheet.name for line in lines))
        if any(line.facts() != lines[0].facts() for line in lines):
            raise BadDataError(
                f"rows {listed} of {sheets} name one clip and differ",
                "Delete all of them but one.",
            )
        notes.append(Note(clip_id, f"rows {listed} of {sheets} say the same: the first is used"))
    return lines[0]

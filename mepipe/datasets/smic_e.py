"""The reader of SMIC-E: the long clips of SMIC's HS camera (100 fps).

::

    SMIC-E_raw image/HS_long/SMIC-HS-E/s01/s01_ne_01/image000000.jpg
    SMIC-HS-E_annotation.xlsx                   (or ..._2019.xlsx) in it or beside it

A row of the sheet is a long clip with up to three expressions. Each expression
becomes a clip with its own onset and offset and the frames of the *whole* long
clip. The frames around an expression tell it from head movement, and nothing says
where to cut between two expressions. If a row has several, their ids end in
``#1``, ``#2``, ``#3``. The sheet counts frames of the recording: the position in the
clip is OnsetF - FirstF. No apex is annotated. Only HS is known to have this
sheet; VIS and NIR are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.clip_trees import (
    Shape,
    list_subjects,
    locate_one,
    nested,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import SheetForm, find_table, sheet_folders
from mepipe.datasets.marks import parse_number
from mepipe.datasets.sheets import Row, Table
from mepipe.datasets.smic import CODES, SUBJECT_COLLECTION, class_in_name, clip_name, subject_name

_CODING = Coding(
    reader="smic-e",
    collection="smic-e",
    sheet=SheetForm(
        "SMIC-HS-E_annotation.xlsx",
        required={
            "subject": ("Subject",),
            "clip": ("Filename",),
            "onset": ("OnsetF",),
            "offset": ("OffsetF",),
            "first": ("FirstF",),
        },
        optional={
            "emotion": ("Emotion",),
            "onset2": ("Onset2F",),
            "offset2": ("Offset2F",),
            "onset3": ("Onset3F",),
            "offset3": ("Offset3F",),
            "last": ("LastF",),
        },
    ),
    subject=subject_name,
    clip=clip_name,
    fps=100.0,
    subject_collection=SUBJECT_COLLECTION,
    many_expressions=True,
    relative_frames=True,
)
_SHAPE = Shape(
    "SMIC-E",
    "SMIC-HS-E/s01/s01_ne_01/image000000.jpg",
    re.compile(r"smic(?:hs)?e.*|hslong"),
    nested(re.compile(r"s[0-9]{1,3}"), re.compile(r"s[0-9]+_(?:ne|po|sur)_[0-9]+")),
)

# How copies of the sheet fill the cells of a second or third expression that a row lacks.
_NO_EXPRESSION = frozenset({"", "0", "/", "-"})


def read(root: Path, name: str | None) -> Dataset:
    """Read SMIC-E at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    notes: list[Note] = []
    folders = sheet_folders(root, tree)
    # The tree itself may be given, two folders below its sheet.
    table = find_table(_SHAPE.title, [*folders, root.parent.parent], _CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_subjects(tree, subject_name, clip=clip_name)
    table = _row_per_expression(table, notes)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))


def _row_per_expression(table: Table, notes: list[Note]) -> Table:
    """Return the table with one row for each expression.

    Frames are counted from the clip's first one, and ``length`` is the clip's.
    """
    rows = []
    for row in table.rows:
        emotion = _emotion(row, notes)
        last = _position(row["first"], row["last"])
        for number in ("", "2", "3"):
            marks = row[f"onset{number}"], row[f"offset{number}"]
            if number and set(marks) <= _NO_EXPRESSION:
                continue
            cells: Mapping[str, str] = {
                "subject": row["subject"],
                "clip": row["clip"],
                "emotion": emotion,
                "onset": _position(row["first"], marks[0]),
                "offset": _position(row["first"], marks[1]),
                "length": str(int(last) + 1) if parse_number(last) is not None else "",
            }
            rows.append(Row(row.number, cells))
    return replace(table, rows=tuple(rows))


def _position(first: str, frame: str) -> str:
    """Return a frame's position in its clip. A cell without a number stays as it is."""
    start, number = parse_number(first), parse_number(frame)
    if number is None:
        return frame
    # Without its clip's first frame a number is worth nothing: as text it is reported.
    return str(number - start) if start is not None else f"{frame} of a clip that begins at ?"


def _emotion(row: Row, notes: list[Note]) -> str:
    """Return the class that the clip's name states, else the one in the sheet."""
    cell = emotions.normalise(row["emotion"])
    stated, named = CODES.get(cell, cell), class_in_name(clip_name(row["clip"]))
    if stated and named and stated != named:
        clip_id = f"smic-e/{subject_name(row['subject'])}/{clip_name(row['clip'])}"
        text = f"its name says {named}, row {row.number} {stated}: the name is followed"
        notes.append(Note(clip_id, text))
    return named or stated

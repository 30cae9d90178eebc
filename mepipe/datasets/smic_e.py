"""The reader of SMIC-E: the long clips of SMIC's HS camera (100 fps).

::

    SMIC-E_raw image/HS_long/SMIC-HS-E/s01/s01_ne_01/image000000.jpg
    SMIC-HS-E_annotation.xlsx                   (or ..._2019.xlsx) in it or beside it

A row of the sheet is a long clip with up to three expressions. Each expression
is a clip of mepipe whose frames are the *whole* long clip and whose marks are
its own: the frames around an expression are what tells it from head movement,
and nothing says where between two expressions one would have to cut. Where a
row has several their ids end in ``#1``, ``#2``, ``#3``. The sheet counts frames
of the recording: a mark's place in the clip is OnsetF - FirstF. No apex is
annotated. Only HS is known to have this sheet; VIS and NIR are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.clip_trees import Shape, list_subjects, locate_one, nested
from mepipe.datasets.coded_dataset import Found, dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import SheetForm, folders_around, one_table
from mepipe.datasets.marks import parse_number
from mepipe.datasets.sheets import Row, Table
from mepipe.datasets.smic import CODES, PERSONS, clip_name, code_word, subject_name
from mepipe.errors import UnreadableInputError, UsageError

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
    persons=PERSONS,
    several=True,
    positions=True,
)
_SHAPE = Shape(
    "SMIC-E",
    "SMIC-HS-E/s01/s01_ne_01/image000000.jpg",
    re.compile(r"smic(?:hs)?e.*|hslong"),
    nested(re.compile(r"s[0-9]{1,3}"), re.compile(r"s[0-9]+_(?:ne|po|sur)_[0-9]+")),
)

_NOTHING = frozenset({"", "0", "/", "-"})  # cells of a second or third expression that is none


def read(root: Path, name: str | None) -> Dataset:
    """Read SMIC-E at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    notes: list[Note] = []
    folders = folders_around(root, tree)
    # The tree itself may be given, two folders below its sheet.
    table = one_table(_SHAPE.title, [*folders, root.parent.parent], _CODING.sheet, notes)
    try:
        clips = list_subjects(tree, subject_name, clip=clip_name)
    except UnreadableInputError as error:
        raise UsageError(error.message, error.remedy) from error
    table = _by_expression(table, notes)
    return dataset(_CODING, root, name, Found(tree, clips, [table], notes=notes))


def _by_expression(table: Table, notes: list[Note]) -> Table:
    """Give each expression of a row a row of its own, its frames counted from the clip's first."""
    rows = []
    for row in table.rows:
        word = _word(row, notes)
        length = _from(row["first"], row["last"])
        for number in ("", "2", "3"):
            marks = row[f"onset{number}"], row[f"offset{number}"]
            if number and set(marks) <= _NOTHING:
                continue
            cells: Mapping[str, str] = {
                "subject": row["subject"],
                "clip": row["clip"],
                "emotion": word,
                "onset": _from(row["first"], marks[0]),
                "offset": _from(row["first"], marks[1]),
                "length": str(int(length) + 1) if parse_number(length) is not None else "",
            }
            rows.append(Row(row.number, cells))
    return replace(table, rows=tuple(rows))


def _from(first: str, frame: str) -> str:
    """Return a frame's place in its clip; a cell without a number stays as it is."""
    start, number = parse_number(first), parse_number(frame)
    if number is None:
        return frame
    return str(number - start) if start is not None else f"{frame} of a clip that begins at ?"


def _word(row: Row, notes: list[Note]) -> str:
    cell = emotions.normalise(row["emotion"])
    stated, named = CODES.get(cell, cell), code_word(clip_name(row["clip"]))
    if stated and named and stated != named:
        clip_id = f"smic-e/{subject_name(row['subject'])}/{clip_name(row['clip'])}"
        text = f"its name says {named}, row {row.number} {stated}: the name is followed"
        notes.append(Note(clip_id, text))
    return named or stated

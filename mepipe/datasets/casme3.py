"""The reader of CAS(ME)3, part A.

::

    part_A/spNO.1/a/color/166.jpg             30 fps, with its sheets
    cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx             the micro-expressions
    cas(me)3_part_A_MaE_label_JpgIndex_v2_emotion.xlsx    the macro-expressions

The two sheets have nearly the same columns; the file's name (``MaE``, ``macro``) tells
the one from the other, and either is enough. Each micro-expression is a clip of the whole
video (``#1``, ``#2``, ...), each macro-expression one of the frames around it, numbered
after these. Expressions may overlap. Frames were dropped: numbers have gaps, and times
follow the numbers. Depth images and parts B and C are not read.

Not known, and so not assumed: which emotion words the sheet of macro-expressions has
beside the field's. A clip with any other word is a reject that names the word.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mepipe.datasets.clip import Dataset, Kind, Note
from mepipe.datasets.clip_trees import (
    Shape,
    list_subjects,
    locate_one,
    nested,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding, note_macro
from mepipe.datasets.coding_sheets import (
    APEX_COLUMN,
    CLIP_COLUMNS,
    CODED_COLUMNS,
    SheetForm,
    find_table,
    matching_tables,
    sheet_folders,
)
from mepipe.datasets.sheets import Row, Table
from mepipe.datasets.subject_names import numbered_subject

# A sheet that names both kinds is read as one of micro-expressions, as it always was.
_MACRO = r"(?!.*micro)(?:(?:.*[^a-z])?mae(?![a-z])|.*macro)"
_CODING = Coding(
    reader="casme3",
    collection="casme3",
    sheet=SheetForm(
        "the micro-expressions of part A",
        required={
            **CLIP_COLUMNS,
            **APEX_COLUMN,
            "objective_class": ("Objective class", "Objective classes"),
            "emotion": ("emotion",),
        },
        optional={"action_units": CODED_COLUMNS["action_units"]},
        called=re.compile(rf"(?!{_MACRO})", re.IGNORECASE),
    ),
    subject=numbered_subject(r"(?:spNO\.)?", "spNO.{}"),
    fps=30.0,
    frames_folder="color",  # beside it lies the folder of depth images
    many_expressions=True,
    recordings=True,
    # Not of micro-expressions: their features would change from one release to the next.
    excerpts=frozenset({"macro"}),
)
_MACRO_SHEET = SheetForm(
    "the macro-expressions of part A",
    required={
        "subject": ("Subject", "sub"),
        "clip": ("Filename", "seq"),
        "onset": CLIP_COLUMNS["onset"],
        "offset": CLIP_COLUMNS["offset"],
        **APEX_COLUMN,
        "emotion": ("emotion",),
    },
    optional=CODED_COLUMNS,
    called=re.compile(_MACRO, re.IGNORECASE),
)
_SHAPE = Shape(
    "CAS(ME)3",
    "part_A/spNO.1/a/color/166.jpg",
    re.compile(r"cas\(?me\)?\^?(?:3|iii).*|parta.*"),
    nested(re.compile(r"spNO\.[0-9]+", re.IGNORECASE), re.compile(r".+")),
)


def read(root: Path, name: str | None) -> Dataset:
    """Read CAS(ME)3, part A, at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    notes: list[Note] = []
    folders = sheet_folders(root, tree)
    tables = []
    # Without either sheet, the error names the usual one.
    macro = matching_tables(folders, _MACRO_SHEET)[0]
    if not macro or matching_tables(folders, _CODING.sheet)[0]:
        micro = find_table(_SHAPE.title, folders, _CODING.sheet, notes)
        tables.append(_of_kind("micro", micro))
    if macro:
        tables.append(_of_kind("macro", find_table(_SHAPE.title, folders, _MACRO_SHEET, notes)))
        note_macro(tables[-1], notes)
    with tree_must_be_readable():
        clips = list_subjects(tree, _CODING.subject)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, tables, notes=notes))


def _of_kind(kind: Kind, table: Table) -> Table:
    """Return the table with a column that says of which kind its expressions are."""
    rows = tuple(Row(row.number, {**row.cells, "type": kind}) for row in table.rows)
    return replace(table, rows=rows)

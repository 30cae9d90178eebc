"""The reader of CAS(ME)3, part A.

::

    part_A/spNO.1/a/color/166.jpg             30 fps, with its sheet

Each expression is a clip of the whole video (``#1``, ``#2``, ...): in how far the
expressions of one video overlap is not known. Depth images and parts B and C are
not read.
"""

from __future__ import annotations

import re
from pathlib import Path

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
from mepipe.datasets.coding_sheets import (
    APEX_COLUMN,
    CLIP_COLUMNS,
    CODED_COLUMNS,
    SheetForm,
    find_table,
    sheet_folders,
)
from mepipe.datasets.subject_names import numbered_subject

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
    ),
    subject=numbered_subject(r"(?:spNO\.)?", "spNO.{}"),
    fps=30.0,
    frames_folder="color",  # beside it lies the folder of depth images
    many_expressions=True,
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
    table = find_table(_SHAPE.title, sheet_folders(root, tree), _CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_subjects(tree, _CODING.subject)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))

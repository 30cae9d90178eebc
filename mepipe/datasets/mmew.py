"""The reader of MMEW.

::

    Micro_Expression/happiness/S01-01-001/1.jpg      90 fps, with MMEW_Micro_Exp.xlsx

Where a clip's folder of an emotion and the sheet differ, the sheet is followed.

Not known, and so not assumed: how its sheet writes subjects. ``1``, ``01``, ``S01``
and ``sub01`` are all ``s01``.
"""

from __future__ import annotations

import re
from pathlib import Path

from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.clip_trees import (
    Shape,
    folders_in,
    list_clips,
    locate_one,
    normalise_name,
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
from mepipe.datasets.emotions import VOCABULARY, normalise
from mepipe.datasets.subject_names import numbered_subject

_CODING = Coding(
    reader="mmew",
    collection="mmew",
    sheet=SheetForm(
        "MMEW_Micro_Exp.xlsx",
        required={**CLIP_COLUMNS, **APEX_COLUMN, "emotion": ("Estimated Emotion", "Emotion")},
        optional=CODED_COLUMNS,
        # Other datasets' sheets have all of MMEW's columns too: these headings tell them.
        foreign=("Objective Classes", "EmotionId", "Inducement Code"),
    ),
    subject=numbered_subject(r"(?:s|sub)?", "s{:02d}"),
    fps=90.0,
    # Clips lie under emotions, not subjects, so the clip's name alone finds it.
    tree_key=lambda subject, clip: clip,
    emotion_folders=True,
)


def _emotion_folders(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in folders_in(folder) if normalise(name) in VOCABULARY)


def _holds_clips(folder: Path) -> bool:
    # MMEW also has macro-expressions, under folders of the same names.
    if normalise_name(folder.name) != "microexpression":
        return False
    return any(folders_in(folder / name) for name in _emotion_folders(folder))


_SHAPE = Shape(
    "MMEW",
    "Micro_Expression/happiness/S01-01-001/1.jpg",
    re.compile(r"mmew.*|microexpression"),
    _holds_clips,
)


def read(root: Path, name: str | None) -> Dataset:
    """Read MMEW at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    notes: list[Note] = []
    table = find_table(_SHAPE.title, sheet_folders(root, tree), _CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_clips(*(tree / emotion for emotion in _emotion_folders(tree)))
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))

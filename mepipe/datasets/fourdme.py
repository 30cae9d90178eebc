"""The reader of 4DME, the grey videos of its micro-expressions.

::

    gray_micro/<subject>/<clip>/...      with 4DME_Labelling_Micro_release v1.xlsx

Its grey videos have 60 frames per second (Li et al., 4DME: A Spontaneous 4D
Micro-Expression Dataset With Multimodalities, IEEE TAFFC 2022). A cell may name
several emotions: such a clip is of none of them, keeps its features and has no label.
The other cameras and the macro-expressions are not read.

Not known, and so not assumed: how subjects and files are called beside this, and
whether a clip's files have the numbers of its sheet. Where they have not, the key
frames lie outside the clip and are reported.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Dataset, Note, NotRecognisedError
from mepipe.datasets.clip_trees import (
    Shape,
    folders_in,
    list_subjects,
    locate_one,
    normalise_name,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import (
    APEX_COLUMN,
    CODED_COLUMNS,
    SheetForm,
    find_table,
    matching_tables,
    sheet_folders,
)
from mepipe.datasets.frames_on_disk import has_images, list_folder
from mepipe.datasets.sheets import Row, Table
from mepipe.datasets.subject_names import numbered_subject
from mepipe.errors import UnreadableInputError

_numbered = numbered_subject(r"(?:sub|s)?[-_]?", "S{:02d}")
_NAMES = re.compile(r"4dme.*|4dmicro.*|graymicro")
_BETWEEN = re.compile(r"[\s+&/,;]+|\band\b")


def subject_name(text: str) -> str | None:
    """Return ``S03`` for '3', 'S3' and 'sub03'; another name stays as it is."""
    return _numbered(text) or text.strip() or None


def _holds_clips(folder: Path) -> bool:
    """Return True if the first subject with a clip has images in it: one is enough to tell."""
    for subject in folders_in(folder):
        for clip in folders_in(folder / subject):
            try:
                return has_images(list_folder(folder / subject / clip))
            except UnreadableInputError:
                continue
    return False


_CODING = Coding(
    reader="4dme",
    collection="4dme",
    sheet=SheetForm(
        "4DME_Labelling_Micro_release v1.xlsx",
        required={
            # Only this set's sheet has these two.
            "subject": ("sub_ID", "sub_ID'"),
            "clip": ("fold_name", "fold_name'"),
            "onset": ("Onset",),
            "offset": ("Offset",),
            **APEX_COLUMN,
        },
        optional={"emotion": ("Emotion",), "action_units": CODED_COLUMNS["action_units"]},
    ),
    subject=subject_name,
    fps=60.0,
    many_expressions=True,
)
_SHAPE = Shape("4DME", "gray_micro/<subject>/<clip>/ with its sheet", _NAMES, _holds_clips)


def read(root: Path, name: str | None) -> Dataset:
    """Read 4DME at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    folders = sheet_folders(root, tree)
    # Any folder of subjects has this shape, so the sheet decides. Beside the root it counts
    # only if the root bears the set's name.
    if not _NAMES.fullmatch(normalise_name(root.name)):
        folders = folders[:-1]
    if not matching_tables(folders, _CODING.sheet)[0]:
        raise NotRecognisedError(f"4DME: {_SHAPE.example}")
    notes: list[Note] = []
    table = find_table(_SHAPE.title, folders, _CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_subjects(tree, subject_name)
    table = _with_one_emotion(table, notes)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))


def _with_one_emotion(table: Table, notes: list[Note]) -> Table:
    """Return the table with an empty cell where several emotions of the vocabulary stand."""
    rows = []
    for row in table.rows:
        words = [emotions.normalise(word) for word in _BETWEEN.split(row["emotion"]) if word]
        several = len(set(words)) > 1 and emotions.VOCABULARY.issuperset(words)
        if several:
            clip = f"4dme/{subject_name(row['subject'])}/{row['clip']}"
            text = f"row {row.number} of {table.path.name} names {' and '.join(words)}"
            notes.append(Note(clip, text, "the clip has no label"))
        rows.append(Row(row.number, {**row.cells, "emotion": ""}) if several else row)
    return replace(table, rows=tuple(rows))

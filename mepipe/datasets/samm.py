"""The readers of SAMM and of SAMM Long Videos.

::

    SAMM/006/006_1_2/006_05562.jpg       with SAMM_Micro_FACS_Codes_v2.xlsx
    006_1/006_1_0001.jpg                 with the sheet of SAMM Long Videos

In both, frame numbers count from the start of the recording. Only the sheet of
the long videos has a column ``Type`` (micro or macro), which tells the two apart.
It has no emotions, so its clips are unlabelled. Each row is a clip: a
micro-expression the whole long video, marked with that one expression, a
macro-expression the frames around it. The subjects of the two datasets are the same
people.

Not known: whether the clip of a row ``006_1_2`` of the long videos may lie elsewhere
than in ``006_1``. Such a row is a reject.
"""

from __future__ import annotations

import re
from pathlib import Path

from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.clip_trees import (
    Shape,
    folders_in,
    list_clips,
    list_subjects,
    locate_one,
    nested,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding, note_macro
from mepipe.datasets.coding_sheets import CODED_COLUMNS, SheetForm, find_table, sheet_folders
from mepipe.datasets.frames_on_disk import has_images, list_folder
from mepipe.errors import UnreadableInputError

_SUBJECT = re.compile(r"0*([0-9]{1,3})\Z")
_LONG_VIDEO = re.compile(r"[0-9]{3}_[0-9]+")
_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    # Not used: CASME II's sheet has all the other columns, and not this one.
    "inducement": ("Inducement Code",),
    "onset": ("Onset Frame", "Onset"),
    "apex": ("Apex Frame", "Apex"),
    "offset": ("Offset Frame", "Offset"),
}


def subject_name(text: str) -> str | None:
    """Return ``006`` for '6', '06' and '006'; None for other text."""
    match = _SUBJECT.match(text.strip())
    return f"{int(match[1]):03d}" if match else None


def _is_long(folder: Path) -> bool:
    """Return True if the first folder called like 006_1 holds images: all have one form."""
    for name in folders_in(folder):
        if _LONG_VIDEO.fullmatch(name):
            try:
                return has_images(list_folder(folder / name))
            except UnreadableInputError:
                continue
    return False


_SHAPE = Shape(
    "SAMM",
    "SAMM/006/006_1_2/006_05562.jpg",
    re.compile(r"samm(?!.*long).*"),  # the long videos' folder begins with samm, too
    nested(re.compile(r"[0-9]{1,3}"), re.compile(r"[0-9]{3}_[0-9]+_[0-9]+")),
)
_LONG_SHAPE = Shape(
    "SAMM Long Videos", "006_1/006_1_0001.jpg", re.compile(r"samm.*long.*|longvideos?"), _is_long
)
_CODING = Coding(
    reader="samm",
    collection="samm",
    sheet=SheetForm(
        "SAMM_Micro_FACS_Codes_v2.xlsx",
        required={**_COLUMNS, "emotion": ("Estimated Emotion", "Emotion")},
        optional=CODED_COLUMNS,
        foreign=("Type",),
    ),
    subject=subject_name,
    fps=200.0,
)
_LONG_CODING = Coding(
    reader="samm-long",
    collection="samm-long",
    sheet=SheetForm(
        "SAMM_LongVideos.xlsx",
        required={**_COLUMNS, "type": ("Type",)},
        optional=CODED_COLUMNS,
    ),
    subject=subject_name,
    fps=200.0,
    subject_collection="samm",
    # The row 006_1_2 is the second expression in the long video 006_1.
    tree_key=lambda subject, clip: clip.rpartition("_")[0],
    recordings=True,
    # Not of micro-expressions: their features would change from one release to the next.
    excerpts=frozenset({"macro"}),
)


def read(root: Path, name: str | None) -> Dataset:
    """Read SAMM at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    notes: list[Note] = []
    table = find_table(_SHAPE.title, sheet_folders(root, tree), _CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_subjects(tree, subject_name)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))


def read_long(root: Path, name: str | None) -> Dataset:
    """Read SAMM Long Videos at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _LONG_SHAPE)
    notes: list[Note] = []
    table = find_table(_LONG_SHAPE.title, sheet_folders(root, tree), _LONG_CODING.sheet, notes)
    with tree_must_be_readable():
        clips = list_clips(tree)
    note_macro(table, notes)
    return build_dataset(_LONG_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))

"""The reader of CAS(ME)2, its recordings of about a minute and a half.

::

    rawpic/s15/15_0101disgustingteeth/img001.jpg     30 fps, with CAS(ME)^2code_final.xlsx

A row of the sheet is a movement in a recording, macro or micro; several of one recording
may overlap. Each is a clip ``<recording>#1``, ``#2``, ... of the frames around it. A key
frame 0 is one that the coders do not know. The trees ``selectedpic``, ``cropped`` and
``rawvideo`` are not read: which of the sheet's numbers their frames have is not known.

In the published tree, ``s19`` holds a folder ``23_0502funnyerrors``. Public readers
disagree on whose recording it is. Here the subject's folder decides, and a note says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from mepipe.datasets.casme_sq_sheet import Places, find_rows
from mepipe.datasets.clip import Dataset, Note
from mepipe.datasets.clip_trees import (
    ClipFolders,
    Shape,
    list_subjects,
    locate_one,
    nested,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding, note_macro
from mepipe.datasets.coding_sheets import APEX_COLUMN, CLIP_COLUMNS, SheetForm, sheet_folders
from mepipe.datasets.subject_names import numbered_subject

_FOLDER = re.compile(r"0*([0-9]{1,4})_([0-9]{4})(?![0-9]).*", re.IGNORECASE)
_subject_name = numbered_subject("s?", "s{:02d}")
_CODING = Coding(
    reader="casme-sq",
    collection="casme-sq",
    sheet=SheetForm(
        "CAS(ME)^2code_final.xlsx",
        # Without a header: the columns have their places, see `casme_sq_sheet`.
        required={**CLIP_COLUMNS, **APEX_COLUMN, "emotion": ("emotion",)},
        optional={},
    ),
    subject=_subject_name,
    fps=30.0,
    zero_is_unknown=True,
    recordings=True,
    every_row=True,
    excerpts=frozenset({"", "micro", "macro"}),
)
_SHAPE = Shape(
    "CAS(ME)2",
    "rawpic/s15/15_0101disgustingteeth/img001.jpg",
    re.compile(r"cas\(?me\)?\^?(?:2|ii|sq).*|rawpic.*"),
    nested(re.compile(r"s[0-9]{1,3}", re.IGNORECASE), _FOLDER),
)


def read(root: Path, name: str | None) -> Dataset:
    """Read CAS(ME)2 at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    with tree_must_be_readable():
        clips = list_subjects(tree, _subject_name)
    notes: list[Note] = []
    places = _places(clips, notes)
    table = find_rows(sheet_folders(root, tree), places, notes)
    note_macro(table, notes)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))


def _places(clips: ClipFolders, notes: list[Note]) -> Places:
    """Return the recordings by subject and code; a folder of another's name is noted."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, paths in clips.paths.items():
        subject = key.partition("/")[0]
        for path in paths:
            match = _FOLDER.fullmatch(path.name)
            if match is None:
                continue
            found[subject, match[2]].append(path.name)
            named = _subject_name(match[1])
            if named != subject:
                text = f"{path} bears the name of {named}"
                how = f"taken as a recording of {subject}, whose folder holds it"
                notes.append(Note(f"casme-sq/{subject}/{path.name}", text, how))
    return found

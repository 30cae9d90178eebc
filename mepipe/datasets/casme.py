"""The reader of CASME.

::

    CASME_raw_selected/sub01/EP01_1/...       60 fps, with casme.xlsx

Not known, and so not assumed: which emotion words its sheet has beside the
field's (``tense`` is one of them). A clip with any other word is a reject that
names the word.
"""

from __future__ import annotations

import re
from pathlib import Path

from mepipe.datasets.casme2_trees import subject_name
from mepipe.datasets.clip import Dataset, Note, NotRecognisedError
from mepipe.datasets.clip_trees import (
    Shape,
    list_subjects,
    locate_one,
    nested,
    normalise_name,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import (
    CLIP_COLUMNS,
    CODED_COLUMNS,
    SheetForm,
    find_table,
    matching_tables,
    sheet_folders,
)

_CODING = Coding(
    reader="casme",
    collection="casme",
    sheet=SheetForm(
        "casme.xlsx",
        # Some rows have a second apex: only the first is used.
        required={**CLIP_COLUMNS, "apex": ("ApexF1",), "emotion": ("Emotion",)},
        optional={"second_apex": ("ApexF2",), **CODED_COLUMNS},
    ),
    subject=subject_name,
    fps=60.0,
)
_SHAPE = Shape(
    "CASME",
    "CASME_raw_selected/sub01/EP01_1",
    re.compile(r"casmerawselected"),
    nested(re.compile(r"sub[0-9]{1,3}", re.IGNORECASE), re.compile(r"EP[0-9]+_.*", re.IGNORECASE)),
)


def read(root: Path, name: str | None) -> Dataset:
    """Read CASME at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _SHAPE)
    folders = sheet_folders(root, tree)
    if not _is_casme(tree, folders):
        raise NotRecognisedError(f"CASME: clips such as {_SHAPE.example}, and its sheet")
    notes: list[Note] = []
    table = find_table(_SHAPE.title, folders, _CODING.sheet, notes)
    second = sum(row["second_apex"] not in {"", "0"} for row in table.rows)
    if second:
        text = f"{second} rows of {table.path.name} have a second apex: the first is used"
        notes.append(Note(None, text))
    with tree_must_be_readable():
        clips = list_subjects(tree, subject_name)
    return build_dataset(_CODING, root, name, DatasetFiles(tree, clips, [table], notes=notes))


def _is_casme(tree: Path, folders: list[Path]) -> bool:
    """Return True if a tree is CASME's and not CASME II's, whose folders have the same names."""
    name = normalise_name(tree.name)
    if name == "casmerawselected":
        return True
    if name.startswith(("casme2", "casmeii")):
        return False
    # The name does not tell. The sheet does: CASME II's has no column ApexF1.
    return bool(matching_tables(folders, _CODING.sheet)[0])

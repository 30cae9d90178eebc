"""The CASME II reader: its trees with the coding sheet.

::

    CASME2-coding-20190701.xlsx          or ...20140508.xlsx, or an edited copy
    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg        (may be nested twice)
    Cropped/sub01/EP02_01f/reg_img46.jpg
    CASME2-RAW/sub01/EP02_01f/img001.jpg                longer clips
    CASME2_compressed/sub01/EP02_01f.avi

The sheet lies beside the tree or in it. The last two trees are used only if
neither of the first two is there. Which of the sheet's frame numbers a
compressed video begins with is not known: without ``data.first_number`` its key
frames are spotted.
"""

from __future__ import annotations

from pathlib import Path

from mepipe.datasets.casme2_trees import COMPRESSED, find_sheet, find_tree, subject_name
from mepipe.datasets.clip import Dataset
from mepipe.datasets.clip_trees import list_subjects, tree_must_be_readable
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import CODED_COLUMNS, SheetForm
from mepipe.datasets.sheets import read_table, without_not_available

_CODING = Coding(
    reader="casme2",
    collection="casme2",
    sheet=SheetForm(
        "CASME2-coding-*.xlsx",
        required={
            "subject": ("Subject",),
            "clip": ("Filename",),
            "onset": ("OnsetFrame", "Onset"),
            "apex": ("ApexFrame", "Apex"),
            "offset": ("OffsetFrame", "Offset"),
            "emotion": ("Estimated Emotion", "Emotion"),
        },
        optional=CODED_COLUMNS,
    ),
    subject=subject_name,
    fps=200.0,
)


def read(root: Path, name: str | None) -> Dataset:
    """Read CASME II at ``root``; see `mepipe.datasets.clip.Reader`."""
    with tree_must_be_readable():
        tree, notes = find_tree(root)
        sheet = find_sheet(root, tree.folder, notes)
        clips = list_subjects(tree.folder, subject_name, videos=tree.kind == COMPRESSED)
    form = _CODING.sheet
    table = without_not_available(
        read_table(sheet, key="clip", required=form.required, optional=form.optional)
    )
    return build_dataset(
        _CODING, root, name, DatasetFiles(tree.folder, clips, [table], kind=tree.kind, notes=notes)
    )

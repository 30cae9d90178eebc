"""The reader of DFME.

::

    <Filename>/00020.png          the frames per second are in the sheet

Not known, and so not assumed: what the folders above the clips are called. The
given folder is searched, and the folders in it called DFME, part, train or test.
"""

from __future__ import annotations

import re
from pathlib import Path

from mepipe.datasets.clip import Dataset, NotRecognisedError
from mepipe.datasets.clip_trees import (
    Shape,
    folders_in,
    list_clips,
    locate,
    tree_must_be_readable,
)
from mepipe.datasets.coded_dataset import DatasetFiles, build_dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import (
    APEX_COLUMN,
    CLIP_COLUMNS,
    CODED_COLUMNS,
    SheetForm,
    matching_tables,
    sheet_folders,
)
from mepipe.datasets.frames_on_disk import has_images, list_folder
from mepipe.datasets.subject_names import numbered_subject
from mepipe.errors import UnreadableInputError

_CODING = Coding(
    reader="dfme",
    collection="dfme",
    sheet=SheetForm(
        "its sheet with the columns EmotionId and Fps",
        required={
            **CLIP_COLUMNS,
            **APEX_COLUMN,
            "emotion": ("Emotion",),
            # Not used: no other dataset's sheet has it, so it tells this one.
            "emotion_id": ("EmotionId",),
            "fps": ("Fps",),
        },
        optional=CODED_COLUMNS,
    ),
    subject=numbered_subject(r"(?:sub)?", "sub{:04d}"),
    # No folder of a subject is above the clips, so the clip's name alone finds it.
    tree_key=lambda subject, clip: clip,
)


def _holds_clips(folder: Path) -> bool:
    """Return True if the first folder inside that can be listed holds images and no folders.

    One is enough to tell, and a part has thousands.
    """
    for name in folders_in(folder):
        try:
            listing = list_folder(folder / name)
        except UnreadableInputError:
            continue
        return has_images(listing) and not listing.folders
    return False


_SHAPE = Shape(
    "DFME",
    "<Filename>/00020.png beside its sheet with the columns EmotionId and Fps",
    re.compile(r"dfme.*|part.*|train.*|test.*"),
    _holds_clips,
)


def read(root: Path, name: str | None) -> Dataset:
    """Read DFME at ``root``; see `mepipe.datasets.clip.Reader`."""
    # It comes in parts, each with clips and perhaps a sheet of its own: all are one dataset.
    trees = locate(root, _SHAPE)
    # Not beside the root: any folder of image folders would match, so only a sheet inside counts.
    folders = [folder for tree in trees for folder in sheet_folders(root, tree)[:-1]]
    tables = [table for table in matching_tables(folders, _CODING.sheet)[0] if table.rows]
    if not tables:
        raise NotRecognisedError(f"DFME: {_SHAPE.example}")
    with tree_must_be_readable():
        clips = list_clips(*trees)
    return build_dataset(_CODING, root, name, DatasetFiles(trees[0], clips, tables))

"""The readers of CASME, CAS(ME)3 part A, MMEW and DFME.

Each is a description of its columns and its tree; what is common to them is in
`mepipe.datasets.coded_dataset`.

::

    casme    CASME_raw_selected/sub01/EP01_1/...              casme.xlsx, 60 fps
    casme3   part_A/spNO.1/a/color/166.jpg                    30 fps
    mmew     Micro_Expression/happiness/<Filename>/1.jpg      90 fps
    dfme     <Filename>/00020.png                             the rate is in the sheet

Not known, and so not assumed:

- CASME: the words of its sheet beside the field's (``tense`` is one of them); any
  other is a reject that names it. Some rows have a second apex: the first is used.
- CAS(ME)3: in how far expressions of one video overlap. Each is a clip of the
  whole video (``#1``, ``#2``, ...). Depth images and parts B and C are not read.
- MMEW: how its sheet writes subjects: ``1``, ``01``, ``S01`` and ``sub01`` are all ``s01``.
  Where an emotion's folder and the sheet differ the sheet is followed.
- DFME: what the folders above the clips are called: the given folder is searched,
  and the folders in it called DFME, part, train or test. Its sheets (one or
  several) are known by their columns ``EmotionId`` and ``Fps``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mepipe.datasets.casme2_trees import subject_name as casme_subject
from mepipe.datasets.clip import Dataset, Note, NotRecognisedError
from mepipe.datasets.clip_trees import (
    ClipFolders,
    Shape,
    folders_in,
    list_clips,
    list_subjects,
    locate,
    locate_one,
    nested,
    plain,
)
from mepipe.datasets.coded_dataset import Found, dataset
from mepipe.datasets.coding import Coding
from mepipe.datasets.coding_sheets import (
    CODED,
    SheetForm,
    folders_around,
    matching_tables,
    one_table,
)
from mepipe.datasets.emotions import VOCABULARY, normalise
from mepipe.datasets.frames_on_disk import has_images, list_folder
from mepipe.errors import UnreadableInputError, UsageError

_WHO_AND_WHERE = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "OnsetF", "Onset"),
    "offset": ("OffsetFrame", "OffsetF", "Offset"),
}
_APEX = {"apex": ("ApexFrame", "ApexF", "Apex")}


def _numbered(pattern: str, form: str) -> Callable[[str], str | None]:
    """Return what makes a padded subject of a cell or a folder's name."""
    compiled = re.compile(rf"{pattern}0*([0-9]{{1,6}})\Z", re.IGNORECASE)

    def subject(text: str) -> str | None:
        match = compiled.match(text.strip())
        return form.format(int(match[1])) if match else None

    return subject


_CASME = Coding(
    reader="casme",
    collection="casme",
    sheet=SheetForm(
        "casme.xlsx",
        required={**_WHO_AND_WHERE, "apex": ("ApexF1",), "emotion": ("Emotion",)},
        optional={"second_apex": ("ApexF2",), **CODED},
    ),
    subject=casme_subject,
    fps=60.0,
)
_CASME_SHAPE = Shape(
    "CASME",
    "CASME_raw_selected/sub01/EP01_1",
    re.compile(r"casmerawselected"),
    nested(re.compile(r"sub[0-9]{1,3}", re.IGNORECASE), re.compile(r"EP[0-9]+_.*", re.IGNORECASE)),
)
_CASME3 = Coding(
    reader="casme3",
    collection="casme3",
    sheet=SheetForm(
        "the micro-expressions of part A",
        required={
            **_WHO_AND_WHERE,
            **_APEX,
            "objective_class": ("Objective class", "Objective classes"),
            "emotion": ("emotion",),
        },
        optional={"action_units": CODED["action_units"]},
    ),
    subject=_numbered(r"(?:spNO\.)?", "spNO.{}"),
    fps=30.0,
    inside="color",
    several=True,
)
_CASME3_SHAPE = Shape(
    "CAS(ME)3",
    "part_A/spNO.1/a/color/166.jpg",
    re.compile(r"cas\(?me\)?\^?(?:3|iii).*|parta.*"),
    nested(re.compile(r"spNO\.[0-9]+", re.IGNORECASE), re.compile(r".+")),
)
_MMEW = Coding(
    reader="mmew",
    collection="mmew",
    sheet=SheetForm(
        "MMEW_Micro_Exp.xlsx",
        required={**_WHO_AND_WHERE, **_APEX, "emotion": ("Estimated Emotion", "Emotion")},
        optional=CODED,
        foreign=("Objective Classes", "EmotionId", "Inducement Code"),
    ),
    subject=_numbered(r"(?:s|sub)?", "s{:02d}"),
    fps=90.0,
    folder=lambda subject, clip: clip,
    emotion_folders=True,
)
_DFME = Coding(
    reader="dfme",
    collection="dfme",
    sheet=SheetForm(
        "its sheet with the columns EmotionId and Fps",
        required={
            **_WHO_AND_WHERE,
            **_APEX,
            "emotion": ("Emotion",),
            "emotion_id": ("EmotionId",),
            "fps": ("Fps",),
        },
        optional=CODED,
    ),
    subject=_numbered(r"(?:sub)?", "sub{:04d}"),
    folder=lambda subject, clip: clip,
)


def _emotion_folders(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in folders_in(folder) if normalise(name) in VOCABULARY)


def _is_mmew(folder: Path) -> bool:
    if plain(folder.name) != "microexpression":
        return False
    return any(folders_in(folder / name) for name in _emotion_folders(folder))


def _holds_clips(folder: Path) -> bool:
    for name in folders_in(folder):
        try:
            listing = list_folder(folder / name)
        except UnreadableInputError:
            continue
        return has_images(listing) and not listing.folders
    return False


_MMEW_SHAPE = Shape(
    "MMEW",
    "Micro_Expression/happiness/S01-01-001/1.jpg",
    re.compile(r"mmew.*|microexpression"),
    _is_mmew,
)
_DFME_SHAPE = Shape(
    "DFME",
    "<Filename>/00020.png beside its sheet with the columns EmotionId and Fps",
    re.compile(r"dfme.*|part.*|train.*|test.*"),
    _holds_clips,
)


def read_casme(root: Path, name: str | None) -> Dataset:
    """Read CASME at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree = locate_one(root, _CASME_SHAPE)
    form, notes = _CASME.sheet, list[Note]()
    # CASME II's folders have the same names: where this one's does not tell, the sheet does.
    if plain(tree.name) != "casmerawselected" and (
        plain(tree.name).startswith(("casme2", "casmeii"))
        or not matching_tables(folders_around(root, tree), form)[0]
    ):
        raise NotRecognisedError(f"CASME: clips such as {_CASME_SHAPE.example}, and its sheet")
    table = one_table(_CASME_SHAPE.title, folders_around(root, tree), form, notes)
    second = sum(row["second_apex"] not in {"", "0"} for row in table.rows)
    if second:
        text = f"{second} rows of {table.path.name} have a second apex: the first is used"
        notes.append(Note(None, text))
    clips = _listed(lambda: list_subjects(tree, casme_subject))
    return dataset(_CASME, root, name, Found(tree, clips, [table], notes=notes))


def read_casme3(root: Path, name: str | None) -> Dataset:
    """Read CAS(ME)3, part A, at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree, notes = locate_one(root, _CASME3_SHAPE), list[Note]()
    table = one_table(_CASME3_SHAPE.title, folders_around(root, tree), _CASME3.sheet, notes)
    clips = _listed(lambda: list_subjects(tree, _CASME3.subject))
    return dataset(_CASME3, root, name, Found(tree, clips, [table], notes=notes))


def read_mmew(root: Path, name: str | None) -> Dataset:
    """Read MMEW at ``root``; see `mepipe.datasets.clip.Reader`."""
    tree, notes = locate_one(root, _MMEW_SHAPE), list[Note]()
    table = one_table(_MMEW_SHAPE.title, folders_around(root, tree), _MMEW.sheet, notes)
    clips = _listed(lambda: list_clips(*(tree / word for word in _emotion_folders(tree))))
    return dataset(_MMEW, root, name, Found(tree, clips, [table], notes=notes))


def read_dfme(root: Path, name: str | None) -> Dataset:
    """Read DFME at ``root``; see `mepipe.datasets.clip.Reader`."""
    trees = locate(root, _DFME_SHAPE)
    folders = [folder for tree in trees for folder in folders_around(root, tree)[:-1]]
    tables = [table for table in matching_tables(folders, _DFME.sheet)[0] if table.rows]
    if not tables:
        raise NotRecognisedError(f"DFME: {_DFME_SHAPE.example}")
    clips = _listed(lambda: list_clips(*trees))
    return dataset(_DFME, root, name, Found(trees[0], clips, tables))


def _listed(listing: Callable[[], ClipFolders]) -> ClipFolders:
    try:
        return listing()
    except UnreadableInputError as error:
        raise UsageError(error.message, error.remedy) from error

"""Finds the tree of clips and the coding sheet of CASME II under their usual names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import NO_FOLDER, Note, NotRecognisedError
from mepipe.datasets.clip_trees import folders_in, normalise_name
from mepipe.datasets.coding_sheets import sheet_folders
from mepipe.datasets.frames_on_disk import list_folder
from mepipe.datasets.sheets import find_sheets
from mepipe.errors import UnreadableInputError, UsageError

COMPRESSED = "compressed"

_TREES = {
    "casme2rawselected": "RAW_selected",
    "casmeiirawselected": "RAW_selected",
    "rawselected": "RAW_selected",
    "casme2cropped": "Cropped",
    "casmeiicropped": "Cropped",
    "cropped": "Cropped",
    "casme2raw": "RAW",
    "casmeiiraw": "RAW",
    "casme2compressed": COMPRESSED,
    "casmeiicompressed": COMPRESSED,
}
# Used only if no other tree is there: RAW holds longer clips, and the compressed videos
# have lost their frame numbers.
_SECOND_CHOICE = ("RAW", COMPRESSED)
_SUBJECT = re.compile(r"(?:sub)?0*([0-9]{1,4})\Z", re.IGNORECASE)
_CLIP = re.compile(r"EP[0-9]+_", re.IGNORECASE)
_DATE = re.compile(r"20[0-9]{6}")


@dataclass(frozen=True)
class Tree:
    """One of the trees of CASME II.

    Parameters
    ----------
    kind
        RAW_selected, Cropped, RAW, compressed, or empty if the folder's name does
        not tell.
    folder
        The folder that holds the subjects' folders.
    """

    kind: str
    folder: Path


def subject_name(text: str) -> str | None:
    """Return ``sub01`` for '01', '1', 'sub1' and 'sub01'; None for other text."""
    match = _SUBJECT.match(text.strip())
    return f"sub{int(match[1]):02d}" if match else None


def _has_clips(tree: Tree) -> bool:
    """Return True if a tree has clips such as sub01/EP02_01f (compressed: EP02_01f.avi)."""
    subjects = [name for name in list_folder(tree.folder).folders if _SUBJECT.match(name)]
    return any(_CLIP.match(clip) for s in subjects for clip in _clips_in(tree, s))


def _clips_in(tree: Tree, subject: str) -> tuple[str, ...]:
    if tree.kind != COMPRESSED:
        return folders_in(tree.folder / subject)
    try:
        return list_folder(tree.folder / subject).files
    except UnreadableInputError:
        return ()  # reported when the clips are read


def find_tree(root: Path) -> tuple[Tree, list[Note]]:
    """Return the tree at or under ``root``, and notes on trees that are not used.

    Raises
    ------
    NotRecognisedError
        If nothing here is CASME II's.
    UsageError
        If this is CASME II, but no tree has clips, or two trees have.
    """
    if not root.is_dir():
        raise NotRecognisedError(NO_FOLDER)
    listing = list_folder(root)
    if normalise_name(root.name) in _TREES:
        trees = [Tree(_TREES[normalise_name(root.name)], _innermost(root))]
    else:
        trees = [
            Tree(_TREES[normalise_name(name)], _innermost(root / name))
            for name in listing.folders
            if normalise_name(name) in _TREES
        ]
    # A copy under another name. Clips alone do not tell, for CASME's look the same: it
    # also takes a sheet with CASME II's name.
    renamed = Tree("", root)
    if not trees and _has_clips(renamed) and (_own_sheets(root) or _own_sheets(root.parent)):
        trees = [renamed]
    full = [tree for tree in trees if _has_clips(tree)]
    chosen = [tree for tree in full if tree.kind not in _SECOND_CHOICE] or full
    if len(chosen) > 1:
        raise UsageError(
            f"{root} holds two trees of CASME II: "
            + " and ".join(tree.folder.name for tree in chosen),
            f"Name the one to use, for example {chosen[0].folder}.",
        )
    if chosen:
        notes = [Note(None, f"{t.folder} holds no clips") for t in trees if t not in full]
        notes += [
            Note(None, f"the tree {t.folder.name} is not used: {chosen[0].folder.name} is read")
            for t in full
            if t not in chosen
        ]
        return chosen[0], notes
    # Half a dataset deserves a better answer than "not recognised".
    signs = [
        *(tree.folder.name for tree in trees if "casme" in normalise_name(tree.folder.name)),
        *(sheet.name for sheet in _own_sheets(root)),
    ]
    if signs:
        raise UsageError(
            f"{root} is CASME II ({', '.join(signs)}), but no folder CASME2_RAW_selected, "
            "Cropped, CASME2-RAW or CASME2_compressed in it holds clips such as sub01/EP02_01f",
            "Unpack one of these trees there.",
        )
    raise NotRecognisedError(
        "CASME II: a folder CASME2_RAW_selected or Cropped with clips such as "
        "sub01/EP02_01f/img46.jpg, and its sheet CASME2-coding-*.xlsx in it or beside it"
    )


def _innermost(folder: Path) -> Path:
    """Return the tree inside folders of the tree's own name, as archives unpack."""
    for _ in range(2):
        kind = _TREES[normalise_name(folder.name)]
        inner = [name for name in folders_in(folder) if _TREES.get(normalise_name(name)) == kind]
        if not inner:
            break
        folder /= inner[0]
    return folder


def _own_sheets(folder: Path) -> list[Path]:
    """Return the tables in a folder that bear CASME II's name."""
    try:
        files = list_folder(folder).files
    except UnreadableInputError:
        return []
    return [
        path
        for path in find_sheets(folder, files)
        if normalise_name(path.stem).startswith(("casme2", "casmeii"))
    ]


def find_sheet(root: Path, tree: Path, notes: list[Note]) -> Path:
    """Return the newest sheet in the tree, above it up to the root, or beside the root.

    Sheets that are not used go to ``notes``.

    Raises
    ------
    UsageError
        If there is no sheet, or two of the same date.
    """
    folders = sheet_folders(root, tree)
    sheets = [sheet for folder in folders for sheet in _own_sheets(folder)]
    if not sheets:
        # Renamed, as edited copies are. Not beside the root: that table may be any
        # dataset's.
        sheets = [
            sheet
            for folder in folders[:-1]
            for sheet in find_sheets(folder, list_folder(folder).files)
            if sheet.suffix.lower() == ".xlsx"
        ]
    if not sheets:
        raise UsageError(
            "the sheet of CASME II (CASME2-coding-*.xlsx) is in none of "
            f"{', '.join(map(str, folders))}",
            "Copy it there.",
        )
    # The name ends in the release's date; an edited copy may have none.
    dates = {sheet: (_DATE.findall(sheet.stem) or [""])[-1] for sheet in sheets}
    newest = [sheet for sheet in sheets if dates[sheet] == max(dates.values())]
    if len(newest) > 1:
        raise UsageError(
            f"there are several sheets of CASME II: {', '.join(map(str, newest))}", "Keep one."
        )
    notes += [
        Note(None, f"{sheet.name} is not used: {newest[0].name} is newer")
        for sheet in sheets
        if sheet != newest[0]
    ]
    return newest[0]

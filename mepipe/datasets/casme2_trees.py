"""Where CASME II lies: its tree of clips and its coding sheet, under every usual name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.frames_on_disk import list_folder
from mepipe.datasets.model import Note, NotRecognisedError
from mepipe.datasets.sheets import find_sheets
from mepipe.errors import UnreadableInputError, UsageError

_TREES = {
    "casme2rawselected": "RAW_selected",
    "casmeiirawselected": "RAW_selected",
    "rawselected": "RAW_selected",
    "casme2cropped": "Cropped",
    "casmeiicropped": "Cropped",
    "cropped": "Cropped",
}
_UNREAD_TREES = {"casme2raw", "casmeiiraw", "casme2compressed", "casmeiicompressed"}
_SUBJECT = re.compile(r"(?:sub)?0*([0-9]{1,4})\Z", re.IGNORECASE)
_CLIP = re.compile(r"EP[0-9]+_", re.IGNORECASE)
_DATE = re.compile(r"20[0-9]{6}")


@dataclass(frozen=True)
class Tree:
    """The folder that holds the subjects' folders, and which tree it is.

    ``kind`` is RAW_selected, Cropped, or empty where the folder's name does not say.
    """

    kind: str
    folder: Path


def subject_name(text: str) -> str | None:
    """Return ``sub01`` for '01', '1', 'sub1' and 'sub01'; None for other text."""
    match = _SUBJECT.match(text.strip())
    return f"sub{int(match[1]):02d}" if match else None


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).casefold()


def _has_clips(folder: Path) -> bool:
    """Say whether a folder has the shape subject/EP##_..."""
    subjects = [name for name in list_folder(folder).folders if _SUBJECT.match(name)]
    return any(_CLIP.match(clip) for s in subjects for clip in _folders_in(folder / s))


def _folders_in(folder: Path) -> tuple[str, ...]:
    try:
        return list_folder(folder).folders
    except UnreadableInputError:
        return ()  # reported when the clips are read


def find_tree(root: Path) -> tuple[Tree, list[Note]]:
    """Find the one tree at or under ``root``.

    Raises
    ------
    NotRecognisedError
        If nothing here is CASME II's.
    UsageError
        If it is, but there is no tree with clips, or there are two.
    """
    if not root.is_dir():
        raise NotRecognisedError("CASME II: a folder, not a file")
    listing = list_folder(root)
    if _plain(root.name) in _TREES:
        trees = [Tree(_TREES[_plain(root.name)], _innermost(root))]
    else:
        trees = [
            Tree(_TREES[_plain(name)], _innermost(root / name))
            for name in listing.folders
            if _plain(name) in _TREES
        ]
    unread = [name for name in (root.name, *listing.folders) if _plain(name) in _UNREAD_TREES]
    renamed = not trees and not unread and _has_clips(root)
    if renamed and (_own_sheets(root) or _own_sheets(root.parent)):
        trees = [Tree("", root)]
    notes = [Note(None, f"the tree {name} is not used") for name in unread]
    full = [tree for tree in trees if _has_clips(tree.folder)]
    if len(full) > 1:
        raise UsageError(
            f"{root} holds two trees of CASME II: "
            + " and ".join(tree.folder.name for tree in full),
            f"Name the one to use, for example {full[0].folder}.",
        )
    if full:
        notes += [Note(None, f"{t.folder} holds no clips") for t in trees if t not in full]
        return full[0], notes
    signs = [
        *(tree.folder.name for tree in trees if "casme" in _plain(tree.folder.name)),
        *unread,
        *(sheet.name for sheet in _own_sheets(root)),
    ]
    if signs:
        raise UsageError(
            f"{root} is CASME II ({', '.join(signs)}), but no folder CASME2_RAW_selected or "
            "Cropped in it holds clips such as sub01/EP02_01f",
            "Unpack one of these two trees there; CASME2-RAW and the compressed videos are not "
            "read.",
        )
    raise NotRecognisedError(
        "CASME II: a folder CASME2_RAW_selected or Cropped with clips such as "
        "sub01/EP02_01f/img46.jpg, and its sheet CASME2-coding-*.xlsx in it or beside it"
    )


def _innermost(folder: Path) -> Path:
    """Follow a tree that was unpacked into a folder of its own name."""
    for name in _folders_in(folder):
        if _TREES.get(_plain(name)) == _TREES[_plain(folder.name)]:
            return folder / name
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
        if _plain(path.stem).startswith(("casme2", "casmeii"))
    ]


def find_sheet(root: Path, tree: Path, notes: list[Note]) -> Path:
    """Return the sheet that lies in the tree, beside it, or in a folder between."""
    folders = [tree]
    while folders[-1] != root:
        folders.append(folders[-1].parent)
    folders.append(root.parent)
    sheets = [sheet for folder in folders for sheet in _own_sheets(folder)]
    if not sheets:
        sheets = [
            sheet
            for folder in folders[:-1]
            for sheet in find_sheets(folder, list_folder(folder).files)
            if sheet.suffix.lower() == ".xlsx"
        ]
    if not sheets:
        raise UsageError(
            f"the sheet of CASME II (CASME2-coding-*.xlsx) is in none of "
            f"{', '.join(map(str, folders))}",
            "Copy it there.",
        )
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

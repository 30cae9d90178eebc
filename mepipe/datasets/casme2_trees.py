"""Where CASME II lies: its tree of clips and its coding sheet, under every usual name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import NO_FOLDER, Note, NotRecognisedError
from mepipe.datasets.clip_trees import folders_in, plain
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
# Used only where no tree of the annotated frames lies beside them.
_SECOND_CHOICE = ("RAW", COMPRESSED)
_SUBJECT = re.compile(r"(?:sub)?0*([0-9]{1,4})\Z", re.IGNORECASE)
_CLIP = re.compile(r"EP[0-9]+_", re.IGNORECASE)
_DATE = re.compile(r"20[0-9]{6}")


@dataclass(frozen=True)
class Tree:
    """The folder that holds the subjects' folders, and which tree it is.

    ``kind`` is RAW_selected, Cropped, RAW, compressed, or empty where the folder's
    name does not say.
    """

    kind: str
    folder: Path


def subject_name(text: str) -> str | None:
    """Return ``sub01`` for '01', '1', 'sub1' and 'sub01'; None for other text."""
    match = _SUBJECT.match(text.strip())
    return f"sub{int(match[1]):02d}" if match else None


def _has_clips(tree: Tree) -> bool:
    """Say whether a tree has the shape subject/EP##_... (compressed: EP##_... .avi)."""
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
    """Find the one tree at or under ``root``.

    Raises
    ------
    NotRecognisedError
        If nothing here is CASME II's.
    UsageError
        If it is, but there is no tree with clips, or there are two.
    """
    if not root.is_dir():
        raise NotRecognisedError(NO_FOLDER)
    listing = list_folder(root)
    if plain(root.name) in _TREES:
        trees = [Tree(_TREES[plain(root.name)], _innermost(root))]
    else:
        trees = [
            Tree(_TREES[plain(name)], _innermost(root / name))
            for name in listing.folders
            if plain(name) in _TREES
        ]
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
    signs = [
        *(tree.folder.name for tree in trees if "casme" in plain(tree.folder.name)),
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
    """Follow a tree that was unpacked into a folder of its own name, once or twice."""
    for _ in range(2):
        kind = _TREES[plain(folder.name)]
        inner = [name for name in folders_in(folder) if _TREES.get(plain(name)) == kind]
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
        if plain(path.stem).startswith(("casme2", "casmeii"))
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

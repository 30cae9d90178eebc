"""Trees of clips: where the folder that holds them is, and what lies in it.

A tree is recognised by its shape (`Shape`), not by its files: looking costs the
listing of a few folders, however large the dataset is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets.clip import NO_FOLDER, Note, NotRecognisedError
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES, list_folder
from mepipe.errors import UnreadableInputError, UsageError

_DEEPEST = 4  # folders of the dataset's name within one another, as archives unpack


@dataclass(frozen=True)
class Shape:
    """How a dataset's tree is recognised.

    Parameters
    ----------
    title
        The dataset's name in messages.
    example
        A path in the tree, for messages.
    names
        The folders that may lead to the tree (as `plain` writes them): no
        other folder is looked into, so that a neighbour is not mistaken.
    holds
        Says whether a folder holds the clips.
    """

    title: str
    example: str
    names: re.Pattern[str]
    holds: Callable[[Path], bool]


@dataclass
class ClipFolders:
    """The clips of a tree: their paths by key, and what there is to say of the rest.

    A key is ``subject/clip`` or only ``clip``, without case. ``unreadable`` are
    the subjects whose folders cannot be listed.
    """

    paths: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[str, UnreadableInputError] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def plain(name: str) -> str:
    """Return a folder's name without case, blanks, hyphens and underscores."""
    return re.sub(r"[-_ ]", "", name).casefold()


def folders_in(folder: Path) -> tuple[str, ...]:
    """Return the folders in a folder, none if it cannot be listed (reported when it is read)."""
    try:
        return list_folder(folder).folders
    except UnreadableInputError:
        return ()


def nested(subject: re.Pattern[str], clip: re.Pattern[str]) -> Callable[[Path], bool]:
    """Return a test for the shape ``subject/clip``: one folder of each name is enough."""

    def holds(folder: Path) -> bool:
        subjects = (name for name in folders_in(folder) if subject.fullmatch(name))
        return any(clip.fullmatch(name) for s in subjects for name in folders_in(folder / s))

    return holds


def locate(root: Path, shape: Shape) -> list[Path]:
    """Return the folders at or under ``root`` that hold clips of this shape.

    Raises
    ------
    NotRecognisedError
        If there is none.
    UsageError
        If a folder bears the dataset's name and is empty.
    """
    if not root.is_dir():
        raise NotRecognisedError(NO_FOLDER)
    found: list[Path] = []
    empty: list[Path] = []
    level = [root]
    for _ in range(_DEEPEST):
        below = []
        for folder in level:
            if shape.holds(folder):
                found.append(folder)
                continue
            inside = folders_in(folder)
            if not inside and _is_called(folder, shape) and _is_empty(folder):
                empty.append(folder)
            below += [folder / name for name in inside if shape.names.fullmatch(plain(name))]
        level = below
    if not found and empty:
        raise UsageError(
            f"{empty[0]} is called like {shape.title}, but is empty",
            f"Unpack the clips there, such as {shape.example}.",
        )
    if not found:
        raise NotRecognisedError(f"{shape.title}: clips such as {shape.example}")
    return found


def locate_one(root: Path, shape: Shape) -> Path:
    """Return the only folder at or under ``root`` that holds clips; errors as `locate`.

    Two of them are a `UsageError` too.
    """
    found = locate(root, shape)
    if len(found) > 1:
        raise UsageError(
            f"{root} holds two trees of {shape.title}: {found[0]} and {found[1]}",
            f"Name the one to use, for example {found[0]}.",
        )
    return found[0]


def _is_called(folder: Path, shape: Shape) -> bool:
    """Say whether a folder bears the dataset's own name, not only one like ``HS`` or ``test``."""
    name = plain(folder.name)
    return bool(shape.names.fullmatch(name)) and name.startswith(plain(shape.title))


def _is_empty(folder: Path) -> bool:
    try:
        return not list_folder(folder).files
    except UnreadableInputError:
        return False


def list_clips(*trees: Path) -> ClipFolders:
    """List trees ``clip/frames`` as one; errors as `list_subjects`."""
    clips = ClipFolders()
    for tree in trees:
        _list(tree, "", clips, clip=str, videos=False)
    return clips


def list_subjects(
    tree: Path,
    subject: Callable[[str], str | None],
    *,
    clip: Callable[[str], str] = str,
    videos: bool = False,
) -> ClipFolders:
    """List a tree ``subject/clip/frames``.

    Parameters
    ----------
    tree
        The folder of the subjects' folders.
    subject
        Makes the padded subject of a folder's name; None: it is no subject's.
    clip
        Makes the clip's name of its folder's.
    videos
        The clips are video files, not folders.

    Raises
    ------
    UnreadableInputError
        If the tree itself cannot be listed.
    """
    clips = ClipFolders()
    listing = list_folder(tree)
    clips.notes += [Note(None, f"{tree}: {bad} is no UTF-8 name") for bad in listing.unnameable]
    for name in listing.folders:
        person = subject(name)
        if person is None:
            clips.notes.append(Note(None, f"{tree / name} is not a subject's folder: not used"))
            continue
        try:
            _list(tree / name, f"{person}/", clips, clip=clip, videos=videos)
        except UnreadableInputError as error:
            clips.unreadable[person] = error
            clips.notes.append(Note(None, error.message))
    return clips


def _list(
    folder: Path, prefix: str, clips: ClipFolders, *, clip: Callable[[str], str], videos: bool
) -> None:
    listing = list_folder(folder)
    paths = [folder / name for name in (listing.files if videos else listing.folders)]
    for path in paths:
        if not videos or path.suffix.lower() in VIDEO_SUFFIXES:
            name = clip(path.stem if videos else path.name)
            clips.paths[f"{prefix}{name}".casefold()].append(path)
    clips.notes += [Note(None, f"{folder}: {bad} is no UTF-8 name") for bad in listing.unnameable]

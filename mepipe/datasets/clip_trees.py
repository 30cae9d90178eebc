"""Trees of clips: finds the folder that holds them, and lists the clips in it.

A tree is recognised by its folders (`Shape`), not by its files. Finding it costs
the listing of a few folders, however large the dataset is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets.clip import NO_FOLDER, Note, NotRecognisedError
from mepipe.datasets.frames_on_disk import VIDEO_SUFFIXES, list_folder
from mepipe.errors import UnreadableInputError, UsageError

# How many folders deep a tree is looked for. Archives unpack into folders of their own
# name, so SAMM/SAMM/SAMM/006 is common.
_DEEPEST = 4


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
        The folders that may lead to the tree, as `normalise_name` writes them. No
        other folder is opened, so that a dataset beside it is not mistaken for it.
    holds
        Returns True if a folder holds the clips.
    """

    title: str
    example: str
    names: re.Pattern[str]
    holds: Callable[[Path], bool]


@dataclass
class ClipFolders:
    """The clips of a tree.

    Parameters
    ----------
    paths
        The paths of each clip by its key: ``subject/clip`` or only ``clip``, in
        lower case. More than one path is an error of the dataset.
    unreadable
        The subjects whose folders cannot be listed, and why.
    notes
        What there is to say of other files and folders.
    """

    paths: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[str, UnreadableInputError] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def normalise_name(name: str) -> str:
    """Return a folder's name in lower case without blanks, hyphens and underscores."""
    # The same dataset comes as "CASME2_RAW_selected", "CASME2-RAW-selected", "casme2 raw ...".
    return re.sub(r"[-_ ]", "", name).casefold()


def folders_in(folder: Path) -> tuple[str, ...]:
    """Return the folders in a folder; none if it cannot be listed.

    Use it to look for a dataset only: what cannot be listed is reported when the
    clips are read.
    """
    try:
        return list_folder(folder).folders
    except UnreadableInputError:
        return ()


def nested(subject: re.Pattern[str], clip: re.Pattern[str]) -> Callable[[Path], bool]:
    """Return a test for trees ``subject/clip``, for `Shape`.

    One subject with one clip of such names is enough.
    """

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
    # Level by level, and only through folders with the dataset's names.
    level = [root]
    for _ in range(_DEEPEST):
        below = []
        for folder in level:
            if shape.holds(folder):
                found.append(folder)
                continue  # a tree holds no other tree of its kind
            inside = folders_in(folder)
            if not inside and _is_called(folder, shape) and _is_empty(folder):
                empty.append(folder)
            below += [
                folder / name for name in inside if shape.names.fullmatch(normalise_name(name))
            ]
        level = below
    if not found and empty:
        raise UsageError(
            f"{empty[0]} has the name of {shape.title}, but is empty",
            f"Unpack the clips there, such as {shape.example}.",
        )
    if not found:
        raise NotRecognisedError(f"{shape.title}: clips such as {shape.example}")
    return found


def locate_one(root: Path, shape: Shape) -> Path:
    """Return the only folder at or under ``root`` that holds clips of this shape.

    Raises
    ------
    NotRecognisedError
        If there is none.
    UsageError
        If there are two, or a folder bears the dataset's name and is empty.
    """
    found = locate(root, shape)
    if len(found) > 1:
        raise UsageError(
            f"{root} holds two trees of {shape.title}: {found[0]} and {found[1]}",
            f"Name the one to use, for example {found[0]}.",
        )
    return found[0]


def _is_called(folder: Path, shape: Shape) -> bool:
    """Return True if a folder bears the dataset's own name.

    An empty folder ``HS`` or ``test`` says nothing; an empty ``SMIC`` does.
    """
    name = normalise_name(folder.name)
    return bool(shape.names.fullmatch(name)) and name.startswith(normalise_name(shape.title))


def _is_empty(folder: Path) -> bool:
    try:
        return not list_folder(folder).files
    except UnreadableInputError:
        return False


@contextmanager
def tree_must_be_readable() -> Iterator[None]:
    """Turn an `UnreadableInputError` inside into a `UsageError`.

    Without the tree's own listing there is no clip that the failure could be
    counted for: the dataset as a whole cannot be read.
    """
    try:
        yield
    except UnreadableInputError as error:
        raise UsageError(error.message, error.remedy) from error


def list_clips(*trees: Path) -> ClipFolders:
    """List several trees ``clip/frames`` as one.

    Raises
    ------
    UnreadableInputError
        If one of the trees cannot be listed.
    """
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
        The folder that holds the subjects' folders.
    subject
        Returns the padded subject for a folder's name; None if it is no subject's.
    clip
        Returns the clip's name for its folder's name.
    videos
        If true, the clips are video files, not folders.

    Raises
    ------
    UnreadableInputError
        If the tree itself cannot be listed.
    """
    clips = ClipFolders()
    listing = list_folder(tree)
    clips.notes += [Note(None, f"{tree}: {bad} is not a UTF-8 name") for bad in listing.unnameable]
    for name in listing.folders:
        padded = subject(name)
        if padded is None:
            clips.notes.append(Note(None, f"{tree / name} is not a subject's folder: not used"))
            continue
        try:
            _list(tree / name, f"{padded}/", clips, clip=clip, videos=videos)
        except UnreadableInputError as error:
            clips.unreadable[padded] = error
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
    clips.notes += [
        Note(None, f"{folder}: {bad} is not a UTF-8 name") for bad in listing.unnameable
    ]

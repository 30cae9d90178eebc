"""Folders on disk: which of their files are frames, and in which order."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mepipe.datasets.clip import Images
from mepipe.datasets.copies import find_copies
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.plausible import DIGITS
from mepipe.schema import CACHE_FOLDERS, CACHE_MARKER

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".bmp", ".png"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".gif"})

# The last digits, because names begin with other numbers: 006_1_2_05562.jpg.
_LAST_DIGITS = re.compile(r"([0-9]+)[^0-9]*\Z")


@dataclass(frozen=True)
class Listing:
    """The names in a folder, sorted, without hidden files and leftovers of archives.

    Parameters
    ----------
    folders, files
        The names.
    unnameable
        Names that are not valid UTF-8, with escapes. They can be in no clip id
        and in no report.
    is_cache
        True if a cache of mepipe lies here, by its marker. Its own folders are not listed.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    unnameable: tuple[str, ...]
    is_cache: bool = False


@dataclass(frozen=True)
class FrameList:
    """The frames of a folder.

    Parameters
    ----------
    images
        The frames.
    unnumbered
        The image files without a number in their names: they are not frames.
    copies
        The image files that a file manager made of others (``img60 (1).jpg`` beside
        ``img60.jpg``): they are not frames either.
    """

    images: Images
    unnumbered: tuple[str, ...]
    copies: tuple[str, ...] = ()

    @property
    def left_out(self) -> list[str]:
        """What there is to say of the image files that are not used, a text each."""
        texts = [f"{file} has no frame number: not used" for file in self.unnumbered]
        if self.copies:
            shown = ", ".join(self.copies[:3]) + (", ..." if len(self.copies) > 3 else "")
            texts.append(
                f"{len(self.copies)} image(s) are copies that a file manager made, by their names "
                f"({shown}): not used"
            )
        return texts


def list_folder(folder: Path) -> Listing:
    """Return the names directly in ``folder``.

    Raises
    ------
    UnreadableInputError
        If the folder cannot be listed.
    """
    folders, files, unnameable = [], [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                # macOS archives bring a copy of every name, ._img1.jpg, here or in __MACOSX.
                if name.startswith(".") or name == "__MACOSX":
                    continue
                if not is_utf8(name):
                    unnameable.append(name.encode(errors="backslashreplace").decode())
                elif _is_folder(entry):
                    folders.append(name)
                else:
                    # Broken links stay in the list: reading them reports the missing file.
                    files.append(name)
    except OSError as error:
        raise UnreadableInputError(
            f"the folder {folder} cannot be read: {error.strerror}", "Check its permissions."
        ) from error
    is_cache = CACHE_MARKER in files
    if is_cache:
        files.remove(CACHE_MARKER)
        folders = [name for name in folders if name not in CACHE_FOLDERS]
    return Listing(
        tuple(sorted(folders)), tuple(sorted(files)), tuple(sorted(unnameable)), is_cache
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself: one bad name costs itself alone, as a broken link does.
        return False


def frame_number(stem: str) -> int | None:
    """Return the last run of digits in a file stem as a number; None without digits.

    ``img46`` is 46, ``006_05562`` is 5562, ``reg_image0559740`` is 559740.
    """
    match = _LAST_DIGITS.search(stem)
    return int(match[1]) if match else None


def list_frames(folder: Path) -> FrameList:
    """Return the frames in ``folder``, sorted by number.

    Raises
    ------
    BadDataError
        If there is no frame, or the order of the frames is not certain.
    UnreadableInputError
        If the folder cannot be listed.

    Examples
    --------
    >>> list_frames(Path("sample/s01/c01")).images.numbers[:3]
    (1, 2, 3)
    """
    return frames_among(folder, list_folder(folder))


def frames_among(folder: Path, listing: Listing) -> FrameList:
    """Return the image files of a listing as frames, sorted by number.

    Image files without a digit in their names (``cover.jpg``) have no place in
    the order. They are left out and named in ``unnumbered``. So are copies of frames,
    in ``copies``. Other files are ignored.

    Raises
    ------
    BadDataError
        If there is no frame, two files have the same number, a number is too
        long, or a name is not UTF-8.
    """
    if listing.unnameable:
        raise BadDataError(
            f"the file name {listing.unnameable[0]} is not valid UTF-8", "Rename the file."
        )
    frames: dict[int, str] = {}
    unnumbered = []
    parts = [os.path.splitext(name) for name in listing.files]  # noqa: PTH122 (10 times faster)
    images = [part for part in parts if part[1].lower() in IMAGE_SUFFIXES]
    copied = _copied_frames([stem for stem, _ in images])
    for stem, suffix in images:
        if stem in copied:
            continue
        name, number = stem + suffix, frame_number(stem)
        if number is None:
            unnumbered.append(name)
        elif number >= 10**DIGITS:
            raise BadDataError(
                f"the frame number in {name} has more than {DIGITS} digits",
                "Rename the files so that the frame number is the last run of digits.",
            )
        elif number in frames:
            raise BadDataError(
                f"two files are frame {number}: {frames[number]} and {name}",
                "Remove one, or rename the files so that the frame number is the last run "
                "of digits.",
            )
        else:
            frames[number] = name
    if not frames:
        raise BadDataError(
            f"the folder {folder.name} holds no frames{_instead(listing, unnumbered)}",
            "Frames are .jpg, .jpeg, .png or .bmp files with a number in their names.",
        )
    numbers = tuple(sorted(frames))
    names = tuple(frames[number] for number in numbers)
    copies = tuple(stem + suffix for stem, suffix in images if stem in copied)
    return FrameList(Images(folder, names, numbers), tuple(unnumbered), copies)


def _copied_frames(stems: Sequence[str]) -> set[str]:
    """Return the stems that are copies of other frames."""
    copies = find_copies(stems)
    return {stem for stem, of in copies.items() if frame_number(of) is not None}


def missing_runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the gaps between the first and last frame number, each as (first, last) missing.

    If most numbers do not follow each other directly, there are no gaps: the clip
    keeps every second frame, for example.
    """
    steps = [b - a for a, b in pairwise(numbers)]
    if sum(step == 1 for step in steps) * 2 <= len(steps):
        return []
    return [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]


def has_images(listing: Listing) -> bool:
    """Return True if any file of a listing has the name of an image."""
    return any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in listing.files)


def _instead(listing: Listing, unnumbered: list[str]) -> str:
    """Return what a folder without frames holds instead, for the message."""
    if unnumbered:
        return f": {unnumbered[0]} has no number in its name"
    if listing.folders:
        return f": it holds folders ({listing.folders[0]})"
    suffixes = Counter(Path(name).suffix.lower() or "nameless" for name in listing.files)
    if not suffixes:
        return ": it is empty"
    suffix, count = suffixes.most_common(1)[0]
    return f": it holds {count} {suffix} file{'s' * (count > 1)}"


def is_utf8(name: str) -> bool:
    """Return True if a name can be written as UTF-8, as clip ids and reports need."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

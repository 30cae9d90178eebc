"""Folders as they lie on disk: which files are frames, and in which order."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mepipe.datasets.clip import Images
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.plausible import DIGITS

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".bmp", ".png"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".gif"})

_LAST_DIGITS = re.compile(r"([0-9]+)[^0-9]*\Z")


@dataclass(frozen=True)
class Listing:
    """The names in a folder, sorted; dot-files and archivers' leftovers are left out.

    ``unnameable`` are names that are no valid UTF-8, with escapes: they can
    stand in no identifier and no report.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    unnameable: tuple[str, ...]


@dataclass(frozen=True)
class FrameList:
    """The frames of a folder, and the image files without a number in their names."""

    images: Images
    unnumbered: tuple[str, ...]


def list_folder(folder: Path) -> Listing:
    """Return what lies directly in ``folder``.

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
                if name.startswith(".") or name == "__MACOSX":
                    continue
                if not is_utf8(name):
                    unnameable.append(name.encode(errors="backslashreplace").decode())
                elif entry.is_dir():
                    folders.append(name)
                else:
                    # Links that lead nowhere stay in: reading them names the loss.
                    files.append(name)
    except OSError as error:
        raise UnreadableInputError(
            f"the folder {folder} cannot be read: {error.strerror}", "Check its permissions."
        ) from error
    return Listing(tuple(sorted(folders)), tuple(sorted(files)), tuple(sorted(unnameable)))


def frame_number(stem: str) -> int | None:
    """Return the last run of digits in a file stem as a number, None without digits.

    ``img46`` is 46, ``006_05562`` is 5562, ``reg_image0559740`` is 559740.
    """
    match = _LAST_DIGITS.search(stem)
    return int(match[1]) if match else None


def list_frames(folder: Path) -> FrameList:
    """Return the frames in ``folder``, by number.

    Raises
    ------
    BadDataError
        If there is no frame, or their order is not certain.
    UnreadableInputError
        If the folder cannot be listed.
    """
    return frames_among(folder, list_folder(folder))


def frames_among(folder: Path, listing: Listing) -> FrameList:
    """Return the image files of a listing as frames, sorted by number.

    Image files without a digit in their names (``cover.jpg``) have no place in
    the order: they are left out and named in ``unnumbered``. Files that are no
    images are ignored.

    Raises
    ------
    BadDataError
        If there is no frame, two files have one number, a number is too long
        to be one, or a name is not UTF-8.
    """
    if listing.unnameable:
        raise BadDataError(
            f"the file name {listing.unnameable[0]} is not valid UTF-8", "Rename the file."
        )
    frames: dict[int, str] = {}
    unnumbered = []
    for name in listing.files:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 (10 times as fast)
        if suffix.lower() not in IMAGE_SUFFIXES:
            continue
        number = frame_number(stem)
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
    return FrameList(Images(folder, names, numbers), tuple(unnumbered))


def missing_runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the runs (first, last) of frame numbers that are absent between the first and last.

    A clip is only held to have gaps where most of its numbers follow on each
    other: one that was kept every second frame has none.
    """
    steps = [b - a for a, b in pairwise(numbers)]
    if sum(step == 1 for step in steps) * 2 <= len(steps):
        return []
    return [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]


def has_images(listing: Listing) -> bool:
    """Say whether any file of a listing is an image by its name."""
    return any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in listing.files)


def _instead(listing: Listing, unnumbered: list[str]) -> str:
    """Say what an unusable folder holds instead."""
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
    """Say whether a name can stand in identifiers and reports."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

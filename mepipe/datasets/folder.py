"""The reader of a generic folder: videos or image sequences of any origin.

::

    subject/clip.mp4        (.avi, .mov, .mkv, .gif)   id  NAME/subject/clip
    subject/clip/*.jpg      (.jpeg, .png, .bmp)        id  NAME/subject/clip
    clip.mp4                subject unknown            id  NAME/clip
    labels.csv              optional (.tsv, .xlsx), see `mepipe.datasets.label_table`

NAME is the folder's name unless the user gives another. For a single video file it
is the file's name without its suffix. The person is ``NAME/subject``, unless the table or
the folder's name says another (`mepipe.datasets.folder_people`). A video directly in
the folder has no person, and so no label. Other files (README.txt) are ignored.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Sequence
from pathlib import Path

from mepipe.datasets.clip import Dataset, Images, Note, NotRecognisedError, Video
from mepipe.datasets.clip_trees import tree_must_be_readable
from mepipe.datasets.copies import find_copies
from mepipe.datasets.folder_clips import Contents, build_dataset
from mepipe.datasets.frames_on_disk import (
    VIDEO_SUFFIXES,
    Listing,
    frames_among,
    has_images,
    list_folder,
)
from mepipe.datasets.label_files import find_labels, listed, misplaced_tables, unread_tables
from mepipe.datasets.label_table import read_labels
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError

# Videos that people do have, to be named rather than passed over.
_UNREAD_VIDEOS = frozenset({".wmv", ".webm", ".m4v", ".mpg", ".mpeg", ".flv", ".mts", ".3gp"})
_LOOKED_FOR = (
    "a generic folder: subject/clip.mp4, subject/clip/*.jpg or clip.mp4 "
    "(videos: mp4, avi, mov, mkv, gif; images: jpg, jpeg, png, bmp)"
)


def read(root: Path, name: str | None) -> Dataset:
    """Read a generic folder, or one video; see `mepipe.datasets.clip.Reader`."""
    disk = Contents()
    table = None
    if root.is_file():
        if root.suffix.lower() not in VIDEO_SUFFIXES:
            raise NotRecognisedError("one video (mp4, avi, mov, mkv, gif)")
        name = name or root.stem
        disk.sources["", root.stem].append((root, Video(root)))
    else:
        name = name or root.name or "folder"  # the root of a file system has no name
        with tree_must_be_readable():
            listing = list_folder(root)
        if listing.is_cache:
            disk.notes.append(_cache(root))
        _list_videos(root, "", listing, disk)
        for subject in listing.folders:
            _list_subject(root / subject, disk)
        if not _has_clips(disk):
            raise NotRecognisedError(_LOOKED_FOR, _too_low(root, listing))
        table = find_labels(root, listing.files)
        disk.notes += unread_tables(listing.files, table)
        disk.notes += misplaced_tables(disk.tables)
    labels = read_labels(table, list(disk.sources)) if table else None
    return build_dataset(root, name, disk, labels)


def _has_clips(disk: Contents) -> bool:
    """Return True if there is a clip at all, even one that will be rejected."""
    return any(
        not isinstance(source, MepipeError) or has_images(_listing_or_nothing(path))
        for sources in disk.sources.values()
        for path, source in sources
    )


def _too_low(root: Path, listing: Listing) -> str:
    """Return which folder to give instead of a clip's or a subject's; else an empty text."""
    if has_images(listing):
        above = root.parent.parent
        return (
            "it is one clip, a folder of images. Give the folder above its subject's folder: "
            f"{above}"
        )
    # Not a clip itself, but its folders are: this is one subject's folder.
    clips = [n for n in listing.folders if has_images(_listing_or_nothing(root / n))]
    if not clips:
        return ""
    shown = ", ".join(clips[:3]) + (", ..." if len(clips) > 3 else "")
    return (
        f"its folders ({shown}) hold images, so it is one subject's. Give the folder that holds "
        f"the subjects: {root.parent}"
    )


def _listing_or_nothing(folder: Path) -> Listing:
    try:
        return list_folder(folder)
    except UnreadableInputError:
        return Listing((), (), ())


def _list_videos(folder: Path, subject: str, listing: Listing, disk: Contents) -> None:
    videos = [name for name in listing.files if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    copies = _without_copies(folder, videos, disk)
    for file in listing.files:
        path = folder / file
        suffix = path.suffix.lower()
        if file in copies:
            continue
        if suffix in VIDEO_SUFFIXES:
            disk.sources[subject, path.stem].append((path, Video(path)))
        elif suffix in _UNREAD_VIDEOS:
            disk.notes.append(
                Note(None, f"{path}: {suffix} videos are not read", "convert it to mkv or mp4")
            )
    disk.notes += _unnameable(folder, listing.unnameable)


def _list_subject(folder: Path, disk: Contents) -> None:
    try:
        listing = list_folder(folder)
    except UnreadableInputError as error:
        disk.notes.append(Note(None, error.message, "its clips are not used"))
        return
    if listing.is_cache:
        disk.notes.append(_cache(folder))
    _list_videos(folder, folder.name, listing, disk)
    disk.tables.append((folder.name, listing.files))
    if has_images(listing):
        disk.notes.append(
            Note(
                None,
                f"{folder} holds images directly: not used; image sequences are "
                "subject/clip/*.jpg, below the folder to give",
            )
        )
    copies = _without_copies(folder, listing.folders, disk)
    for clip in listing.folders:
        path = folder / clip
        if clip in copies:
            continue
        source: Images | MepipeError
        try:
            inside = list_folder(path)
            if inside.is_cache and not has_images(inside):
                disk.notes.append(_cache(path))
                continue
            if not has_images(inside) and _has_videos(inside):
                raise BadDataError(
                    f"the folder {path} holds videos: it lies one folder too deep",
                    f"Give the folder above the subjects, for example: mepipe run {folder}",
                )
            # Not a reject: any folder two levels down would become one.
            if inside.folders and not has_images(inside):
                disk.notes.append(Note(None, f"{path} holds folders, no frames", "not used"))
                continue
            frames = frames_among(path, inside)
            source = frames.images
            disk.notes += [Note(None, f"{path}: {text}") for text in frames.left_out]
        except (BadDataError, UnreadableInputError) as error:
            source = error
        disk.sources[folder.name, clip].append((path, source))


def _without_copies(folder: Path, names: Sequence[str], disk: Contents) -> set[str]:
    """Return the clips that are copies of others, byte by byte, and note all that look so."""
    # By the names of the clips: a video's is that of its file without the suffix.
    clips: dict[str, str] = {}
    for name in names:
        is_video = Path(name).suffix.lower() in VIDEO_SUFFIXES and (folder / name).is_file()
        clips.setdefault(Path(name).stem if is_video else name, name)
    found = {clips[copy]: clips[original] for copy, original in find_copies(clips).items()}
    same = {copy for copy, of in found.items() if _are_equal(folder / copy, folder / of)}
    if same:
        text = f"{folder}: copies that a file manager made, byte by byte: {listed(sorted(same))}"
        disk.notes.append(Note(None, text, "not used"))
    disk.notes += [
        Note(None, f"{folder / copy} is called like a copy of {original}, and differs", "used")
        for copy, original in sorted(found.items())
        if copy not in same
    ]
    return same


def _are_equal(one: Path, other: Path) -> bool:
    """Say whether two files, or the files of two folders, have the same bytes."""
    try:
        if one.is_file() or other.is_file():
            return filecmp.cmp(one, other, shallow=False)
        files = list_folder(one).files
        if files != list_folder(other).files or not files:
            return False
        _, differing, failed = filecmp.cmpfiles(one, other, files, shallow=False)
    except (OSError, UnreadableInputError):
        return False
    return not differing and not failed


def _cache(folder: Path) -> Note:
    return Note(None, f"{folder} holds a cache of mepipe", "no part of the dataset: not used")


def _has_videos(listing: Listing) -> bool:
    return any(Path(name).suffix.lower() in VIDEO_SUFFIXES for name in listing.files)


def _unnameable(folder: Path, names: Iterable[str]) -> list[Note]:
    return [Note(None, f"{folder}: {name} is not a UTF-8 name", "not used") for name in names]

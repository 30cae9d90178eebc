"""The reader of a generic folder: videos or image sequences of any origin.

::

    subject/clip.mp4        (.avi, .mov, .mkv, .gif)   id  NAME/subject/clip
    subject/clip/*.jpg      (.jpeg, .png, .bmp)        id  NAME/subject/clip
    clip.mp4                subject unknown            id  NAME/clip
    labels.csv              optional, see `mepipe.datasets.label_table`

NAME is the folder's name unless the user gives another. For a single video file it
is the file's name without its suffix. The person is ``NAME/subject``. A video
directly in the folder has no person, and so no label. Other files (README.txt,
truth.csv) are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import (
    Clip,
    Dataset,
    Images,
    Note,
    NotRecognisedError,
    Reject,
    Video,
)
from mepipe.datasets.clip_trees import tree_must_be_readable
from mepipe.datasets.frames_on_disk import (
    VIDEO_SUFFIXES,
    Listing,
    frames_among,
    has_images,
    list_folder,
)
from mepipe.datasets.label_table import Labels, find_labels, read_labels
from mepipe.datasets.marks import mark
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError
from mepipe.plausible import RATES, is_rate

# Videos that people do have, to be named rather than passed over.
_UNREAD_VIDEOS = frozenset({".wmv", ".webm", ".m4v", ".mpg", ".mpeg", ".flv", ".mts", ".3gp"})
_LOOKED_FOR = (
    "a generic folder: subject/clip.mp4, subject/clip/*.jpg or clip.mp4 "
    "(videos: mp4, avi, mov, mkv, gif; images: jpg, jpeg, png, bmp)"
)

_Key = tuple[str, str]  # subject (empty: unknown), clip


@dataclass
class _Contents:
    """What lies in the folder.

    ``sources`` has, for each clip, its paths with the frames there, or with the
    reason why they cannot be read.
    """

    sources: dict[_Key, list[tuple[Path, Images | Video | MepipeError]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: list[Note] = field(default_factory=list)


def read(root: Path, name: str | None) -> Dataset:
    """Read a generic folder, or one video; see `mepipe.datasets.clip.Reader`."""
    disk = _Contents()
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
        _list_videos(root, "", listing, disk)
        for subject in listing.folders:
            _list_subject(root / subject, disk)
        if not _has_clips(disk):
            raise NotRecognisedError(_LOOKED_FOR, _too_low(root, listing))
        table = find_labels(root, listing.files)
    return _dataset(root, name, disk, read_labels(table, list(disk.sources)) if table else None)


def _dataset(root: Path, name: str, disk: _Contents, table: Labels | None) -> Dataset:
    clips, rejects = [], []
    notes = list(disk.notes)
    # One bad clip costs that clip: all others are read.
    for key, sources in disk.sources.items():
        clip_id = "/".join(part for part in (name, *key) if part)
        try:
            source = _one_source(sources)
            clips.append(_clip(clip_id, name, key, source, table=table, notes=notes))
        except (BadDataError, UnreadableInputError) as error:
            rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
    if table:
        notes += table.notes
    words = {clip.emotion for clip in clips if clip.emotion}
    notes += _misspelling_notes(words)
    return Dataset(
        name=name,
        reader="folder",
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
        # One word outside the vocabulary, and all of them are the user's own classes.
        own_words=not words <= emotions.VOCABULARY,
    )


def _misspelling_notes(words: set[str]) -> list[Note]:
    """Return a note for each unknown word beside words of the field's vocabulary.

    It is probably a misspelling, and it turns all words into the user's own classes.
    """
    if not words & emotions.VOCABULARY:
        return []
    return [
        Note(
            None,
            f"labels.csv: {emotions.unknown_word(word)}: with it, the words themselves are the "
            "classes. Correct it, or name the classes with --set labels.classes=FILE.toml",
        )
        for word in sorted(words - emotions.VOCABULARY)
    ]


def _clip(
    clip_id: str,
    name: str,
    key: _Key,
    source: Images | Video,
    *,
    table: Labels | None,
    notes: list[Note],
) -> Clip:
    subject, _ = key
    # Raises if the clip's rows differ: which of them is right cannot be known.
    row = table.row(key) if table else {}
    if table and not row:
        notes.append(Note(clip_id, f"has no row in {table.path.name}", "unlabelled"))
    emotion = emotions.normalise(row.get("emotion", ""))
    if emotion and not subject:
        notes.append(
            Note(
                clip_id,
                "has an emotion but no subject, so it stays unlabelled: no evaluation "
                "can leave its person out. Move it into a subject's folder",
            )
        )
        emotion = ""
    fps = _rate(row.get("fps", ""))
    if row.get("fps") and fps is None:
        notes.append(
            Note(
                clip_id,
                f"the fps {row['fps'][:40]!r} is no rate: cameras make {RATES}",
                f"not used; correct it in {table.path.name if table else 'the table'}",
            )
        )
    return Clip(
        id=clip_id,
        dataset=name,
        subject=subject,
        group=f"{name}/{subject}" if subject else "",
        source=source,
        fps=fps,
        onset=mark(row.get("onset", "")),
        apex=mark(row.get("apex", "")),
        offset=mark(row.get("offset", "")),
        emotion=emotion,
        action_units=row.get("action_units", ""),
    )


def _rate(text: str) -> float | None:
    """Return the frames per second in a cell (``200``, ``29,97``); None if no camera has them."""
    try:
        rate = float(text.replace(",", "."))  # many countries write 29,97
    except ValueError:
        return None
    return rate if is_rate(rate) else None


def _one_source(sources: list[tuple[Path, Images | Video | MepipeError]]) -> Images | Video:
    # a.mp4 beside a/ or b.avi beside b.mp4: often copies, but nothing says so.
    if len(sources) > 1:
        raise BadDataError(
            "several files or folders are this clip: "
            + " and ".join(path.name for path, _ in sources),
            "Rename or remove all of them but one.",
        )
    source = sources[0][1]
    if isinstance(source, MepipeError):
        raise source
    return source


def _has_clips(disk: _Contents) -> bool:
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


def _list_videos(folder: Path, subject: str, listing: Listing, disk: _Contents) -> None:
    for file in listing.files:
        path = folder / file
        suffix = path.suffix.lower()
        if suffix in VIDEO_SUFFIXES:
            disk.sources[subject, path.stem].append((path, Video(path)))
        elif suffix in _UNREAD_VIDEOS:
            disk.notes.append(
                Note(None, f"{path}: {suffix} videos are not read", "convert it to mkv or mp4")
            )
    disk.notes += _unnameable(folder, listing.unnameable)


def _list_subject(folder: Path, disk: _Contents) -> None:
    try:
        listing = list_folder(folder)
    except UnreadableInputError as error:
        disk.notes.append(Note(None, error.message, "its clips are not used"))
        return
    _list_videos(folder, folder.name, listing, disk)
    if has_images(listing):
        disk.notes.append(
            Note(
                None,
                f"{folder} holds images directly: not used; image sequences are "
                "subject/clip/*.jpg, below the folder to give",
            )
        )
    for clip in listing.folders:
        path = folder / clip
        source: Images | MepipeError
        try:
            inside = list_folder(path)
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
            disk.notes += [
                Note(None, f"{path / file} has no frame number", "not used")
                for file in frames.unnumbered
            ]
        except (BadDataError, UnreadableInputError) as error:
            source = error
        disk.sources[folder.name, clip].append((path, source))


def _has_videos(listing: Listing) -> bool:
    return any(Path(name).suffix.lower() in VIDEO_SUFFIXES for name in listing.files)


def _unnameable(folder: Path, names: Iterable[str]) -> list[Note]:
    return [Note(None, f"{folder}: {name} is not a UTF-8 name", "not used") for name in names]

"""Datasets that are a coding sheet beside a tree of clips, as most are: joins the two.

A clip that the sheet names becomes a clip or a reject. A clip that only the disk
has becomes a note. What is particular to a dataset stands in its
`mepipe.datasets.coding.Coding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mepipe.datasets import emotions, errata
from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Note, Reject, Video
from mepipe.datasets.clip_trees import ClipFolders
from mepipe.datasets.coding import (
    Coding,
    CodingRow,
    rows_by_clip,
    single_row,
    split_expressions,
)
from mepipe.datasets.frames_on_disk import FrameList, list_frames
from mepipe.datasets.marks import mark, parse_number
from mepipe.datasets.sheets import Row, Table
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.plausible import RATES, is_rate
from mepipe.schema import KEY_FRAMES

_UNMARKED = "no clip of a run; for a scorer of spotting, a recording without movements"


@dataclass(frozen=True)
class DatasetFiles:
    """What a reader found on disk.

    Parameters
    ----------
    tree
        The folder that holds the clips.
    clips
        The clips in it.
    tables
        The rows of the coding sheets.
    kind
        Which of the dataset's trees it is (errata may concern one only); empty
        if the dataset has one tree.
    notes
        What there is to say of the files.
    """

    tree: Path
    clips: ClipFolders
    tables: Sequence[Table]
    kind: str = ""
    notes: Sequence[Note] = field(default_factory=tuple)


class _Unlisted(NamedTuple):
    """A clip on disk that no row names, and what there is to say of it."""

    path: Path
    note: Note


def build_dataset(coding: Coding, root: Path, name: str | None, files: DatasetFiles) -> Dataset:
    """Join the rows of the sheets and the clips on disk to a dataset."""
    notes = [*files.notes, *files.clips.notes]
    clips, rejects = [], []
    # Several expressions may lie in one folder: it is listed once.
    frames_in = cache(list_frames)
    by_clip = rows_by_clip(coding, files.tables, notes)
    for rows_of_clip in by_clip.values():
        for clip_id, rows in split_expressions(coding, rows_of_clip):
            texts: list[str] = []
            try:
                row = single_row(clip_id, rows, notes)
                path = _find_path(row, files)
                clips.append(
                    _build_clip(coding, name, clip_id, row, path=path, kind=files.kind,
                                frames_in=frames_in, texts=texts)
                )  # fmt: skip
            except (BadDataError, UnreadableInputError) as error:
                rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
            else:
                notes += [Note(clip_id, text) for text in texts]
    used = {row.key for rows in by_clip.values() for row in rows}
    unlisted = _clips_without_row(coding, files, used)
    notes += [one.note for one in unlisted]
    return Dataset(
        name=name or coding.collection,
        reader=coding.reader,
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
        unmarked=tuple(_unmarked(coding, name, unlisted, frames_in)),
    )


def _find_path(row: CodingRow, files: DatasetFiles) -> Path:
    """Return the one folder (or video) of the clip that a row names."""
    if row.row["problem"]:  # the reader found it, which knows the sheet
        raise BadDataError(f"{row.where}: {row.row['problem']}", "Correct the sheet.")
    if row.subject is None:
        raise BadDataError(
            f"{row.where}: the subject is {row.row['subject']!r}, not a number",
            "Correct the cell.",
        )
    paths = files.clips.paths.get(row.key, [])
    if len(paths) > 1:
        raise BadDataError(
            f"two folders are this clip: {paths[0]} and {paths[1]}", "Remove one of them."
        )
    if paths:
        return paths[0]
    # The clip may be there: that its subject's folder is closed to us is the better reason.
    if row.subject in files.clips.unreadable:
        raise files.clips.unreadable[row.subject]
    raise BadDataError(f"{row.where} has no folder in {files.tree}", "Copy the clip there.")


def _build_clip(
    coding: Coding,
    name: str | None,
    clip_id: str,
    coding_row: CodingRow,
    *,
    path: Path,
    kind: str,
    frames_in: Callable[[Path], FrameList],
    texts: list[str],
) -> Clip:
    """Return the clip of a row; what there is to say of it is added to ``texts``."""
    row, subject = coding_row.row, coding_row.subject or ""
    # Before the frames are listed: a reject for its word needs no look at the disk.
    emotion = emotions.normalise(row["emotion"])
    if emotion and emotion not in emotions.VOCABULARY:
        raise BadDataError(
            f"{coding_row.where}: {emotions.unknown_word(emotion)}", "Correct the cell."
        )
    fps = coding.fps if coding.fps is not None else _rate(coding_row)
    source: Images | Video
    if path.is_file():
        # The sheets count frames of the original recording. No sheet says which of them a
        # video begins with.
        source, first = Video(path, numbered=False), 0
    else:
        frames = frames_in(path / coding.frames_folder)
        source, first = frames.images, frames.images.numbers[0]
        texts += frames.left_out
        texts += _length_texts(row, source)
    # Not the row's own name: an expression's ends in #1, #2, ...
    clip_name = clip_id.split("/", 2)[2]
    amended = errata.amend(coding.collection, subject, clip_name, row.cells, kind)
    texts += amended.notes
    wanted = [c for c in (*KEY_FRAMES, "emotion") if c in coding.sheet.required]
    texts += [f"{coding_row.where}: the {column} is empty" for column in wanted if not row[column]]
    emotion = emotions.normalise(amended.cells.get("emotion", ""))
    if coding.emotion_folders and emotions.normalise(path.parent.name) != emotion:
        texts.append(
            f"{coding_row.where} says {emotion or 'no emotion'}, its folder {path.parent.name}: "
            "the sheet is followed"
        )

    def key_frame(column: str) -> Mark | None:
        corrected = column in amended.corrected
        stated = mark(amended.cells.get(column, ""), "erratum" if corrected else "annotation")
        if coding.zero_is_unknown and stated is not None and stated.number == 0:
            texts.append(f"{coding_row.where}: the {column} is 0, which is not a frame: unknown")
            return None
        if stated is None or stated.number is None or not coding.relative_frames:
            return stated
        if stated.number < 0:  # no frame: the sheet's sign for unknown stays one
            return stated
        return Mark(stated.number + first, stated.origin)

    return Clip(
        id=clip_id,
        dataset=name or coding.collection,
        subject=subject,
        group=_group(coding, subject),
        source=source,
        fps=fps,
        onset=key_frame("onset"),
        apex=key_frame("apex"),
        offset=key_frame("offset"),
        emotion=emotion,
        action_units=row["action_units"],
        objective_class=row["objective_class"],
        recording=f"{coding.collection}/{subject}/{_name(coding, path)}" * coding.recordings,
        kind=coding_row.kind,
        excerpt=coding_row.kind in coding.excerpts,
    )


def _rate(coding_row: CodingRow) -> float:
    cell = coding_row.row["fps"]
    number = parse_number(cell)
    if number is None or not is_rate(number):
        raise BadDataError(
            f"{coding_row.where}: the frames per second are {cell[:40]!r}, not a number "
            f"from {RATES}",
            "Correct the cell.",
        )
    return float(number)


def _length_texts(row: Row, images: Images) -> list[str]:
    """Return a text if the clip on disk has another length than its row says."""
    length = parse_number(row["length"])
    if length is None or length == len(images.numbers):
        return []
    return [
        f"the sheet gives this clip {length} frames, its folder holds {len(images.numbers)}: "
        "key frames are counted from its first"
    ]


def _clips_without_row(coding: Coding, files: DatasetFiles, used: set[str]) -> list[_Unlisted]:
    """Return the clips on disk that no row names."""
    sheets = " and ".join(table.path.name for table in files.tables)
    found = []
    for key, paths in sorted(files.clips.paths.items()):
        for path in paths if key not in used else ():
            # A key without a slash is of a tree whose clips lie in no subject's folder.
            subject = coding.subject(path.parent.name) if "/" in key else None
            known = errata.UNLISTED.get((coding.collection, key))
            why = f". {known}" if known else ""
            clip_id = "/".join(filter(None, (coding.collection, subject, _name(coding, path))))
            if coding.recordings:
                text, handling = f"{path} has no row in {sheets}", _UNMARKED
            else:
                text, handling = f"{path} has no row in {sheets}: not used{why}", ""
            found.append(_Unlisted(path, Note(clip_id, text, handling)))
    return found


def _unmarked(
    coding: Coding,
    name: str | None,
    unlisted: Sequence[_Unlisted],
    frames_in: Callable[[Path], FrameList],
) -> list[Clip]:
    """Return the recordings in which nothing is marked, if the dataset has recordings."""
    clips = []
    for path, _ in unlisted if coding.recordings else ():
        # SAMM's long videos lie in no subject's folder; their names begin with the subject.
        named = (path.parent.name, path.name.partition("_")[0])
        subject = next(filter(None, map(coding.subject, named)), "")
        try:
            source = frames_in(path / coding.frames_folder).images
        except (BadDataError, UnreadableInputError):
            continue  # no frames, so nothing that anybody could look at; its note stays
        clips.append(
            Clip(
                id="/".join(filter(None, (coding.collection, subject, _name(coding, path)))),
                dataset=name or coding.collection,
                subject=subject,
                group=_group(coding, subject) if subject else "",
                source=source,
                fps=coding.fps,
            )
        )
    return sorted(clips, key=lambda clip: clip.id)


def _name(coding: Coding, path: Path) -> str:
    return coding.clip(path.stem if path.is_file() else path.name)


def _group(coding: Coding, subject: str) -> str:
    # The collection, never the user's NAME=: the same people may come in two datasets.
    return f"{coding.subject_collection or coding.collection}/{subject}"

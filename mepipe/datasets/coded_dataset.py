"""A coding sheet and its tree of clips, joined: what most datasets are.

What the sheet names is a clip or a reject; what only the disk has is a note.
A dataset says what is its own in a `mepipe.datasets.coding.Coding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mepipe.datasets import emotions, errata
from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Note, Reject, Video
from mepipe.datasets.clip_trees import ClipFolders
from mepipe.datasets.coding import Coding, Line, expressions, lines_by_clip, one_line
from mepipe.datasets.frames_on_disk import FrameList, list_frames
from mepipe.datasets.marks import mark, parse_number
from mepipe.datasets.sheets import Row, Table
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.plausible import RATES, is_rate


@dataclass(frozen=True)
class Found:
    """What lies on disk: the tree, which one it is, its clips and the rows of its sheets."""

    tree: Path
    clips: ClipFolders
    tables: Sequence[Table]
    kind: str = ""
    notes: Sequence[Note] = field(default_factory=tuple)


def dataset(coding: Coding, root: Path, name: str | None, found: Found) -> Dataset:
    """Join the sheet's rows and the clips on disk to a dataset."""
    notes = [*found.notes, *found.clips.notes]
    clips, rejects = [], []
    listed = cache(list_frames)  # several expressions lie in one folder
    lines = lines_by_clip(coding, found.tables, notes)
    for same in lines.values():
        for clip_id, group in expressions(coding, same):
            try:
                line = one_line(clip_id, group, notes)
                path = _one_path(line, found)
                texts: list[str] = []
                clips.append(
                    _clip(coding, name, clip_id, line, path=path, kind=found.kind,
                          listed=listed, texts=texts)
                )  # fmt: skip
                notes += [Note(clip_id, text) for text in texts]
            except (BadDataError, UnreadableInputError) as error:
                rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
    used = {line.key for same in lines.values() for line in same}
    notes += _without_row(coding, found, used)
    return Dataset(
        name=name or coding.collection,
        reader=coding.reader,
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
    )


def _one_path(line: Line, found: Found) -> Path:
    if line.subject is None:
        raise BadDataError(
            f"{line.where}: the subject is {line.row['subject']!r}, not a number",
            "Correct the cell.",
        )
    paths = found.clips.paths.get(line.key, [])
    if len(paths) > 1:
        raise BadDataError(
            f"two folders are this clip: {paths[0]} and {paths[1]}", "Remove one of them."
        )
    if paths:
        return paths[0]
    if line.subject in found.clips.unreadable:
        raise found.clips.unreadable[line.subject]
    raise BadDataError(f"{line.where} has no folder in {found.tree}", "Copy the clip there.")


def _clip(
    coding: Coding,
    name: str | None,
    clip_id: str,
    line: Line,
    *,
    path: Path,
    kind: str,
    listed: Callable[[Path], FrameList],
    texts: list[str],
) -> Clip:
    row, subject = line.row, line.subject or ""
    emotion = emotions.normalise(row["emotion"])
    if emotion and emotion not in emotions.VOCABULARY:
        raise BadDataError(f"{line.where}: {emotions.unknown_word(emotion)}", "Correct the cell.")
    fps = coding.fps if coding.fps is not None else _rate(line)
    source: Images | Video
    if path.is_file():
        source, first = Video(path, numbered=False), 0
    else:
        frames = listed(path / coding.inside)
        source, first = frames.images, frames.images.numbers[0]
        texts += [f"{file} has no frame number: not used" for file in frames.unnumbered]
        texts += _length_texts(row, source)
    clip_name = clip_id.split("/", 2)[2]
    amended = errata.amend(coding.collection, subject, clip_name, row.cells, kind)
    texts += amended.notes
    wanted = [c for c in ("onset", "apex", "offset", "emotion") if c in coding.sheet.required]
    texts += [f"{line.where}: the {column} is empty" for column in wanted if not row[column]]
    emotion = emotions.normalise(amended.cells.get("emotion", ""))
    if coding.emotion_folders and emotions.normalise(path.parent.name) != emotion:
        texts.append(
            f"{line.where} says {emotion or 'no emotion'}, its folder {path.parent.name}: the "
            "sheet is followed"
        )

    def key_frame(column: str) -> Mark | None:
        corrected = column in amended.corrected
        entry = mark(amended.cells.get(column, ""), "erratum" if corrected else "annotation")
        if entry is None or entry.number is None or not coding.positions:
            return entry
        return Mark(entry.number + first, entry.origin)

    return Clip(
        id=clip_id,
        dataset=name or coding.collection,
        subject=subject,
        group=f"{coding.persons or coding.collection}/{subject}",
        source=source,
        fps=fps,
        onset=key_frame("onset"),
        apex=key_frame("apex"),
        offset=key_frame("offset"),
        emotion=emotion,
        action_units=row["action_units"],
        objective_class=row["objective_class"],
    )


def _rate(line: Line) -> float:
    number = parse_number(line.row["fps"])
    if number is None or not is_rate(number):
        raise BadDataError(
            f"{line.where}: the frames per second are {line.row['fps'][:40]!r}, not a number "
            f"from {RATES}",
            "Correct the cell.",
        )
    return float(number)


def _length_texts(row: Row, images: Images) -> list[str]:
    """Say where a clip has not the length that its row gives it."""
    length = parse_number(row["length"])
    if length is None or length == len(images.numbers):
        return []
    return [
        f"the sheet gives this clip {length} frames, its folder holds {len(images.numbers)}: "
        "key frames are counted from its first"
    ]


def _without_row(coding: Coding, found: Found, used: set[str]) -> list[Note]:
    sheets = " and ".join(table.path.name for table in found.tables)
    notes = []
    for key, paths in sorted(found.clips.paths.items()):
        for path in paths if key not in used else ():
            subject = coding.subject(path.parent.name) if "/" in key else None
            known = errata.UNLISTED.get((coding.collection, key))
            why = f". {known}" if known else ""
            clip_id = "/".join(filter(None, (coding.collection, subject, _name(coding, path))))
            notes.append(Note(clip_id, f"{path} has no row in {sheets}: not used{why}"))
    return notes


def _name(coding: Coding, path: Path) -> str:
    return coding.clip(path.stem if path.is_file() else path.name)

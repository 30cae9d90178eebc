"""A coding sheet and its tree of clips, joined: what most datasets are.

What the sheet names is a clip or a reject; what only the disk has is a note.
A dataset says what is its own in a `Coding`: columns, subjects, the rate, and
where a row's frames lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mepipe.datasets import errata, labels
from mepipe.datasets.annotation import mark, parse_number
from mepipe.datasets.clip_trees import ClipFolders
from mepipe.datasets.coding_sheets import SheetForm, without_remarks
from mepipe.datasets.frames_on_disk import FrameList, list_frames
from mepipe.datasets.model import Clip, Dataset, Images, Mark, Note, Reject, Video
from mepipe.datasets.sheets import Row, Table
from mepipe.errors import BadDataError, UnreadableInputError

_FACTS = ("subject", "onset", "apex", "offset", "emotion")


@dataclass(frozen=True)
class Coding:
    """What is particular to one dataset.

    Parameters
    ----------
    reader, collection
        The reader's name, and the first part of the clips' ids.
    sheet
        Its columns.
    subject
        Makes the padded subject of a cell; None where the cell names nobody.
    clip
        Makes the clip's name, as the published lists write it, of a cell.
    fps
        Frames per second; None where the sheet has a column of it (``fps``).
    persons
        The collection whose subjects these people are, if another's.
    folder
        Makes the key of a row's clip in the tree (`ClipFolders`) of its
        subject and its name.
    inside
        The folder within a clip's that holds its frames, if they lie deeper.
    several
        Rows of one clip are its expressions, ``#1``, ``#2``, ...; else they
        contradict each other.
    positions
        The sheet counts from the clip's first frame, whatever its number is.
    emotion_folders
        The folder above a clip's is called after its emotion.
    """

    reader: str
    collection: str
    sheet: SheetForm
    subject: Callable[[str], str | None]
    clip: Callable[[str], str] = str
    fps: float | None = None
    persons: str = ""
    folder: Callable[[str, str], str] = "{}/{}".format
    inside: str = ""
    several: bool = False
    positions: bool = False
    emotion_folders: bool = False


@dataclass(frozen=True)
class Found:
    """What lies on disk: the tree, which one it is, its clips and the rows of its sheets."""

    tree: Path
    clips: ClipFolders
    tables: Sequence[Table]
    kind: str = ""
    notes: Sequence[Note] = field(default_factory=tuple)


@dataclass(frozen=True)
class _Line:
    """A row, the sheet it stands in, and the id of its clip."""

    sheet: Path
    row: Row
    subject: str | None
    id: str
    key: str

    @property
    def where(self) -> str:
        return f"row {self.row.number} of {self.sheet.name}"

    def facts(self) -> Mapping[str, str]:
        return {**self.row.cells, "subject": "", "clip": ""}


def dataset(coding: Coding, root: Path, name: str | None, found: Found) -> Dataset:
    """Join the sheet's rows and the clips on disk to a dataset."""
    notes = [*found.notes, *found.clips.notes]
    clips, rejects = [], []
    listed = cache(list_frames)  # several expressions lie in one folder
    lines = _lines(coding, found.tables, notes)
    for same in lines.values():
        for clip_id, group in _expressions(coding, same):
            try:
                line = _one_line(clip_id, group, notes)
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


def _lines(
    coding: Coding, tables: Sequence[Table], notes: list[Note]
) -> Mapping[tuple[str, str], list[_Line]]:
    lines: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    for raw in tables:
        table = without_remarks(raw, _FACTS)
        if table.ignored:
            rows = ", ".join(map(str, table.ignored))
            text = f"{table.path.name}: rows without a Filename are ignored: {rows}"
            notes.append(Note(None, text))
        for row in table.rows:
            subject, clip = coding.subject(row["subject"]), coding.clip(row["clip"])
            person = subject or row["subject"] or "?"
            key = coding.folder(person, clip).casefold()
            line = _Line(table.path, row, subject, f"{coding.collection}/{person}/{clip}", key)
            lines[person, clip.casefold()].append(line)
    return lines


def _expressions(coding: Coding, lines: list[_Line]) -> list[tuple[str, list[_Line]]]:
    """Give each expression its id and its rows."""
    if not coding.several or len(lines) == 1:
        return [(lines[0].id, lines)]
    return [(f"{line.id}#{number}", [line]) for number, line in enumerate(lines, start=1)]


def _one_line(clip_id: str, lines: list[_Line], notes: list[Note]) -> _Line:
    """Return the only row of a clip; several are harmless if they say the same."""
    if len(lines) > 1:
        listed = " and ".join(str(line.row.number) for line in lines)
        sheets = " and ".join(dict.fromkeys(line.sheet.name for line in lines))
        if any(line.facts() != lines[0].facts() for line in lines):
            raise BadDataError(
                f"rows {listed} of {sheets} name one clip and differ",
                "Delete all of them but one.",
            )
        notes.append(Note(clip_id, f"rows {listed} of {sheets} say the same: the first is used"))
    return lines[0]


def _one_path(line: _Line, found: Found) -> Path:
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
    line: _Line,
    *,
    path: Path,
    kind: str,
    listed: Callable[[Path], FrameList],
    texts: list[str],
) -> Clip:
    row, subject = line.row, line.subject or ""
    emotion = labels.normalise(row["emotion"])
    if emotion and emotion not in labels.VOCABULARY:
        raise BadDataError(f"{line.where}: {labels.unknown_word(emotion)}", "Correct the cell.")
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
    emotion = labels.normalise(amended.cells.get("emotion", ""))
    if coding.emotion_folders and labels.normalise(path.parent.name) != emotion:
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
    )


def _rate(line: _Line) -> float:
    number = parse_number(line.row["fps"])
    if number is None or number <= 0:
        raise BadDataError(
            f"{line.where}: the frames per second are {line.row['fps']!r}, not a number",
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

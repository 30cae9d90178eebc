"""The CASME II reader: its RAW_selected and Cropped trees with the coding sheet.

::

    CASME2-coding-20190701.xlsx          or ...20140508.xlsx, or an edited copy
    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg        (may be nested twice)
    Cropped/sub01/EP02_01f/reg_img46.jpg

The sheet lies beside the tree or in it. What the sheet names is a clip or a
reject; what only the disk has is a note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets import errata, labels
from mepipe.datasets.annotation import mark
from mepipe.datasets.casme2_trees import Tree, find_sheet, find_tree, subject_name
from mepipe.datasets.frames_on_disk import list_folder, list_frames
from mepipe.datasets.model import Clip, Dataset, Mark, Note, Reject
from mepipe.datasets.sheets import Row, Table, read_table
from mepipe.errors import BadDataError, UnreadableInputError, UsageError

COLLECTION = "casme2"
FPS = 200.0

_REQUIRED = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "Onset"),
    "apex": ("ApexFrame", "Apex"),
    "offset": ("OffsetFrame", "Offset"),
    "emotion": ("Estimated Emotion", "Emotion"),
}
_OPTIONAL = {
    "action_units": ("Action Units", "AU", "AUs"),
    "objective_class": ("Objective Classes", "Objective Class"),
}

_Key = tuple[str, str]  # subject, clip name without case


@dataclass
class _Disk:
    """The clip folders of a tree, and the subjects whose folders cannot be listed."""

    clips: dict[_Key, list[Path]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[str, UnreadableInputError] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def read(root: Path, name: str | None) -> Dataset:
    """Read CASME II at ``root``; see `mepipe.datasets.model.Reader`."""
    try:
        tree, notes = find_tree(root)
        sheet = find_sheet(root, tree.folder, notes)
        disk = _list_tree(tree.folder)
    except UnreadableInputError as error:
        raise UsageError(error.message, error.remedy) from error
    table = read_table(sheet, key="clip", required=_REQUIRED, optional=_OPTIONAL)
    notes += disk.notes
    if table.ignored:
        rows = ", ".join(map(str, table.ignored))
        notes.append(Note(None, f"{sheet.name}: rows without a Filename are ignored: {rows}"))
    clips, rejects = [], []
    by_clip = _rows_by_clip(table)
    for key, rows_of_clip in by_clip.items():
        try:
            row = _one_row(rows_of_clip, sheet, notes)
            folder = _one_folder(row, sheet, key, tree, disk)
            clips.append(
                _clip(name or COLLECTION, row, folder, tree=tree, sheet=sheet, notes=notes)
            )
        except (BadDataError, UnreadableInputError) as error:
            clip_id = _clip_id(rows_of_clip[0])
            rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
    notes += [
        Note(
            f"{COLLECTION}/{key[0]}/{folder.name}",
            f"{folder} has no row in {sheet.name}: not used",
        )
        for key, folders in sorted(disk.clips.items())
        if key not in by_clip
        for folder in folders
    ]
    return Dataset(
        name=name or COLLECTION,
        reader="casme2",
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
    )


def _list_tree(tree: Path) -> _Disk:
    disk = _Disk()
    listing = list_folder(tree)
    disk.notes += [Note(None, f"{tree}: {bad} is no UTF-8 name") for bad in listing.unnameable]
    for name in listing.folders:
        subject = subject_name(name)
        if subject is None:
            disk.notes.append(Note(None, f"{tree / name} is not a subject's folder: not used"))
            continue
        try:
            inside = list_folder(tree / name)
        except UnreadableInputError as error:
            disk.unreadable[subject] = error
            disk.notes.append(Note(None, error.message))
            continue
        for clip in inside.folders:
            disk.clips[subject, clip.casefold()].append(tree / name / clip)
        disk.notes += [
            Note(None, f"{tree / name}: {bad} is no UTF-8 name") for bad in inside.unnameable
        ]
    return disk


def _rows_by_clip(table: Table) -> Mapping[_Key, list[Row]]:
    rows: dict[_Key, list[Row]] = defaultdict(list)
    for row in table.rows:
        rows[subject_name(row["subject"]) or row["subject"], row["clip"].casefold()].append(row)
    return rows


def _clip_id(row: Row) -> str:
    subject = subject_name(row["subject"]) or row["subject"] or "?"
    return f"{COLLECTION}/{subject}/{row['clip']}"


def _one_row(rows: list[Row], sheet: Path, notes: list[Note]) -> Row:
    """Return the only row of a clip; several are harmless if they say the same."""
    if len(rows) > 1:
        listed = " and ".join(str(row.number) for row in rows)
        contents = [{**row.cells, "subject": "", "clip": ""} for row in rows]
        if any(content != contents[0] for content in contents):
            raise BadDataError(
                f"rows {listed} of {sheet.name} name one clip and differ",
                "Delete all of them but one.",
            )
        text = f"rows {listed} of {sheet.name} say the same: the first is used"
        notes.append(Note(_clip_id(rows[0]), text))
    return rows[0]


def _one_folder(row: Row, sheet: Path, key: _Key, tree: Tree, disk: _Disk) -> Path:
    where = f"row {row.number} of {sheet.name}"
    if subject_name(row["subject"]) is None:
        raise BadDataError(
            f"{where}: the subject is {row['subject']!r}, not a number", "Correct the cell."
        )
    folders = disk.clips.get(key, [])
    if len(folders) > 1:
        raise BadDataError(
            f"two folders are this clip: {folders[0]} and {folders[1]}", "Remove one of them."
        )
    if folders:
        return folders[0]
    if key[0] in disk.unreadable:
        raise disk.unreadable[key[0]]
    raise BadDataError(f"{where} has no folder in {tree.folder}", "Copy the clip there.")


def _clip(
    dataset: str, row: Row, folder: Path, *, tree: Tree, sheet: Path, notes: list[Note]
) -> Clip:
    where = f"row {row.number} of {sheet.name}"
    clip_id = _clip_id(row)
    _, subject, clip_name = clip_id.split("/", 2)
    emotion = labels.normalise(row["emotion"])
    if emotion and emotion not in labels.VOCABULARY:
        raise BadDataError(f"{where}: {labels.unknown_word(emotion)}", "Correct the cell.")
    frames = list_frames(folder)
    amended = errata.amend(COLLECTION, subject, clip_name, row.cells, tree.kind)
    empty = [column for column in ("onset", "apex", "offset", "emotion") if not row[column]]
    texts = [
        *(f"{file} has no frame number: not used" for file in frames.unnumbered),
        *amended.notes,
        *(f"{where}: the {column} is empty" for column in empty),
    ]
    notes += [Note(clip_id, text) for text in texts]

    def key_frame(column: str) -> Mark | None:
        corrected = column in amended.corrected
        return mark(amended.cells[column], "erratum" if corrected else "annotation")

    return Clip(
        id=clip_id,
        dataset=dataset,
        subject=subject,
        group=f"{COLLECTION}/{subject}",
        source=frames.images,
        fps=FPS,
        onset=key_frame("onset"),
        apex=key_frame("apex"),
        offset=key_frame("offset"),
        emotion=labels.normalise(amended.cells["emotion"]),
        action_units=row["action_units"],
        objective_class=row["objective_class"],
    )

"""The user's corrections: they replace what a dataset says.

A table, usually ``corrections.csv``::

    clip,onset,apex,offset,emotion,face_box,exclude,why
    casme2/sub05/EP09_05f,,61,,,,,the brows are highest there
    casme2/sub16/EP01_08,,,,,120 80 420 400,,the poster was taken for the face
    s03/c01,,,,,,yes,talks

``clip`` is the clip's id or an ending of it that only one clip has. Frames are the
dataset's own numbers. The face box is x0 y0 x1 y1 in px of the frame. An empty cell
changes nothing. ``why`` goes into the notes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Mark, Note, Video
from mepipe.datasets.marks import parse_number
from mepipe.datasets.sheets import Row, read_table, without_missing
from mepipe.errors import UsageError, suggest
from mepipe.schema import KEY_FRAMES

COLUMNS = ("clip", *KEY_FRAMES, "emotion", "face_box", "exclude", "why")
_HEADINGS = {
    **{name: (name,) for name in COLUMNS},
    "face_box": ("face_box", "face box"),
}
# As people and spreadsheets fill in a cell for yes or no.
_YES, _NO = {"yes", "y", "true", "1", "x"}, {"", "no", "n", "false", "0"}


@dataclass(frozen=True)
class CorrectedDatasets:
    """The datasets with the corrections applied.

    Parameters
    ----------
    datasets
        The datasets.
    changes
        The new values of each clip that changed, by its id.
    notes
        The same in words, and what there is to say of rows that change nothing.
    """

    datasets: tuple[Dataset, ...]
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Correction:
    """One row of the table, with its cells parsed; ``where`` is its place, for messages."""

    where: str
    marks: Mapping[str, int]
    emotion: str
    face_box: tuple[int, int, int, int] | None
    exclude: bool
    why: str

    @property
    def empty(self) -> bool:
        return not (self.marks or self.emotion or self.face_box or self.exclude)


def correct(datasets: Sequence[Dataset], path: Path | None) -> CorrectedDatasets:
    """Apply the corrections in a table to datasets.

    Parameters
    ----------
    datasets
        The datasets of a run.
    path
        The table; None changes nothing.

    Raises
    ------
    UsageError
        If the table cannot be read. If a row names a clip that is in none of the
        datasets or in another row, or has a cell that is not valid. The message
        names the file and the row.
    """
    if path is None:
        return CorrectedDatasets(tuple(datasets))
    by_clip, notes = _read_corrections(datasets, path)
    changes: dict[str, Mapping[str, object]] = {}
    corrected = []
    for dataset in datasets:
        clips = []
        for clip in dataset.clips:
            row = by_clip.get(clip.id)
            changed, what = _apply_correction(clip, row, dataset) if row else (clip, {})
            if what and row:
                changes[clip.id] = what
                notes.append(Note(clip.id, _describe(what, row), "the correction is used"))
            elif row and not row.empty:
                notes.append(Note(clip.id, f"{row.where} says the same as the dataset"))
            if not what.get("exclude"):
                clips.append(changed)
        # What cannot be read can only be left out: there is no clip to correct.
        rejects = []
        for reject in dataset.rejects:
            row = by_clip.get(reject.clip)
            if row and row.exclude:
                changes[reject.clip] = {"exclude": True}
                notes.append(
                    Note(reject.clip, _describe({"exclude": True}, row), "the correction is used")
                )
                continue
            rejects.append(reject)
            if row and not row.empty:
                notes.append(
                    Note(reject.clip, f"{row.where} is not used: the clip cannot be read at all")
                )
        corrected.append(replace(dataset, clips=tuple(clips), rejects=tuple(rejects)))
    return CorrectedDatasets(tuple(corrected), changes, tuple(notes))


def template(problems: Mapping[str, Iterable[str]]) -> str:
    """Return a table for the user to fill in.

    Parameters
    ----------
    problems
        The problems of each clip, by its id. They are written to ``why``.
    """
    text = io.StringIO(newline="")
    # "\n" on every system: the same problems give the same bytes.
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip, texts in sorted(problems.items()):
        writer.writerow([clip, *[""] * (len(COLUMNS) - 2), "; ".join(dict.fromkeys(texts))])
    return text.getvalue()


def _read_corrections(
    datasets: Sequence[Dataset], path: Path
) -> tuple[dict[str, _Correction], list[Note]]:
    """Return the correction of each clip that has one, and what to say of other rows."""
    optional = {name: _HEADINGS[name] for name in COLUMNS if name != "clip"}
    table = without_missing(
        read_table(path, key="clip", required={"clip": _HEADINGS["clip"]}, optional=optional)
    )
    # A misspelt heading would silently drop a whole column of corrections.
    if table.unused:
        raise UsageError(
            f"{path}: unknown column {table.unused[0]!r}{suggest(table.unused[0], COLUMNS)}",
            f"The columns are {', '.join(COLUMNS)}; remarks go into why.",
        )
    ids = [clip.id for d in datasets for clip in d.clips]
    ids += [reject.clip for d in datasets for reject in d.rejects]
    by_clip: dict[str, _Correction] = {}
    notes: list[Note] = []
    empty = []
    for row in table.rows:
        correction = _parse_row(row, f"row {row.number} of {path.name}", path)
        clip = _find_clip(row, path, ids, datasets)
        if clip is None:
            notes.append(
                Note(
                    None,
                    f"{correction.where} is for {row['clip']}, and no dataset of that name is here",
                    "not used",
                )
            )
        elif clip in by_clip:
            raise UsageError(
                f"{path}: row {row.number} is for {clip}, and so is an earlier row",
                "Merge the two rows.",
            )
        else:
            by_clip[clip] = correction
        if correction.empty:
            empty.append(row.number)
    for numbers, what in ((empty, "correct nothing"), (table.ignored, "name no clip")):
        if numbers:
            rows = ", ".join(map(str, numbers))
            notes.append(Note(None, f"{path.name}: rows that {what}: {rows}", "not used"))
    return by_clip, notes


def _find_clip(row: Row, path: Path, ids: Sequence[str], datasets: Sequence[Dataset]) -> str | None:
    """Return the id of the clip that a row means; None if its dataset is not in this run."""
    name = row["clip"].strip("/")
    found = [name] if name in ids else [one for one in ids if one.endswith(f"/{name}")]
    if len(found) == 1:
        return found[0]
    where = f"{path}: row {row.number}"
    if found:
        raise UsageError(
            f"{where}: {name!r} may be {', '.join(found[:4])}", "Write the whole id of the clip."
        )
    # One table may serve several datasets, so a row for an absent one is no mistake. Only a
    # whole id (dataset/subject/clip) says which dataset is meant.
    here = {one.partition("/")[0] for one in ids} | {dataset.name for dataset in datasets}
    if name.count("/") >= 2 and name.partition("/")[0] not in here:
        return None
    meant = suggest(name, ids, cutoff=0.7, form=" (did you mean {}?)")
    raise UsageError(
        f"{where}: there is no clip {name!r}{meant}",
        "`mepipe check DATASET --write-corrections FILE` writes ids that are known.",
    )


def _parse_row(row: Row, where: str, path: Path) -> _Correction:
    def wrong(column: str, should: str) -> UsageError:
        return UsageError(
            f"{path}: row {row.number}, {column}: {row[column][:40]!r} is {should}",
            "Correct the cell, or empty it.",
        )

    marks: dict[str, int] = {}
    for column in KEY_FRAMES:
        number = parse_number(row[column])
        if number is not None:
            marks[column] = number
        elif row[column]:
            raise wrong(column, "not a frame number")
    exclude = row["exclude"].casefold()
    if exclude not in _YES | _NO:
        raise wrong("exclude", "neither yes nor no")
    box = None
    if row["face_box"]:
        numbers = [parse_number(part) for part in row["face_box"].replace(",", " ").split()]
        if len(numbers) != 4 or None in numbers:
            raise wrong("face_box", "not four whole numbers x0 y0 x1 y1")
        x0, y0, x1, y1 = (number or 0 for number in numbers)
        # A corner may lie outside the frame, where a face is cut off, but not absurdly far.
        if not (x0 < x1 and y0 < y1 and max(map(abs, (x0, y0, x1, y1))) < 2**20):
            raise wrong("face_box", "not a box with x0 < x1 and y0 < y1 in px")
        box = (x0, y0, x1, y1)
    emotion = emotions.normalise(row["emotion"])
    return _Correction(where, marks, emotion, box, exclude in _YES, row["why"])


def _apply_correction(
    clip: Clip, row: _Correction, dataset: Dataset
) -> tuple[Clip, Mapping[str, object]]:
    """Return the corrected clip, and those of its values that changed."""
    if row.exclude:
        return clip, {"exclude": True}
    what: dict[str, object] = {}
    marks: dict[str, Mark] = {}
    for name, number in row.marks.items():
        stated: Mark | None = getattr(clip, name)
        # If nothing ties the dataset's numbers to the video's frames, its own marks are not
        # used. Then the user's mark is a change even if the number is the same.
        loose = isinstance(clip.source, Video) and not clip.source.numbered
        if stated is None or stated.number != number or loose:
            what[name] = number
            marks[name] = Mark(number, "correction")
    if row.emotion and row.emotion != clip.emotion:
        if row.emotion not in emotions.VOCABULARY and not dataset.own_words:
            raise UsageError(
                f"{row.where}: {emotions.unknown_word(row.emotion)}",
                f"Known are {', '.join(sorted(emotions.VOCABULARY))}.",
            )
        # A labelled clip without a person could be on both sides of a split.
        if not clip.group:
            raise UsageError(
                f"{row.where}: {clip.id} has no subject, so it can have no emotion",
                "Move it into a subject's folder.",
            )
        what["emotion"] = row.emotion
    if row.face_box:
        what["face_box"] = list(row.face_box)
    changed = replace(
        clip,
        onset=marks.get("onset", clip.onset),
        apex=marks.get("apex", clip.apex),
        offset=marks.get("offset", clip.offset),
        emotion=row.emotion or clip.emotion,
        face_box=row.face_box or clip.face_box,
    )
    return changed, what


def _describe(what: Mapping[str, object], row: _Correction) -> str:
    """Return what a row changed, for the notes."""
    if what.get("exclude"):
        text = f"{row.where} leaves it out"
    else:
        values = ", ".join(
            f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in what.items()
        )
        text = f"{row.where} corrects {values}"
    return f"{text} ({row.why})" if row.why else text

"""Corrections of the user's own, which go before what a dataset says.

A table, usually ``corrections.csv``::

    clip,onset,apex,offset,emotion,face_box,exclude,why
    casme2/sub05/EP09_05f,,61,,,,,the brows are highest there
    casme2/sub16/EP01_08,,,,,120 80 420 400,,the poster was taken for the face
    s03/c01,,,,,,yes,talks

``clip`` is the id or a unique ending of it. The frames are the dataset's own
numbers; the face's box is x0 y0 x1 y1 in px of the frame. What is empty stays as
it is; ``why`` is kept in the notes.
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
from mepipe.datasets.sheets import Row, read_table
from mepipe.errors import UsageError, suggest
from mepipe.schema import KEY_FRAMES

COLUMNS = ("clip", "onset", "apex", "offset", "emotion", "face_box", "exclude", "why")
_HEADINGS = {
    **{name: (name,) for name in COLUMNS},
    "face_box": ("face_box", "face box"),
}
_YES, _NO = {"yes", "y", "true", "1", "x"}, {"", "no", "n", "false", "0"}


@dataclass(frozen=True)
class Corrected:
    """The datasets as corrected, and what was changed.

    ``changes`` holds, for each clip that changed, its new values as they decide
    features; ``notes`` say the same in words.
    """

    datasets: tuple[Dataset, ...]
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Correction:
    """One row, its cells read."""

    where: str
    marks: Mapping[str, int]
    emotion: str
    face_box: tuple[int, int, int, int] | None
    exclude: bool
    why: str

    @property
    def empty(self) -> bool:
        return not (self.marks or self.emotion or self.face_box or self.exclude)


def correct(datasets: Sequence[Dataset], path: Path | None) -> Corrected:
    """Put the corrections of a table in the place of what the datasets say.

    Parameters
    ----------
    datasets
        The datasets of a run.
    path
        The table; None changes nothing.

    Raises
    ------
    UsageError
        If the table cannot be read, or a row of it cannot be meant: a clip
        that is in none of the datasets or in two rows, a cell of the wrong
        kind, a word that is no emotion. The message names file and row.
    """
    if path is None:
        return Corrected(tuple(datasets))
    by_clip, notes = _rows(datasets, path)
    changes: dict[str, Mapping[str, object]] = {}
    corrected = []
    for dataset in datasets:
        clips = []
        for clip in dataset.clips:
            row = by_clip.get(clip.id)
            changed, what = _apply(clip, row, dataset) if row else (clip, {})
            if what and row:
                changes[clip.id] = what
                notes.append(Note(clip.id, _said(what, row), "the correction is used"))
            elif row and not row.empty:
                notes.append(Note(clip.id, f"{row.where} says what the dataset says"))
            if not what.get("exclude"):
                clips.append(changed)
        rejects = []
        for reject in dataset.rejects:
            row = by_clip.get(reject.clip)
            if row and row.exclude:
                changes[reject.clip] = {"exclude": True}
                notes.append(
                    Note(reject.clip, _said({"exclude": True}, row), "the correction is used")
                )
                continue
            rejects.append(reject)
            if row and not row.empty:
                notes.append(
                    Note(reject.clip, f"{row.where} is not used: the clip cannot be read at all")
                )
        corrected.append(replace(dataset, clips=tuple(clips), rejects=tuple(rejects)))
    return Corrected(tuple(corrected), changes, tuple(notes))


def template(problems: Mapping[str, Iterable[str]]) -> str:
    """Return a table to be filled in: a row for each clip, its problems as ``why``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip, texts in sorted(problems.items()):
        writer.writerow([clip, *[""] * (len(COLUMNS) - 2), "; ".join(dict.fromkeys(texts))])
    return text.getvalue()


def _rows(datasets: Sequence[Dataset], path: Path) -> tuple[dict[str, _Correction], list[Note]]:
    """Return the correction of each clip that has one."""
    optional = {name: _HEADINGS[name] for name in COLUMNS if name != "clip"}
    table = read_table(path, key="clip", required={"clip": _HEADINGS["clip"]}, optional=optional)
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
        correction = _correction(row, f"row {row.number} of {path.name}", path)
        clip = _find(row, path, ids, datasets)
        if clip is None:
            notes.append(
                Note(
                    None,
                    f"{correction.where} is of {row['clip']}, and no dataset of that name is here",
                    "not used",
                )
            )
        elif clip in by_clip:
            raise UsageError(
                f"{path}: row {row.number} is of {clip}, and so is an earlier one",
                "Make one row of both.",
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


def _find(row: Row, path: Path, ids: Sequence[str], datasets: Sequence[Dataset]) -> str | None:
    """Return the clip that a row means; None if it belongs to a dataset that is not here."""
    name = row["clip"].strip("/")
    found = [name] if name in ids else [one for one in ids if one.endswith(f"/{name}")]
    if len(found) == 1:
        return found[0]
    where = f"{path}: row {row.number}"
    if found:
        raise UsageError(
            f"{where}: {name!r} may be {', '.join(found[:4])}", "Write the whole id of the clip."
        )
    here = {one.partition("/")[0] for one in ids} | {dataset.name for dataset in datasets}
    if name.count("/") >= 2 and name.partition("/")[0] not in here:
        return None
    meant = suggest(name, ids, cutoff=0.7, form=" (did you mean {}?)")
    raise UsageError(
        f"{where}: there is no clip {name!r}{meant}",
        "`mepipe check DATASET --write-corrections FILE` writes ids that are known.",
    )


def _correction(row: Row, where: str, path: Path) -> _Correction:
    def wrong(column: str, should: str) -> UsageError:
        return UsageError(
            f"{path}: row {row.number}, {column}: {row[column][:40]!r} is {should}",
            "Correct the cell, or empty it.",
        )

    marks = {}
    for column in KEY_FRAMES:
        number = parse_number(row[column])
        if number is not None:
            marks[column] = number
        elif row[column]:
            raise wrong(column, "no frame number")
    exclude = row["exclude"].casefold()
    if exclude not in _YES | _NO:
        raise wrong("exclude", "neither yes nor no")
    box = None
    if row["face_box"]:
        numbers = [parse_number(part) for part in row["face_box"].replace(",", " ").split()]
        if len(numbers) != 4 or None in numbers:
            raise wrong("face_box", "not four whole numbers x0 y0 x1 y1")
        x0, y0, x1, y1 = (number or 0 for number in numbers)
        if not (x0 < x1 and y0 < y1 and max(map(abs, (x0, y0, x1, y1))) < 2**20):
            raise wrong("face_box", "no box: x0 < x1 and y0 < y1 in px")
        box = (x0, y0, x1, y1)
    emotion = emotions.normalise(row["emotion"])
    return _Correction(where, marks, emotion, box, exclude in _YES, row["why"])


def _apply(clip: Clip, row: _Correction, dataset: Dataset) -> tuple[Clip, Mapping[str, object]]:
    """Return the corrected clip, and those of its values that are new."""
    if row.exclude:
        return clip, {"exclude": True}
    what: dict[str, object] = {}
    marks: dict[str, Mark] = {}
    for name, number in row.marks.items():
        stated: Mark | None = getattr(clip, name)
        # Where nothing ties the dataset's numbers to the frames, its own marks are not
        # used, so that the user's count even where they are the same.
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


def _said(what: Mapping[str, object], row: _Correction) -> str:
    if what.get("exclude"):
        text = f"{row.where} leaves it out"
    else:
        values = ", ".join(
            f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in what.items()
        )
        text = f"{row.where} corrects {values}"
    return f"{text} ({row.why})" if row.why else text

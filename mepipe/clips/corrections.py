"""The user's corrections: they replace what a dataset says.

A table, usually ``corrections.csv``::

    clip,onset,apex,offset,emotion,movement,face_box,exclude,why,who,when
    casme2/sub05/EP09_05f,,61,,,,,,the brows are highest there,,
    casme2/sub16/EP01_08,,,,,,120 80 420 400,,the poster was taken for the face,,
    casme2/sub17/EP03_02,,,,,no,,,only a blink,kim,2026-02-03T10:11:12+00:00
    s03/c01,,,,,,,yes,talks,,

``clip`` is the clip's id or an ending of it that only one clip has. Frames are the
dataset's own numbers. ``movement`` is what the coder saw: with ``no`` the clip keeps its
features and has no class. The face box is x0 y0 x1 y1 in px of the frame. An empty cell
changes nothing. ``why`` and ``who`` go into the notes. Every column but ``clip`` may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mepipe.clips.correction_rows import Correction, read_corrections
from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Mark, Note, Video
from mepipe.errors import UsageError

USED = "the correction is used"
"""What a note says where a correction changed a clip."""


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
    by_clip, notes = read_corrections(datasets, path)
    changes: dict[str, Mapping[str, object]] = {}
    corrected = []
    for dataset in datasets:
        clips = []
        for clip in dataset.clips:
            row = by_clip.get(clip.id)
            changed, what = _apply_correction(clip, row, dataset) if row else (clip, {})
            if what and row:
                changes[clip.id] = what
                notes.append(Note(clip.id, _describe(what, row), USED))
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
                notes.append(Note(reject.clip, _describe({"exclude": True}, row), USED))
                continue
            rejects.append(reject)
            if row and not row.empty:
                notes.append(
                    Note(reject.clip, f"{row.where} is not used: the clip cannot be read at all")
                )
        corrected.append(replace(dataset, clips=tuple(clips), rejects=tuple(rejects)))
    return CorrectedDatasets(tuple(corrected), changes, tuple(notes))


def _apply_correction(
    clip: Clip, row: Correction, dataset: Dataset
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
    if row.movement is not None:
        what["movement"] = row.movement
    if row.face_box:
        what["face_box"] = list(row.face_box)
    changed = replace(
        clip,
        onset=marks.get("onset", clip.onset),
        apex=marks.get("apex", clip.apex),
        offset=marks.get("offset", clip.offset),
        emotion=row.emotion or clip.emotion,
        movement=row.movement,
        face_box=row.face_box or clip.face_box,
    )
    return changed, what


def _describe(what: Mapping[str, object], row: Correction) -> str:
    """Return what a row changed, for the notes."""
    if what.get("exclude"):
        text = f"{row.where} leaves it out"
    else:
        values = ", ".join(f"{name} {_in_words(value)}" for name, value in what.items())
        text = f"{row.where} corrects {values}"
    if what.get("movement") is False:
        text += ", so it has no class"
    said = ", ".join(filter(None, (row.why, row.who and f"by {row.who}")))
    return f"{text} ({said})" if said else text


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

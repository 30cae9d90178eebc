"""Named selections of clips, as data.

``megc2019`` is the composite of the Micro-Expression Grand Challenge 2019: 442
clips of 68 persons from CASME II, SAMM and the HS set of SMIC. It is defined by
the rule that its published list follows, not by the list.

``micro`` and ``macro`` are the expressions of one kind, whatever the dataset. A dataset
whose coders state no kind is one of micro-expressions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mepipe.clips.label_schemes import CASME2_WITHOUT_ROW, MEGC3
from mepipe.datasets.clip import Clip, Dataset, Note
from mepipe.datasets.recordings import kind_by_length
from mepipe.errors import UsageError, suggest
from mepipe.schema import CLASSES


@dataclass(frozen=True)
class SelectionPart:
    """The clips that a selection takes from one collection.

    Parameters
    ----------
    collection
        The first part of the clips' ids.
    title
        The collection's name, for messages.
    words
        The emotion words of the clips.
    without
        Ids of clips that are not selected, whatever their word.
    counts
        The number of clips of each class (scheme megc3), to tell if some are
        missing.
    subjects
        The number of persons, for the same.
    """

    collection: str
    title: str
    words: frozenset[str]
    without: frozenset[str]
    counts: Mapping[str, int]
    subjects: int


@dataclass(frozen=True)
class SelectedDatasets:
    """The datasets with the selected clips only, and what is left out or missing."""

    datasets: tuple[Dataset, ...]
    notes: tuple[Note, ...]


SELECTIONS: Mapping[str, tuple[SelectionPart, ...]] = {
    "megc2019": (
        SelectionPart(
            "casme2",
            "CASME II",
            frozenset({"disgust", "repression", "happiness", "surprise"}),
            # The published list has 145 clips; the sheet's words give these five more. The
            # last one is on disk without a row.
            frozenset(
                {
                    "casme2/sub04/EP12_01f",
                    "casme2/sub05/EP09_05f",
                    "casme2/sub24/EP07_01",
                    "casme2/sub24/EP07_04f",
                    "casme2/sub24/EP10_03",
                    CASME2_WITHOUT_ROW,
                }
            ),
            {"negative": 88, "positive": 32, "surprise": 25},
            24,
        ),
        SelectionPart(
            "smic-hs",
            "SMIC-HS",
            frozenset(CLASSES),
            frozenset(),
            {"negative": 70, "positive": 51, "surprise": 43},
            16,
        ),
        SelectionPart(
            "samm",
            "SAMM",
            frozenset({"anger", "contempt", "disgust", "fear", "sadness", "happiness", "surprise"}),
            frozenset(),
            {"negative": 92, "positive": 26, "surprise": 15},
            28,
        ),
    )
}


KINDS = ("micro", "macro")
"""The selections by kind."""


def select(datasets: Sequence[Dataset], name: str | None) -> SelectedDatasets:
    """Return the datasets with only the clips of a selection, and note what is missing.

    Parameters
    ----------
    datasets
        The datasets of a run.
    name
        One of `SELECTIONS` or `KINDS`; None selects everything.

    Raises
    ------
    UsageError
        If there is no such selection, or no clip of the datasets belongs to it.
    """
    if name is None:
        return SelectedDatasets(tuple(datasets), ())
    if name in KINDS:
        return _of_kind(datasets, name)
    if name not in SELECTIONS:
        known = (*SELECTIONS, *KINDS)
        raise UsageError(
            f"there is no selection {name!r}{suggest(name, known, cutoff=0.4)}",
            f"Use one of: {', '.join(known)}.",
        )
    parts = SELECTIONS[name]
    # Rejects stay if they may belong: a run must show that clips of the selection failed.
    kept, notes = [], []
    for dataset in datasets:
        clips = tuple(clip for clip in dataset.clips if _is_selected(parts, clip))
        rejects = tuple(r for r in dataset.rejects if _may_be_selected(parts, r.clip))
        outside = len(dataset.clips) - len(clips) + len(dataset.rejects) - len(rejects)
        if outside:
            notes.append(
                Note(None, f"{outside} clip(s) of {dataset.name} are outside {name}", "left out")
            )
        kept.append(replace(dataset, clips=clips, rejects=rejects))
    if not any(dataset.clips or dataset.rejects for dataset in kept):
        titles = ", ".join(part.title for part in parts)
        raise UsageError(
            f"no clip of {', '.join(d.name for d in datasets)} belongs to {name}",
            f"It is made of {titles}: give these, or leave --select out.",
        )
    for part in parts:
        notes += _missing_notes(name, part, kept)
    return SelectedDatasets(tuple(kept), tuple(notes))


def _of_kind(datasets: Sequence[Dataset], name: str) -> SelectedDatasets:
    kept, notes = [], []
    for dataset in datasets:
        # What cannot be read stays: whether it would belong is not known.
        clips = tuple(clip for clip in dataset.clips if _kind(clip) == name)
        outside = len(dataset.clips) - len(clips)
        if outside:
            text = f"{outside} clip(s) of {dataset.name} are not {name}-expressions"
            notes.append(Note(None, text, "left out"))
        kept.append(replace(dataset, clips=clips))
    if not any(dataset.clips or dataset.rejects for dataset in kept):
        raise UsageError(
            f"no clip of {', '.join(d.name for d in datasets)} is a {name}-expression",
            "Leave --select out.",
        )
    return SelectedDatasets(tuple(kept), tuple(notes))


def _kind(clip: Clip) -> str:
    """Return the kind of a clip; by length where its own cell of a column for it is empty."""
    if clip.kind or not clip.recording:
        return clip.kind or "micro"
    marks = (clip.onset, clip.offset)
    onset, offset = (mark.number if mark is not None else None for mark in marks)
    return kind_by_length(onset, offset, clip.fps)


def _collection(clip: str) -> str:
    return clip.partition("/")[0]


def _is_selected(parts: Sequence[SelectionPart], clip: Clip) -> bool:
    return any(
        _collection(clip.id) == part.collection
        and clip.emotion in part.words
        and clip.id not in part.without
        for part in parts
    )


def _may_be_selected(parts: Sequence[SelectionPart], clip: str) -> bool:
    """Return True if a clip that cannot be read may belong to a selection.

    Its word is not known, so only its id can exclude it.
    """
    return any(_collection(clip) == part.collection and clip not in part.without for part in parts)


def _missing_notes(name: str, part: SelectionPart, datasets: Sequence[Dataset]) -> list[Note]:
    """Return a note if clips or subjects of a part are missing."""
    clips = [c for d in datasets for c in d.clips if _collection(c.id) == part.collection]
    rejects = [
        r.clip for d in datasets for r in d.rejects if _collection(r.clip) == part.collection
    ]
    wanted = sum(part.counts.values())
    if not clips and not rejects:
        text = f"{name} lacks {part.title} altogether ({wanted} clips)"
        return [Note(None, text, "the run goes on without it")]
    found = Counter(MEGC3.words[clip.emotion] for clip in clips)
    people = len({clip.group for clip in clips})
    if found == part.counts and people == part.subjects:
        return []
    counts = ", ".join(
        f"{label} {found[label]} of {number}"
        for label, number in part.counts.items()
        if found[label] != number
    )
    text = f"{name}: {part.title} has {len(clips)} of {wanted} clips"
    text += f" ({counts})" if counts else ""
    text += f", {people} of {part.subjects} subjects" if people != part.subjects else ""
    if rejects:
        text += f"; of these clips it is not known whether they belong: {', '.join(rejects)}"
    return [Note(None, text, "the run goes on with these")]

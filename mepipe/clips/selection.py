"""Named selections over the datasets of a run, as data.

``megc2019`` is the composite of the Micro-Expression Grand Challenge 2019: 442
clips of 68 persons out of CASME II, SAMM and the HS set of SMIC. It is given by
the rule from which its published list follows, not by the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mepipe.clips.label_schemes import CASME2_WITHOUT_ROW, MEGC3
from mepipe.datasets.clip import Clip, Dataset, Note
from mepipe.errors import UsageError, suggest
from mepipe.schema import CLASSES


@dataclass(frozen=True)
class Part:
    """What a selection takes of one collection.

    Parameters
    ----------
    collection
        The first part of the clips' ids.
    title
        What people call it.
    words
        The emotion words that are taken.
    without
        Ids of clips that are not, whatever their word.
    counts
        How many clips of each of the scheme megc3's classes it has.
    subjects
        How many persons.
    """

    collection: str
    title: str
    words: frozenset[str]
    without: frozenset[str]
    counts: Mapping[str, int]
    subjects: int


@dataclass(frozen=True)
class Chosen:
    """The datasets with the selected clips only, and what should be said of it."""

    datasets: tuple[Dataset, ...]
    notes: tuple[Note, ...]


SELECTIONS: Mapping[str, tuple[Part, ...]] = {
    "megc2019": (
        Part(
            "casme2",
            "CASME II",
            frozenset({"disgust", "repression", "happiness", "surprise"}),
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
        Part(
            "smic-hs",
            "SMIC-HS",
            frozenset(CLASSES),
            frozenset(),
            {"negative": 70, "positive": 51, "surprise": 43},
            16,
        ),
        Part(
            "samm",
            "SAMM",
            frozenset({"anger", "contempt", "disgust", "fear", "sadness", "happiness", "surprise"}),
            frozenset(),
            {"negative": 92, "positive": 26, "surprise": 15},
            28,
        ),
    )
}


def select(datasets: Sequence[Dataset], name: str | None) -> Chosen:
    """Leave out the clips that a selection does not have, and name what it lacks.

    Parameters
    ----------
    datasets
        The datasets of a run.
    name
        One of `SELECTIONS`; None keeps everything.

    Raises
    ------
    UsageError
        If there is no such selection, or none of the datasets has any part of it.
    """
    if name is None:
        return Chosen(tuple(datasets), ())
    if name not in SELECTIONS:
        raise UsageError(
            f"there is no selection {name!r}{suggest(name, SELECTIONS, cutoff=0.4)}",
            f"Use one of: {', '.join(SELECTIONS)}.",
        )
    parts = SELECTIONS[name]
    kept, notes = [], []
    for dataset in datasets:
        clips = tuple(clip for clip in dataset.clips if _has(parts, clip))
        rejects = tuple(r for r in dataset.rejects if _may_have(parts, r.clip))
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
        notes += _missing(name, part, kept)
    return Chosen(tuple(kept), tuple(notes))


def _collection(clip: str) -> str:
    return clip.partition("/")[0]


def _has(parts: Sequence[Part], clip: Clip) -> bool:
    return any(
        _collection(clip.id) == part.collection
        and clip.emotion in part.words
        and clip.id not in part.without
        for part in parts
    )


def _may_have(parts: Sequence[Part], clip: str) -> bool:
    """Say whether a clip whose word is not known may belong to a selection."""
    return any(_collection(clip) == part.collection and clip not in part.without for part in parts)


def _missing(name: str, part: Part, datasets: Sequence[Dataset]) -> list[Note]:
    """Name what of a part is not there."""
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

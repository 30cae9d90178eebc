"""Which clips are evaluated, and the folds: no person is ever on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError

if TYPE_CHECKING:
    from mepipe.features import Features


@dataclass(frozen=True)
class LabelledClips:
    """What an evaluation needs to know of clips beside their features, one row a clip.

    Parameters
    ----------
    clip
        Ids, all different.
    dataset
        Names of the datasets.
    group
        The person; empty where unknown.
    y
        (N,) class numbers; -1 for a clip outside the classes.
    classes
        Names of the classes 0 to K - 1.
    """

    clip: tuple[str, ...]
    dataset: tuple[str, ...]
    group: tuple[str, ...]
    y: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.clip) == len(self.dataset) == len(self.group) == len(self.y):
            raise ValueError("clip, dataset, group and y must have one entry a clip")

    def __len__(self) -> int:
        return len(self.clip)

    @classmethod
    def of(cls, features: Features) -> LabelledClips:
        """Return the columns of ``features`` (what ``mepipe.load`` returns) as plain values."""
        return cls(
            tuple(map(str, features.clip)),
            tuple(map(str, features.dataset)),
            tuple(map(str, features.group)),
            np.asarray(features.y, dtype=np.int64),
            tuple(map(str, features.classes)),
        )

    def rows(self, rows: Sequence[int]) -> LabelledClips:
        """Return the given rows, in that order."""
        return LabelledClips(
            tuple(self.clip[row] for row in rows),
            tuple(self.dataset[row] for row in rows),
            tuple(self.group[row] for row in rows),
            self.y[list(rows)],
            self.classes,
        )


def select_clips(
    clips: LabelledClips, columns: Mapping[str, Sequence[object]], select: Sequence[str]
) -> LabelledClips:
    """Return the clips for which every ``COLUMN=VALUE[,VALUE...]`` of ``select`` holds.

    Parameters
    ----------
    clips
        All clips.
    columns
        Values by column, one a clip.
    select
        Conditions on columns, compared as text.

    Raises
    ------
    UsageError
        If a condition is not of that form, names no column, or no clip is left.
    """
    keep = list(range(len(clips)))
    for condition in select:
        column, equals, text = condition.partition("=")
        if not equals or column not in columns:
            raise UsageError(
                f"--select {condition}: not of the form COLUMN=VALUE[,VALUE...]"
                if not equals
                else f"--select {condition}: the features have no column {column}",
                f"For example --select dataset=casme2; the columns are {', '.join(columns)}.",
            )
        values = {value.strip() for value in text.split(",")}
        own = [str(value) for value in columns[column]]
        unknown = sorted(values - set(own))
        if unknown:
            known = sorted(set(own))
            raise UsageError(
                f"--select {condition}: no clip has {column} = {unknown[0]}",
                f"There are {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}.",
            )
        keep = [row for row in keep if own[row] in values]
    if not keep:
        raise UsageError(
            f"no clip is left by --select {' '.join(select)}", "Choose fewer conditions."
        )
    return clips.rows(keep)


@dataclass(frozen=True)
class LeftOut:
    """Clips that an evaluation cannot use, by reason (ids)."""

    unlabelled: tuple[str, ...] = ()
    unknown_person: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fold:
    """One split. ``name`` is what is left out: for leave-one-subject-out the person.

    ``train`` and ``test`` are clip ids, sorted.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]


def usable(clips: LabelledClips) -> tuple[LabelledClips, LeftOut]:
    """Return the clips with a class and a known person, sorted by id, and what is left out.

    A clip whose person is unknown may show a held-out subject, so it can be
    neither trained on nor tested.

    Raises
    ------
    UsageError
        If an id occurs twice or a class number is out of range.
    """
    seen: set[str] = set()
    for clip, number in zip(clips.clip, clips.y, strict=True):
        if clip in seen:
            raise UsageError(
                f"the clip {clip} occurs twice in the features", "Pack each clip once."
            )
        seen.add(clip)
        if not -1 <= number < len(clips.classes):
            raise UsageError(
                f"the clip {clip} has y = {number}, but the classes are 0 to "
                f"{len(clips.classes) - 1} ({', '.join(clips.classes)}), -1 for none",
                "Correct the label or the list of classes.",
            )
    order = sorted(range(len(clips)), key=lambda row: clips.clip[row])
    labelled = [row for row in order if clips.y[row] >= 0]
    left = LeftOut(
        unlabelled=tuple(clips.clip[row] for row in order if clips.y[row] < 0),
        unknown_person=tuple(clips.clip[row] for row in labelled if not clips.group[row]),
    )
    return clips.rows([row for row in labelled if clips.group[row]]), left


def require_two(clips: LabelledClips) -> None:
    """Raise UsageError unless there are clips of at least two persons and two classes."""
    groups = sorted(set(clips.group))
    if not groups:
        raise UsageError(
            "no clip has both a class and a known subject",
            "For results, give emotions and subjects (in a generic folder: labels.csv).",
        )
    if len(groups) < 2:
        raise UsageError(
            "leaving subjects out needs labelled clips of at least two subjects, "
            f"not {_some(groups)}",
            "Add clips of other people, or name the subjects (labels.csv, column subject).",
        )
    present = [clips.classes[number] for number in np.unique(clips.y)]
    if len(present) < 2:
        raise UsageError(
            f"training needs clips of at least two classes, and all {len(clips)} are {present[0]}",
            "Add clips of another class, or choose finer ones (labels.classes).",
        )


def fold_of(clips: LabelledClips, name: str, test: Sequence[bool]) -> Fold:
    """Return the fold that tests the clips marked in ``test`` and trains on all others."""
    return Fold(
        name=name,
        train=tuple(clip for clip, out in zip(clips.clip, test, strict=True) if not out),
        test=tuple(clip for clip, out in zip(clips.clip, test, strict=True) if out),
    )


def leave_one_subject_out(clips: LabelledClips) -> tuple[Fold, ...]:
    """Return one fold a person, sorted by name, of clips that `usable` returned.

    Raises
    ------
    UsageError
        If there are fewer than two persons or two classes.
    """
    require_two(clips)
    folds = tuple(
        fold_of(clips, person, [group == person for group in clips.group])
        for person in sorted(set(clips.group))
    )
    assert_disjoint(folds, clips)
    return folds


def assert_disjoint(folds: Sequence[Fold], clips: LabelledClips) -> None:
    """Raise AssertionError unless every clip is tested once and no person is on both sides."""
    person = dict(zip(clips.clip, clips.group, strict=True))
    tested = [clip for fold in folds for clip in fold.test]
    if sorted(tested) != sorted(clips.clip):
        raise AssertionError("the folds do not test every clip exactly once")
    for fold in folds:
        both = {person[clip] for clip in fold.train} & {person[clip] for clip in fold.test}
        if both:
            raise AssertionError(f"fold {fold.name}: {_some(sorted(both))} on both sides")


def _some(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names[:3])})" if names else "0"

"""The protocols of evaluation: which clips are left out together.

loso: one person a fold. megc2019: the same on the composite of the MEGC 2019
challenge, three classes, per-dataset figures being the same predictions
restricted to a dataset (See et al., "MEGC 2019 - the Second Facial
Micro-Expressions Grand Challenge", FG 2019: its composite database
evaluation). kfold: K groups of persons with nearly the same share of every
class. cross-dataset: one dataset a fold.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np

from mepipe.errors import UsageError
from mepipe.extras import require_library
from mepipe.features.splits import (
    Fold,
    LabelledClips,
    assert_disjoint,
    fold_of,
    leave_one_subject_out,
    require_two,
)
from mepipe.schema import CLASSES

MEGC_CLIPS = 442
MEGC_SUBJECTS = 68


def folds_of(clips: LabelledClips, protocol: str, *, k: int = 10) -> tuple[Fold, ...]:
    """Return the folds of ``protocol``, of clips that `usable` returned.

    Every clip is tested exactly once, and no person is on both sides; both are
    asserted. The folds depend on the clips and ``k`` alone.

    Parameters
    ----------
    clips
        What is evaluated, sorted by id.
    protocol
        A key of `FOLDS`.
    k
        Folds of kfold.

    Raises
    ------
    UsageError
        If there is no such protocol, or the clips do not allow it (one person,
        one class, one dataset, fewer persons than folds, other classes).
    """
    if protocol not in FOLDS:
        raise UsageError(f"no protocol {protocol!r}", f"The protocols are {', '.join(FOLDS)}.")
    folds = FOLDS[protocol](clips, k)
    assert_disjoint(folds, clips)
    return folds


def protocol_notes(clips: LabelledClips, protocol: str) -> tuple[str, ...]:
    """Return what a reader of the figures must know: a composite that is not the whole one."""
    subjects = len(set(clips.group))
    if protocol != "megc2019" or (len(clips), subjects) == (MEGC_CLIPS, MEGC_SUBJECTS):
        return ()
    return (
        f"MEGC 2019 has {MEGC_CLIPS} clips of {MEGC_SUBJECTS} subjects (CASME II 145, SMIC 164, "
        f"SAMM 133); these are {len(clips)} of {subjects} "
        f"({', '.join(sorted(set(clips.dataset)))}), so the figures are not those of the challenge",
    )


def grouped_folds(clips: LabelledClips, k: int) -> tuple[Fold, ...]:
    """Return K folds of whole persons, with nearly the same share of every class in each.

    Raises
    ------
    UsageError
        If there are fewer than K persons or two classes.
    """
    require_two(clips)
    people = len(set(clips.group))
    if not 2 <= k <= people:
        raise UsageError(
            f"kfold with {k} folds: the clips are of {people} subjects",
            f"Give 2 to {people} folds.",
        )
    require_library("sklearn", "kfold")
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    rows = range(len(clips))
    if k > np.bincount(clips.y).max():  # too few clips for shares to mean anything
        parts = [set(test) for _, test in GroupKFold(k).split(clips.clip, groups=clips.group)]
    else:
        splitter = StratifiedGroupKFold(n_splits=k, shuffle=True, random_state=0)
        with warnings.catch_warnings():
            # Fewer clips of a class than folds: a fold then has none of it, and pooled
            # counts do not mind.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            parts = [set(test) for _, test in splitter.split(clips.clip, clips.y, clips.group)]
    digits = len(str(k))
    return tuple(
        fold_of(clips, f"fold {number:0{digits}d} of {k}", [row in test for row in rows])
        for number, test in enumerate(parts, start=1)
        if test
    )


def _megc2019(clips: LabelledClips, k: int) -> tuple[Fold, ...]:
    del k
    if clips.classes != CLASSES:
        raise UsageError(
            f"megc2019 has the classes {', '.join(CLASSES)}, and these features have "
            f"{', '.join(clips.classes)}",
            "Make the features with labels.classes = megc3, or use --protocol loso.",
        )
    return leave_one_subject_out(clips)


def _cross_dataset(clips: LabelledClips, k: int) -> tuple[Fold, ...]:
    del k
    require_two(clips)
    names = sorted(set(clips.dataset))
    if len(names) < 2:
        raise UsageError(
            f"cross-dataset leaves one dataset out, and all clips are of {names[0]}",
            "Make features of several datasets, or use --protocol loso.",
        )
    people: dict[str, str] = {}
    for dataset, group in zip(clips.dataset, clips.group, strict=True):
        if people.setdefault(group, dataset) != dataset:
            raise UsageError(
                f"{group} is in {people[group]} and in {dataset}, so neither can be left out alone",
                "Leave one of them out with --select dataset=..., or use --protocol loso.",
            )
    return tuple(fold_of(clips, name, [own == name for own in clips.dataset]) for name in names)


def _loso(clips: LabelledClips, k: int) -> tuple[Fold, ...]:
    del k
    return leave_one_subject_out(clips)


FOLDS: Mapping[str, Callable[[LabelledClips, int], tuple[Fold, ...]]] = {
    "loso": _loso,
    "megc2019": _megc2019,
    "kfold": grouped_folds,
    "cross-dataset": _cross_dataset,
}

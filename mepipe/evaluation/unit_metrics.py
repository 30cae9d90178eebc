"""Figures of action units: binary F1 of each, from counts pooled over all folds.

The counts of a unit are its true positives, false positives and false negatives. Clips that
rightly have no such answer count nowhere, so a unit that is never predicted has F1 0, however
rare it is. Varanka, Li, Peng and Zhao, "Data Leakage and Evaluation Issues in Micro-Expression
Analysis", IEEE T-AFFC 15, 2024.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mepipe.evaluation.metrics import FEWEST_SUBJECTS, interval_note

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def unit_counts(has: ArrayLike, predicted: ArrayLike) -> Ints:
    """Return TP, FP and FN (..., U, 3) of units that clips have and that were predicted.

    Parameters
    ----------
    has, predicted
        (..., N, U) of 0 and 1, which go together as numpy arrays do.

    Examples
    --------
    >>> unit_counts([[1, 0], [1, 0], [0, 1]], [[1, 1], [0, 0], [0, 1]]).tolist()
    [[1, 0, 1], [1, 1, 0]]
    """
    has, predicted = np.asarray(has, dtype=np.bool_), np.asarray(predicted, dtype=np.bool_)
    parts = (has & predicted, ~has & predicted, has & ~predicted)
    return np.stack([part.sum(axis=-2) for part in parts], axis=-1).astype(np.int64)


def binary_f1(counts: ArrayLike) -> Floats:
    """Return 2TP / (2TP + FP + FN) (...) of counts (..., 3); NaN where no clip has the unit.

    >>> binary_f1([[1, 0, 1], [1, 1, 0], [0, 3, 0]]).round(3).tolist()
    [0.667, 0.667, nan]
    """
    tp, fp, fn = np.moveaxis(np.asarray(counts), -1, 0)
    return np.where(tp + fn > 0, 2 * tp / np.maximum(2 * tp + fp + fn, 1), np.nan)


def mean_f1(counts: ArrayLike) -> Floats:
    """Return the mean over units of `binary_f1` (...) of counts (..., U, 3).

    A unit that no clip has is left out of the mean; NaN where that are all.

    >>> float(mean_f1([[1, 0, 1], [1, 1, 0], [0, 3, 0]]).round(3))
    0.667
    """
    f1 = binary_f1(counts)
    present = ~np.isnan(f1)
    total = np.where(present, f1, 0.0).sum(axis=-1)
    return np.where(present.any(axis=-1), total / np.maximum(present.sum(axis=-1), 1), np.nan)


def always_f1(has: ArrayLike) -> Floats:
    """Return the F1 of answering each unit for every clip (U,), for has (N, U).

    >>> always_f1([[1, 0], [1, 0], [0, 1], [1, 0]]).round(3).tolist()
    [0.857, 0.4]
    """
    return binary_f1(unit_counts(has, np.ones_like(np.asarray(has))))


def unit_bootstrap(
    counts: Ints, *, resamples: int = 10_000, seed: int = 0
) -> tuple[tuple[float, float] | None, str]:
    """Return the 95 % interval of the mean F1 over resampled subjects, and a note on it.

    Persons are drawn with replacement, as in `mepipe.metrics.subject_bootstrap`.

    Parameters
    ----------
    counts
        (G, R, U, 3), the counts of each subject, seed and unit.
    resamples, seed
        How many times the subjects are drawn, and the seed of that.

    Returns
    -------
    (low, high), or None with fewer than `FEWEST_SUBJECTS` subjects; and what `interval_note`
    says of them.
    """
    subjects, runs, units, _ = counts.shape
    if subjects < FEWEST_SUBJECTS:
        return None, interval_note(subjects)
    draw = np.random.default_rng(seed)
    times = draw.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)
    pooled = (times @ counts.reshape(subjects, -1)).reshape(resamples, runs, units, 3)
    # A draw without a clip of any unit has no figure.
    low, high = np.nanpercentile(mean_f1(pooled).mean(axis=1), [2.5, 97.5])
    return (float(low), float(high)), interval_note(subjects)

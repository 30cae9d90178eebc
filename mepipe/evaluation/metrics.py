"""The field's figures from pooled confusion matrices.

Rows are truth, columns prediction. True positives, false positives and false
negatives are summed over all folds first; averaging the scores of folds is a
different and wrong figure. UF1, UAR: See et al., "MEGC 2019 - the Second Facial
Micro-Expressions Grand Challenge", FG 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion(y: Ints, predicted: Ints, classes: int) -> Ints:
    """Return the confusion matrix (K, K) of labels and predictions (N,), both 0 to K - 1."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (np.asarray(y), np.asarray(predicted)), 1)
    return matrix


def uf1(matrix: Ints) -> Floats:
    """Return the unweighted F1: the mean over classes of 2TP / (2TP + FP + FN).

    Parameters
    ----------
    matrix
        (..., K, K), one or many confusion matrices.

    Returns
    -------
    array
        (...), 0 to 1. A class without true clips is left out of the mean; NaN
        where no class has any.
    """
    return _mean_of_present(class_f1(matrix))


def uar(matrix: Ints) -> Floats:
    """Return the unweighted average recall (...) of (..., K, K); absent classes as for `uf1`."""
    return _mean_of_present(class_recall(matrix))


def accuracy(matrix: Ints) -> Floats:
    """Return the share of right predictions (...) of (..., K, K)."""
    matrix = np.asarray(matrix)
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def macro_precision(matrix: Ints) -> Floats:
    """Return the mean over classes of precision, 0 for a class that was never predicted.

    STSTNet's published "UAR" is this figure. Absent classes as for `uf1`.
    """
    present = np.asarray(matrix).sum(axis=-1) > 0
    precision = np.where(present, np.nan_to_num(class_precision(matrix)), np.nan)
    return _mean_of_present(precision)


def class_f1(matrix: Ints) -> Floats:
    """Return 2TP / (2TP + FP + FN) (..., K), NaN for a class without true clips."""
    matrix = np.asarray(matrix)
    truth, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.where(truth > 0, _ratio(2 * hits, truth + predicted), np.nan)


def class_recall(matrix: Ints) -> Floats:
    """Return TP / (TP + FN) (..., K), NaN for a class without true clips."""
    matrix = np.asarray(matrix)
    return _ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def class_precision(matrix: Ints) -> Floats:
    """Return TP / (TP + FP) (..., K), NaN for a class that was never predicted."""
    matrix = np.asarray(matrix)
    return _ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-2))


def largest_class(matrix: Ints) -> Ints:
    """Return the confusion matrix of always answering the class with most true clips."""
    truth = np.asarray(matrix).sum(axis=-1)
    floor = np.zeros_like(matrix)
    floor[:, int(np.argmax(truth))] = truth
    return floor


@dataclass(frozen=True)
class Intervals:
    """95 % intervals (low, high) of UF1 and UAR."""

    uf1: tuple[float, float]
    uar: tuple[float, float]


def subject_bootstrap(matrices: Ints, *, resamples: int = 10_000, seed: int = 0) -> Intervals:
    """Return percentile intervals over resampled subjects.

    Clips of a person are not independent, so persons are drawn with
    replacement, not clips, and the figures are computed from the pooled counts
    of those drawn. With several seeds the figure is the mean over seeds.

    Parameters
    ----------
    matrices
        (G, R, K, K), the confusion matrix of each subject and seed.
    resamples
        How many times the subjects are drawn.
    seed
        Of the draws.
    """
    subjects, runs, classes, _ = matrices.shape
    draw = np.random.default_rng(seed)
    times = draw.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)
    pooled = times @ matrices.reshape(subjects, -1)
    pooled = pooled.reshape(resamples, runs, classes, classes)
    low_high = [2.5, 97.5]
    one = np.percentile(uf1(pooled).mean(axis=1), low_high)
    two = np.percentile(uar(pooled).mean(axis=1), low_high)
    return Intervals((float(one[0]), float(one[1])), (float(two[0]), float(two[1])))


def absent(matrix: Ints, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes without true clips, which no mean includes."""
    truth = np.asarray(matrix).sum(axis=-1)
    return tuple(name for name, clips in zip(names, truth, strict=True) if clips == 0)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    safe = np.where(np.asarray(whole) > 0, whole, 1)
    return np.where(np.asarray(whole) > 0, part / safe, np.nan)


def _mean_of_present(values: Floats) -> Floats:
    present = ~np.isnan(values)
    total: Floats = np.where(present, values, 0).sum(axis=-1)
    return _ratio(total, present.sum(axis=-1))  # type: ignore[arg-type]

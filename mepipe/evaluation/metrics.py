"""The figures of the field, from pooled confusion matrices.

Rows are truth, columns prediction. True positives, false positives and false
negatives are summed over all folds first; averaging the scores of folds is a
different and wrong figure. UF1, UAR: See et al., "MEGC 2019 - the Second Facial
Micro-Expressions Grand Challenge", FG 2019.

The confusion matrix that the paper of STSTNet prints (Liong et al., FG 2019):

>>> matrix = [[219, 22, 9], [40, 62, 7], [21, 3, 59]]
>>> round(float(uf1(matrix)), 4), round(float(uar(matrix)), 4)
(0.7353, 0.7186)

Scores of events that were found in recordings are `mepipe.metrics.spotting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from mepipe.evaluation import spotting_metrics as spotting  # noqa: F401 (a name for others)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FEWEST_SUBJECTS = 8
"""With fewer, resampling them gives no interval that deserves its name."""
ENOUGH_SUBJECTS = 20
"""With fewer, the interval is said to be too narrow."""


def __getattr__(name: str) -> object:
    # `mepipe.metrics.spotting`; imported when it is used, for it is built on this module.
    if name == "spotting":
        from mepipe.evaluation import spotting_metrics

        return spotting_metrics
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def confusion(y: ArrayLike, predicted: ArrayLike, classes: int) -> Ints:
    """Return the confusion matrix (K, K) of labels and predictions (N,), both 0 to K - 1.

    >>> confusion([0, 0, 1, 2], [0, 1, 1, 2], classes=3).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (np.asarray(y), np.asarray(predicted)), 1)
    return matrix


def uf1(matrix: ArrayLike) -> Floats:
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

    Examples
    --------
    >>> round(float(uf1([[219, 22, 9], [40, 62, 7], [21, 3, 59]])), 4)
    0.7353
    >>> uf1([[[2, 0], [0, 2]], [[1, 1], [1, 1]]]).tolist()  # of two matrices
    [1.0, 0.5]
    """
    return _mean_of_present(class_f1(matrix))


def uar(matrix: ArrayLike) -> Floats:
    """Return the unweighted average recall (...) of (..., K, K); absent classes as for `uf1`.

    >>> round(float(uar([[219, 22, 9], [40, 62, 7], [21, 3, 59]])), 4)
    0.7186
    """
    return _mean_of_present(class_recall(matrix))


def accuracy(matrix: ArrayLike) -> Floats:
    """Return the share of right predictions (...) of (..., K, K).

    >>> round(float(accuracy([[219, 22, 9], [40, 62, 7], [21, 3, 59]])), 4)
    0.7692
    """
    matrix = np.asarray(matrix)
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def macro_precision(matrix: ArrayLike) -> Floats:
    """Return the mean over classes of precision, 0 for a class that was never predicted.

    STSTNet's published "UAR" is this figure. Absent classes as for `uf1`.

    >>> round(float(macro_precision([[219, 22, 9], [40, 62, 7], [21, 3, 59]])), 4)
    0.7605
    """
    present = np.asarray(matrix).sum(axis=-1) > 0
    precision = np.where(present, np.nan_to_num(class_precision(matrix)), np.nan)
    return _mean_of_present(precision)


def class_f1(matrix: ArrayLike) -> Floats:
    """Return 2TP / (2TP + FP + FN) (..., K), NaN for a class without true clips.

    >>> class_f1([[2, 0], [2, 0]]).round(3).tolist()
    [0.667, 0.0]
    """
    matrix = np.asarray(matrix)
    truth, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.where(truth > 0, _ratio(2 * hits, truth + predicted), np.nan)


def class_recall(matrix: ArrayLike) -> Floats:
    """Return TP / (TP + FN) (..., K), NaN for a class without true clips.

    >>> class_recall([[3, 1], [0, 0]]).tolist()
    [0.75, nan]
    """
    matrix = np.asarray(matrix)
    return _ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def class_precision(matrix: ArrayLike) -> Floats:
    """Return TP / (TP + FP) (..., K), NaN for a class that was never predicted.

    >>> class_precision([[3, 0], [1, 0]]).tolist()
    [0.75, nan]
    """
    matrix = np.asarray(matrix)
    return _ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-2))


def largest_class(matrix: ArrayLike) -> Ints:
    """Return the confusion matrix of always answering the class with most true clips.

    >>> largest_class([[219, 22, 9], [40, 62, 7], [21, 3, 59]]).tolist()
    [[250, 0, 0], [109, 0, 0], [83, 0, 0]]
    """
    truth = np.asarray(matrix).sum(axis=-1)
    floor = np.zeros(np.shape(matrix), dtype=np.int64)
    floor[:, int(np.argmax(truth))] = truth
    return floor


@dataclass(frozen=True)
class Intervals:
    """95 % intervals (low, high) of UF1 and UAR.

    None where the subjects are too few; ``note`` then says so, and says it, too, where
    they are enough for an interval, but for one that is too narrow.
    """

    uf1: tuple[float, float] | None
    uar: tuple[float, float] | None
    note: str = ""


def interval_note(units: int, unit: str = "subject") -> str:
    """Return what is to be said of intervals over so many resampled units; empty if nothing.

    Resampling few subjects gives too narrow an interval, because it knows no others than
    these. In a simulation, nominal 95 % held the true UF1 in 54 % of cases with 2 subjects,
    81 % with 4, 89 % with 8, 92 % with 20 and 94 % with 40.

    >>> interval_note(40), interval_note(12)
    ('', 'with 12 subjects a 95 % interval is too narrow: it covers about 90 %')
    >>> interval_note(4).partition(":")[0]
    'no 95 % interval is given'
    """
    if units >= ENOUGH_SUBJECTS:
        return ""
    if units >= FEWEST_SUBJECTS:
        return f"with {units} {unit}s a 95 % interval is too narrow: it covers about 90 %"
    counted = f"{units} {unit}{'' if units == 1 else 's'}"
    return (
        f"no 95 % interval is given: of {counted} it would be far too narrow "
        f"({FEWEST_SUBJECTS} {unit}s or more are needed)"
    )


def subject_bootstrap(matrices: Ints, *, resamples: int = 10_000, seed: int = 0) -> Intervals:
    """Return percentile intervals over resampled subjects; none of fewer than 8 subjects.

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

    Returns
    -------
    Intervals
        Of fewer than 20 subjects with a note (`interval_note`), of fewer than 8 only this.

    Examples
    --------
    >>> some = np.array([[[[3, 1], [0, 2]]], [[[2, 0], [2, 1]]], [[[4, 0], [1, 3]]]])
    >>> matrices = np.tile(some, (3, 1, 1, 1))
    >>> matrices.shape  # nine subjects, one seed, two classes
    (9, 1, 2, 2)
    >>> intervals = subject_bootstrap(matrices, resamples=1000)
    >>> low, high = intervals.uf1
    >>> bool(low < uf1(matrices.sum(axis=(0, 1))) < high)
    True
    >>> intervals.note
    'with 9 subjects a 95 % interval is too narrow: it covers about 90 %'
    >>> subject_bootstrap(some).uf1 is None  # three subjects
    True
    """
    subjects, runs, classes, _ = matrices.shape
    note = interval_note(subjects)
    if subjects < FEWEST_SUBJECTS:
        return Intervals(None, None, note)
    draw = np.random.default_rng(seed)
    times = draw.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)
    pooled = times @ matrices.reshape(subjects, -1)
    pooled = pooled.reshape(resamples, runs, classes, classes)
    low_high = [2.5, 97.5]
    one = np.percentile(uf1(pooled).mean(axis=1), low_high)
    two = np.percentile(uar(pooled).mean(axis=1), low_high)
    return Intervals((float(one[0]), float(one[1])), (float(two[0]), float(two[1])), note)


def absent(matrix: ArrayLike, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes without true clips, which no mean includes.

    >>> absent([[3, 1], [0, 0]], ["negative", "positive"])
    ('positive',)
    """
    truth = np.asarray(matrix).sum(axis=-1)
    return tuple(name for name, clips in zip(names, truth, strict=True) if clips == 0)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    safe = np.where(np.asarray(whole) > 0, whole, 1)
    return np.where(np.asarray(whole) > 0, part / safe, np.nan)


def _mean_of_present(values: Floats) -> Floats:
    present = ~np.isnan(values)
    total: Floats = np.where(present, values, 0).sum(axis=-1)
    return _ratio(total, present.sum(axis=-1))  # type: ignore[arg-type]

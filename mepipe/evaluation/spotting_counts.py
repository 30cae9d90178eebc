"""Counts of true and false positives and of missed events, and the figures made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation.event_pairing import Pairing, Side
from mepipe.evaluation.metrics import Floats, Ints, confusion, uf1
from mepipe.evaluation.spotting_events import Event, Pairs, Spans, match, reaches, span_iou

Rule = Callable[[NDArray[np.float64], float], Pairs]


@dataclass(frozen=True)
class Hit:
    """A truth and the prediction that was counted as right for it, and their overlap."""

    truth: Event
    predicted: Event
    iou: float
    unit: str
    onset_ms: float | None
    apex_ms: float | None
    offset_ms: float | None


@dataclass(frozen=True)
class Tally:
    """What became of the events of one kind.

    Parameters
    ----------
    by_unit
        The counts (3,) of each unit of the bootstrap: true positives, false positives,
        false negatives.
    hits
        The true positives.
    missed, false
        The other events.
    """

    by_unit: Mapping[str, Ints]
    hits: tuple[Hit, ...]
    missed: tuple[Event, ...]
    false: tuple[Event, ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """True positives, false positives and false negatives."""
        total = sum(self.by_unit.values(), start=np.zeros(3, dtype=np.int64))
        return int(total[0]), int(total[1]), int(total[2])


def script_pairs(overlap: NDArray[np.float64], threshold: float) -> Pairs:
    """Return the pairs (K, 2) that the public script of STRS counts.

    That is github.com/genbing99/STRS-Metric, strs_metric.py, in its last version.
    In the order of the file, each prediction takes *every* truth that overlaps it enough and
    that none before it took. So one prediction can be two true positives.

    >>> script_pairs(np.array([[0.5], [0.5]]), 0.5).tolist()
    [[0, 0], [1, 0]]
    """
    taken = np.zeros(overlap.shape[0], dtype=bool)
    found: list[tuple[int, int]] = []
    fits = reaches(overlap, threshold)
    for predicted in range(overlap.shape[1]):
        for truth in np.flatnonzero(fits[:, predicted] & ~taken):
            taken[truth] = True
            found.append((int(truth), predicted))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def tally(pairings: Sequence[Pairing], kind: str, rule: str, threshold: float) -> Tally:
    """Return what becomes of the events of a kind, ``all`` for every event.

    For ``micro`` and ``macro`` only truths and predictions of that kind are seen. So a
    micro prediction on a macro truth is a true positive in ``all``, and in the kinds a
    false positive of one and a missed event of the other.

    Parameters
    ----------
    pairings
        Truth and predictions of each recording.
    kind
        ``all``, ``micro`` or ``macro``.
    rule
        One of `mepipe.schema.SPOTTING_RULES`. ``strs-script`` also leaves out what
        that script never sees: recordings without truth, and persons without predictions.
    threshold
        The least intersection over union of a true positive.
    """
    script = rule == "strs-script"
    pair: Rule = script_pairs if script else match
    seen = [(one, _of_kind(one.truth, kind), _of_kind(one.predicted, kind)) for one in pairings]
    active = {one.unit for one, _, predicted in seen if predicted[0]}
    by_unit: dict[str, Ints] = defaultdict(lambda: np.zeros(3, dtype=np.int64))
    hits: list[Hit] = []
    missed: list[Event] = []
    false: list[Event] = []
    for one, (truths, truth_spans), (found, found_spans) in seen:
        if script and (not truths or one.unit not in active):
            continue
        overlap = span_iou(truth_spans, found_spans)
        pairs = pair(overlap, threshold)
        hit_truths, hit_found = {int(i) for i in pairs[:, 0]}, {int(i) for i in pairs[:, 1]}
        by_unit[one.unit] += np.array(
            [len(pairs), len(found) - len(hit_found), len(truths) - len(hit_truths)]
        )
        hits += [_hit(one, truths[int(i)], found[int(j)], float(overlap[i, j])) for i, j in pairs]
        missed += [event for i, event in enumerate(truths) if i not in hit_truths]
        false += [event for i, event in enumerate(found) if i not in hit_found]
    return Tally(dict(by_unit), tuple(hits), tuple(missed), tuple(false))


def _of_kind(side: Side, kind: str) -> tuple[list[Event], Spans]:
    kept = [i for i, one in enumerate(side.kinds) if kind in {"all", one}]
    return [side.events[i] for i in kept], side.spans[kept]


def _hit(pairing: Pairing, truth: Event, predicted: Event, overlap: float) -> Hit:
    frames = pairing.truth.frame_s, pairing.predicted.frame_s

    def apart(one: int | None, other: int | None) -> float | None:
        if one is None or other is None or frames[0] is None or frames[1] is None:
            return None
        return 1000 * abs(one * frames[0] - other * frames[1])

    return Hit(
        truth,
        predicted,
        overlap,
        pairing.unit,
        apart(truth.onset, predicted.onset),
        apart(truth.apex, predicted.apex),
        apart(truth.offset, predicted.offset),
    )


def figures(counts: Ints) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1 of counts (..., 3), NaN where there is nothing to divide by.

    Precision is unknown without predictions, recall without truth, F1 without either:
    F1 is 2 TP / (2 TP + FP + FN), so it is 0 where nothing was found.

    >>> [round(float(one), 3) for one in figures(np.array([2, 1, 3]))]
    [0.667, 0.4, 0.5]
    >>> [float(one) for one in figures(np.array([0, 0, 3]))]
    [nan, 0.0, 0.0]
    """
    tp, fp, fn = (counts[..., i].astype(np.float64) for i in range(3))
    return _ratio(tp, tp + fp), _ratio(tp, tp + fn), _ratio(2 * tp, 2 * tp + fp + fn)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def draws(units: int, resamples: int, seed: int) -> Ints:
    """Return how often each unit is drawn, (resamples, units): a bootstrap with a fixed seed."""
    shares = np.full(units, 1 / units)
    return np.random.default_rng(seed).multinomial(units, shares, size=resamples)


def interval(values: Floats) -> tuple[float, float] | None:
    """Return the 95 % interval of resampled values (R,); those that are NaN are left out.

    None if there are none.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class Recognition:
    """The classes of the true positives.

    Parameters
    ----------
    classes
        The classes of the truth that count, sorted.
    matrices
        By unit, confusion matrices (K + 1, K + 1); the last class is any other.
    left_out
        True positives without a class on one side, or of a class that does not count.
    """

    classes: tuple[str, ...]
    matrices: Mapping[str, Ints]
    left_out: int

    @property
    def matrix(self) -> Ints:
        """The confusion matrix (K + 1, K + 1) of all units; rows are truth."""
        size = len(self.classes) + 1
        return sum(self.matrices.values(), start=np.zeros((size, size), dtype=np.int64))


def recognise(hits: Sequence[Hit], classes: Sequence[str]) -> Recognition:
    """Return how the classes of the true positives were recognised.

    A prediction of a class that is not among ``classes`` is wrong, and no class of its own.
    """
    number = {name: i for i, name in enumerate(classes)}
    size = len(classes) + 1
    usable = [one for one in hits if one.truth.emotion in number and one.predicted.emotion]
    by_unit: dict[str, list[Hit]] = defaultdict(list)
    for one in usable:
        by_unit[one.unit].append(one)
    matrices = {
        unit: confusion(
            [number[one.truth.emotion] for one in some],
            [number.get(one.predicted.emotion, size - 1) for one in some],
            size,
        )
        for unit, some in by_unit.items()
    }
    return Recognition(tuple(classes), matrices, len(hits) - len(usable))


def recognition_f1(matrix: NDArray[np.int64], *, script: bool) -> Floats:
    """Return the F1 of recognition that STRS multiplies, of confusion matrices (..., K + 1, K + 1).

    It is UF1: the mean over the classes that the true positives have. ``script``: as the
    public script has it, the harmonic mean of mean precision and mean recall, over all
    classes; one without true positives counts as 0.
    """
    if not script:
        return uf1(matrix)
    precision, recall = (values.mean(axis=-1) for values in _script_classes(matrix))
    return np.where(
        precision + recall > 0,
        2 * precision * recall / np.where(precision + recall > 0, precision + recall, 1.0),
        np.nan,
    )


def _script_classes(matrix: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return precision and recall (..., K) of each class, 0 where there is nothing to divide by."""
    known = matrix.astype(np.float64)
    right = np.diagonal(known, axis1=-2, axis2=-1)[..., :-1]
    predicted, truth = known.sum(axis=-2)[..., :-1], known.sum(axis=-1)[..., :-1]
    return np.nan_to_num(_ratio(right, predicted)), np.nan_to_num(_ratio(right, truth))

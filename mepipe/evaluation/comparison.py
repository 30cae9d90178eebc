"""Compare models that predicted the same clips.

Clips of a person are not independent, so what decides is a paired bootstrap over
subjects: persons are drawn with replacement, the same ones for both models, and
the difference of the figures is taken from the pooled counts of those drawn.
McNemar's exact test stands beside it because the field asks for it; it counts
clips as if they were independent, and so tends to find differences that are not
there. Holm's step-down correction keeps the chance of one false finding in a
column of a table at 5 %.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Davison and Hinkley,
"Bootstrap Methods and their Application", 1997 (the order statistics); McNemar,
Psychometrika 12, 1947; Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation import metrics
from mepipe.evaluation.results import Predictions, subject_confusions

LEVEL = 0.05
RESAMPLES = 10_000
FEWEST_RESAMPLES = 39
"""With fewer no 95 % interval can be read from their order."""

# Figures that are equal may differ by this much when their terms were added in another order.
_ROUNDING = 1e-12

Verdict = Literal["better", "worse", "not distinguishable", "not tested"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How much higher a model's figure is than its reference's.

    Parameters
    ----------
    value
        The difference of the means over seeds of the pooled figures, -1 to 1.
    low, high
        95 % percentile interval over resampled subjects; None with fewer than 8.
    p
        Two-sided, above 0 and at most 1; .05 or less exactly where the interval
        excludes 0. None without an interval.
    p_holm
        ``p`` corrected for the other rows of the table.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Return "better" or "worse" only where the interval excludes 0."""
        if self.low is None or self.high is None:
            return "not tested"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not distinguishable"

    @property
    def after_holm(self) -> Verdict:
        """Return what is left of the verdict among all rows of the table."""
        if self.p_holm is None or self.p_holm <= LEVEL:
            return self.verdict
        return "not distinguishable"


@dataclass(frozen=True)
class McNemar:
    """Clips that only one of two models has right, and the exact test on them."""

    only_model: int
    only_reference: int
    p: float
    p_holm: float = 1.0


@dataclass(frozen=True)
class Pair:
    """``model`` against ``reference``: differences are the model's figure less the reference's.

    ``subjects`` counts the persons of whom the model has more, fewer and as many
    clips right (means over seeds) as the reference.
    """

    model: str
    reference: str
    uf1: Difference
    uar: Difference
    mcnemar: McNemar
    subjects: tuple[int, int, int]


def compare(
    models: Mapping[str, Predictions],
    *,
    all_pairs: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Pair, ...]:
    """Compare each model with the first one, or every two.

    Holm's correction is taken over the pairs returned, for UF1, UAR and McNemar
    each by itself.

    Parameters
    ----------
    models
        Predictions of the same clips in the same order, by name; seeds may differ.
    all_pairs
        Every two models, the earlier one as the reference.
    resamples
        How many times the subjects are drawn, at least 39.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        If the clips, labels or classes differ, or there are fewer than two
        models, two persons or 39 resamples.
    """
    _check(models)
    names = list(models)
    chosen = combinations(names, 2) if all_pairs else ((names[0], name) for name in names[1:])
    by_subject = {name: subject_confusions(one) for name, one in models.items()}
    pairs = []
    for reference, model in chosen:
        two = by_subject[model], by_subject[reference]
        uf1, uar = paired_bootstrap(*two, resamples=resamples, seed=seed)
        right = [np.trace(one, axis1=2, axis2=3).mean(axis=1) for one in two]
        more, fewer = _sign(right[0] - right[1])
        pairs.append(
            Pair(
                model,
                reference,
                uf1,
                uar,
                mcnemar(models[model], models[reference]),
                (more, fewer, len(two[0]) - more - fewer),
            )
        )
    corrected = zip(
        _holm([pair.uf1.p for pair in pairs]),
        _holm([pair.uar.p for pair in pairs]),
        holm([pair.mcnemar.p for pair in pairs]),
        strict=True,
    )
    return tuple(
        replace(
            pair,
            uf1=replace(pair.uf1, p_holm=one),
            uar=replace(pair.uar, p_holm=two),
            mcnemar=replace(pair.mcnemar, p_holm=three),
        )
        for pair, (one, two, three) in zip(pairs, corrected, strict=True)
    )


def _check(models: Mapping[str, Predictions]) -> None:
    if len(models) < 2:
        raise ValueError("a comparison needs at least two models")
    first, *others = (one.clips for one in models.values())
    for other in others:
        same = (first.clip, first.group, first.classes) == (other.clip, other.group, other.classes)
        if not (same and np.array_equal(first.y, other.y)):
            raise ValueError("the models predicted other clips, or clips with other labels")


def paired_bootstrap(
    model: Ints, reference: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Difference, Difference]:
    """Return how much higher UF1 and UAR of ``model`` are, from resampled subjects.

    The interval lies between the order statistics k and B + 1 - k of B resampled
    differences, k = floor((B + 1) / 40); p is twice the smaller share of
    differences on either side of 0, itself included, with the observed sample
    counted among them: 2 (1 + n) / (B + 1), at most 1. So the two always agree,
    p is never 0, and exchanging the models only changes signs. Of fewer than 8
    subjects only the difference is returned: resampling so few gives intervals
    that are far too narrow (`mepipe.evaluation.metrics.interval_note`).

    Parameters
    ----------
    model, reference
        (G, R, K, K) confusion matrices of the same subjects; R may differ.
    resamples
        B, at least 39.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        If the subjects differ in number, are fewer than two, or B is too small.
    """
    subjects = len(model)
    if len(reference) != subjects or subjects < 2:
        raise ValueError(f"two subjects or more, the same for both: {subjects}, {len(reference)}")
    if resamples < FEWEST_RESAMPLES:
        raise ValueError(f"at least {FEWEST_RESAMPLES} resamples, not {resamples}")
    few = subjects < metrics.FEWEST_SUBJECTS
    draw = np.random.default_rng(seed)
    times = draw.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)
    everyone = np.ones((1, subjects), dtype=times.dtype)

    def one(figure: Callable[[Ints], Floats]) -> Difference:
        def higher(weights: Ints) -> Floats:
            return _mean_over_seeds(figure, weights, model) - _mean_over_seeds(
                figure, weights, reference
            )

        value = float(higher(everyone)[0])
        return (
            Difference(_rounded(value), None, None, None)
            if few
            else _difference(value, higher(times))
        )

    return one(metrics.uf1), one(metrics.uar)


def _mean_over_seeds(figure: Callable[[Ints], Floats], weights: Ints, matrices: Ints) -> Floats:
    _, runs, classes, _ = matrices.shape
    pooled = weights @ matrices.reshape(len(matrices), -1)
    return np.asarray(figure(pooled.reshape(-1, runs, classes, classes)).mean(axis=1))


def _difference(value: float, resampled: Floats) -> Difference:
    ordered = np.sort(np.where(np.abs(resampled) < _ROUNDING, 0.0, resampled))
    count = len(ordered)
    edge = (count + 1) // 40
    beside = min(int((ordered <= 0).sum()), int((ordered >= 0).sum()))
    return Difference(
        _rounded(value),
        float(ordered[edge - 1]),
        float(ordered[count - edge]),
        min(1.0, 2 * (1 + beside) / (count + 1)),
    )


def _rounded(value: float) -> float:
    return 0.0 if abs(value) < _ROUNDING else value


def answers(predictions: Predictions) -> Ints:
    """Return one class a clip (N,): of several seeds, that with the highest mean probability.

    A model with several seeds is taken as the committee of its seeds, as it would
    be used. A test on the answers of each seed would count every clip several times.
    """
    return np.asarray(np.argmax(predictions.probabilities.mean(axis=0, dtype=np.float64), axis=1))


def mcnemar(model: Predictions, reference: Predictions) -> McNemar:
    """Return the exact two-sided McNemar test of the `answers` to the same clips.

    If the models are equally good, each has half of the discordant clips (one
    model right, the other wrong): a binomial test. p is 1 if there are none.
    """
    y = model.clips.y
    right, known = answers(model) == y, answers(reference) == y
    one, two = int((right & ~known).sum()), int((~right & known).sum())
    if one + two == 0:
        return McNemar(one, two, 1.0)
    from scipy.stats import binomtest

    return McNemar(one, two, float(binomtest(one, one + two).pvalue))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Return the p values corrected by Holm's step-down method, in their order.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none
    becomes smaller than one before it, and none larger than 1.
    """
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = largest
    return tuple(corrected)


def _holm(p: Sequence[float | None]) -> Sequence[float | None]:
    # All pairs are of the same subjects, so all or none were tested.
    known = [one for one in p if one is not None]
    return holm(known) if len(known) == len(p) else [None] * len(p)


def _sign(differences: Floats) -> tuple[int, int]:
    """Return how many differences are above 0, and how many below."""
    above, below = differences > _ROUNDING, differences < -_ROUNDING
    return int(above.sum()), int(below.sum())

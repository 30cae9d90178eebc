"""Whether probabilities mean what they say, and one temperature that brings them nearer to it.

A model is calibrated if, of the answers that it gives with a probability of 0.7, seven of ten
are right. The temperature divides all logits: it is fitted on clips that the networks were not
trained on, by the likelihood of the very probabilities that are predicted, which are means over
the views of a clip and over the networks.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017
(temperature scaling); Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities
Using Bayesian Binning", AAAI 2015 (expected calibration error).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation.model_card import COLDEST, HOTTEST
from mepipe.viz.reliability import ReliabilityBins

if TYPE_CHECKING:
    from mepipe.evaluation.ensemble import Ensemble

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 10
# A probability of 0 for what happened would cost infinitely much; float32 knows no smaller ones
# that matter.
_LEAST = 1e-12


def reliability(probabilities: NDArray[Any], y: Ints, *, bins: int = BINS) -> ReliabilityBins:
    """Return how often answers of each confidence are right.

    The confidence of an answer is the largest of its probabilities. The bins divide 0 to 1
    evenly; a confidence on an edge belongs to the bin below.

    Parameters
    ----------
    probabilities
        (N, K), rows that sum to 1.
    y
        (N,) true classes, 0 to K - 1.
    bins
        B.

    Raises
    ------
    ValueError
        If the shapes do not agree, there is no answer, or no bin.

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.95, 0.05]])
    >>> found = reliability(sure, np.array([0, 1, 1, 0]), bins=2)
    >>> found.clips.tolist(), round(float(found.confidence[1]), 4), float(found.accuracy[1])
    ([0, 4], 0.8375, 0.75)
    """
    _check(probabilities, y)
    if bins < 1:
        raise ValueError(f"{bins} bins")
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == y
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    clips = np.bincount(place, minlength=bins)
    there = np.where(clips > 0, clips, 1)
    unknown = np.where(clips > 0, 0.0, np.nan)
    return ReliabilityBins(
        clips,
        np.bincount(place, weights=confidence, minlength=bins) / there + unknown,
        np.bincount(place, weights=right, minlength=bins) / there + unknown,
    )


def expected_calibration_error(probabilities: NDArray[Any], y: Ints, *, bins: int = BINS) -> float:
    """Return by how much confidence and accuracy differ, 0 to 1: the mean over answers, in bins.

    Parameters and errors are those of `reliability`.
    """
    return reliability(probabilities, y, bins=bins).error


def negative_log_likelihood(probabilities: NDArray[Any], y: Ints) -> float:
    """Return the mean of -log of the probability of the true class, in nats.

    Parameters
    ----------
    probabilities, y
        As for `reliability`.

    Raises
    ------
    ValueError
        If the shapes do not agree or there is no answer.
    """
    _check(probabilities, y)
    true = probabilities[np.arange(len(y)), y].astype(np.float64)
    return float(-np.log(np.maximum(true, _LEAST)).mean())


def probabilities_at(logits: NDArray[Any], temperature: float) -> Floats:
    """Return the probabilities (N, K) of logits (M, N, V, K) of M networks and V views a clip."""
    warm = logits.astype(np.float64) / temperature
    warm = np.exp(warm - warm.max(axis=-1, keepdims=True))
    shares: Floats = (warm / warm.sum(axis=-1, keepdims=True)).mean(axis=(0, 2))
    return shares


def fit_temperature(logits: NDArray[Any], y: Ints) -> float:
    """Return the temperature under which the true classes are most likely.

    Parameters
    ----------
    logits
        (M, N, V, K), what `mepipe.evaluation.ensemble.Ensemble.logits` gives for held-out clips.
    y
        (N,) their classes.

    Returns
    -------
    float
        Within the bounds of a model's card, 0.05 to 20. A model that is right everywhere is
        given the lower bound, and one that knows nothing the upper.

    Raises
    ------
    ValueError
        If there is no clip, or one of a class that a network had no training clips of: its
        probability is 0 at any temperature.
    """
    from scipy.optimize import minimize_scalar

    if not len(y) or logits.shape[1] != len(y):
        raise ValueError(f"logits must be (M, N, V, K) with N labels, not {logits.shape}")
    if not np.isfinite(logits[:, np.arange(len(y)), :, y]).all():
        raise ValueError("there are clips of a class that a network was not trained on")

    def cost(log_temperature: float) -> float:
        return negative_log_likelihood(probabilities_at(logits, np.exp(log_temperature)), y)

    # Means of softmaxes need not have one minimum only: first a grid, then between its neighbours.
    grid = np.linspace(np.log(COLDEST), np.log(HOTTEST), 25)
    costs = [cost(one) for one in grid]
    best = int(np.argmin(costs))
    around = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = minimize_scalar(cost, bounds=around, method="bounded", options={"xatol": 1e-5})
    # The search between bounds never reaches them.
    log_temperature = found.x if found.fun < costs[best] else grid[best]
    return float(np.clip(np.exp(log_temperature), COLDEST, HOTTEST))


def calibrated(ensemble: Ensemble, x: NDArray[np.float32], y: Ints) -> Ensemble:
    """Return the same networks at the temperature that fits held-out clips.

    Parameters
    ----------
    ensemble
        Networks of any temperature; it plays no role.
    x, y
        Features (N, C, S, S) and classes (N,) of clips of people whom the networks were not
        trained on.

    Raises
    ------
    ValueError
        As `fit_temperature`.
    """
    return ensemble.at_temperature(fit_temperature(ensemble.logits(x), y))


def _check(probabilities: NDArray[Any], y: Ints) -> None:
    if probabilities.ndim != 2 or len(probabilities) != len(y) or not len(y):
        raise ValueError(
            f"probabilities must be (N, K) with N labels, not {probabilities.shape} with {y.shape}"
        )

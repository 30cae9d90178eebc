"""Confidences as chances: how often a key frame with this score is right."""

from __future__ import annotations

import math

# Slope and shift of the log-odds, fitted on made videos of half of 16 faces, checked on the other
# half (docs/spotting.md). Right is an apex with 90 % of the motion, and an onset or offset within
# 40 ms, or one frame.
APEX = (0.58, 0.50)
ONSET = (1.05, -0.74)
OFFSET = (1.0, -0.79)


def chance(score: float, fitted: tuple[float, float]) -> float:
    """Return the chance that a key frame is right, from its score.

    Logistic calibration (Platt, "Probabilistic outputs for support vector machines", 1999). It
    is monotone, so clips keep their order.

    Parameters
    ----------
    score
        0 to 1. 0, a guess, stays 0.
    fitted
        `APEX`, `ONSET` or `OFFSET`.

    Examples
    --------
    >>> from mepipe.spotting.confidence import APEX, chance
    >>> [round(chance(score, APEX), 2) for score in (0.0, 0.3, 0.9)]
    [0.0, 0.5, 0.86]
    """
    if score <= 0:
        return 0.0
    inside = min(score, 1 - 1e-3)
    slope, shift = fitted
    return 1 / (1 + math.exp(-(slope * math.log(inside / (1 - inside)) + shift)))

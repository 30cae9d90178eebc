"""Gaussian means over time, for steps that may differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REACH = 4.0  # standard deviations; what lies beyond weighs less than 4e-4 of the centre


def gaussian_mean(
    values: NDArray[np.float64], times_ms: NDArray[np.float64], sigma_ms: float
) -> NDArray[np.float64]:
    """Return the weighted mean around each moment.

    Only what is within four standard deviations is looked at, so time and
    memory grow with the length of the clip, not with its square.

    Parameters
    ----------
    values
        (N, ...).
    times_ms
        (N,), ascending, ms.
    sigma_ms
        Standard deviation of the Gaussian, ms.

    Returns
    -------
    (N, ...).
    """
    first = np.searchsorted(times_ms, times_ms - _REACH * sigma_ms)
    stop = np.searchsorted(times_ms, times_ms + _REACH * sigma_ms, side="right")
    result = np.empty_like(values)
    for index, (a, b) in enumerate(zip(first, stop, strict=True)):
        weights = np.exp(-0.5 * ((times_ms[a:b] - times_ms[index]) / sigma_ms) ** 2)
        result[index] = np.tensordot(weights / weights.sum(), values[a:b], axes=1)
    return result

"""The Gaussian mean over time, for frames at any distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REACH = 4.0  # standard deviations; what lies beyond weighs less than 4e-4 of the centre


def gaussian_mean(
    values: NDArray[np.float64], times_ms: NDArray[np.float64], sigma_ms: float
) -> NDArray[np.float64]:
    """Return the weighted mean of the values around each time.

    Parameters
    ----------
    values
        (N, ...) float64.
    times_ms
        (N,), ascending, ms. Steps may differ.
    sigma_ms
        Standard deviation of the Gaussian, ms. More than 0.

    Returns
    -------
    (N, ...) float64. At the ends the mean is over what there is, so a constant stays one.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.smoothing import gaussian_mean
    >>> values = np.array([[0.0], [0.0], [1.0], [0.0], [0.0]])
    >>> gaussian_mean(values, np.arange(5) * 10.0, sigma_ms=10.0)[:, 0].round(2)
    array([0.08, 0.26, 0.4 , 0.26, 0.08])
    """
    # Only what is within reach is read: the time grows with the length of the clip, not with
    # its square.
    first = np.searchsorted(times_ms, times_ms - _REACH * sigma_ms)
    stop = np.searchsorted(times_ms, times_ms + _REACH * sigma_ms, side="right")
    result = np.empty_like(values)
    for index, (a, b) in enumerate(zip(first, stop, strict=True)):
        weights = np.exp(-0.5 * ((times_ms[a:b] - times_ms[index]) / sigma_ms) ** 2)
        result[index] = np.tensordot(weights / weights.sum(), values[a:b], axes=1)
    return result

"""How noisy the motion of a face is, beside its movements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.smoothing import gaussian_mean

Float = NDArray[np.float64]

# In recordings of 30 frames a second, H.264 at crf 16, with sway, blinks and light, on three faces:
# 1.3e-4 to 2.3e-4 inter-ocular distances.
USUAL_NOISE, BAND_MS = 2.2e-4, (30.0, 150.0)
MOST_NOISE, LEAST_MS = 2.0, 6000.0


def noise_ratio(vectors: Float, times_ms: Float) -> float:
    """Return how many times noisier regions are than in an ordinary recording: 1 to 2.

    Cameras, codecs and rates differ, and what a codec leaves out and catches up with looks
    like movements of a fifth of a second. So it is measured where these would be: in what is slower
    than `BAND_MS[0]` and faster than `BAND_MS[1]`, by the median over time, of which movements
    are a small part, and over components. In a stretch of less than `LEAST_MS` they need not be,
    nor in a face that never rests, so the ratio is 1 there and never above `MOST_NOISE`.

    Parameters
    ----------
    vectors
        (N, D): the motion of regions, in inter-ocular distances.
    times_ms
        (N,), ascending, ms.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.noise import noise_ratio
    >>> noise = np.random.default_rng(0).normal(size=(900, 8))
    >>> times = np.arange(900) / 0.03
    >>> noise_ratio(1e-4 * noise, times), round(noise_ratio(2e-3 * noise, times))
    (1.0, 2)
    """
    if times_ms[-1] - times_ms[0] < LEAST_MS:
        return 1.0
    fast, slow = (gaussian_mean(vectors, times_ms, width) for width in BAND_MS)
    spread = np.median(np.abs(fast - slow), axis=0) / 0.6745  # of a Gaussian: its deviation
    return float(np.clip(np.median(spread) / USUAL_NOISE, 1.0, MOST_NOISE))

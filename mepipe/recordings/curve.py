"""How much a face moves, in every frame of a recording."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mepipe.recordings.chunks import Measured
from mepipe.smoothing import gaussian_mean
from mepipe.spotting.blinks import running_median

Float = NDArray[np.float64]

_REST_MS = 8000.0  # the usual place of a region is its median over so much
_STEP_MS = 100.0  # of the frames that the median is taken of
_SMOOTH_MS = 25.0


def motion_curve(measured: Iterable[Measured], times_ms: Float) -> NDArray[np.float32]:
    """Return how far the region that moves most is from where it usually is.

    Parameters
    ----------
    measured
        The chunks of a recording.
    times_ms
        (N,), of all its frames.

    Returns
    -------
    (N,) float32, px of the frame. Of several faces the largest motion. NaN where no face is
    seen.
    """
    curve = np.full(len(times_ms), np.nan)
    for one in measured:
        for signals in one.signals:
            inside = (signals.positions >= one.chunk.core_first) & (
                signals.positions < one.chunk.core_stop
            )
            if not inside.any():
                continue
            t = times_ms[signals.positions]
            regions = signals.motion.regions
            flat = regions.reshape(len(t), -1)
            away = flat - _usual(flat, t)
            smooth = gaussian_mean(away, t, _SMOOTH_MS).reshape(regions.shape)
            most = np.linalg.norm(smooth, axis=2).max(axis=1) * signals.eyes_px
            where = signals.positions[inside]
            curve[where] = np.fmax(curve[where], most[inside])
    return curve.astype(np.float32)


def _usual(values: Float, t: Float) -> Float:
    """Return the running median (N, D) of values, by frames a tenth of a second apart."""
    step = float(np.median(np.diff(t)))
    every = max(1, round(_STEP_MS / step))
    few = running_median(values[::every], t[::every], _REST_MS)
    return np.stack([np.interp(t, t[::every], column) for column in few.T], axis=1)

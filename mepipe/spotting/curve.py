"""From the regions' motion to one curve over the clip, and how a curve is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.smoothing import gaussian_mean
from mepipe.spotting.evidence import EYE_LEAKAGE, HEAD_LEAKAGE, Movement, find_movement
from mepipe.spotting.motion import FaceMotion

Float = NDArray[np.float64]

FWHM = 2.3548  # a Gaussian's width at half height, in standard deviations
ONSET_SHARE = 0.1  # onset and offset: the share of the peak that counts as movement
END_MS = 25.0  # the clip's first frames: so long, or an eighth of it


def rest_frames(times_ms: Float, first: int, last: int) -> slice:
    """Return the first frames of a stretch, as a slice of positions."""
    length = min(END_MS, (times_ms[last] - times_ms[first]) / 8)
    start = int(np.searchsorted(times_ms, times_ms[first] + length, side="right"))
    return slice(first, max(start, first + 1))


def expression_curve(
    motion: FaceMotion, times_ms: Float, stretch: slice, first: int, centres: slice
) -> tuple[Float, Movement]:
    """Return the motion along the pattern of the most likely movement, and that movement.

    Parameters
    ----------
    motion
        Of the whole clip of N frames.
    times_ms
        (N,), ms.
    stretch
        The frames that are searched; positions below are counted in the clip.
    first
        The frame that shows little of the movement yet.
    centres
        Among which the movement's middle may lie.

    Returns
    -------
    curve
        (N,), in inter-ocular distances: the motion of the region that moves
        most. Outside the stretch the drift at its ends goes on.
    movement
        Its course and rest are those of the stretch.
    """
    vectors = motion.regions.reshape(len(times_ms), -1)
    middle = np.median(motion.head[stretch], axis=0)
    nuisance = np.hstack([(motion.head - middle) * HEAD_LEAKAGE, motion.eyes * EYE_LEAKAGE])
    begin = stretch.start
    movement = find_movement(
        vectors[stretch],
        times_ms[stretch],
        nuisance[stretch],
        first=first - begin,
        centres=slice(centres.start - begin, centres.stop - begin),
    )
    drift = vectors[stretch] - movement.residual
    outside = np.clip(np.arange(len(vectors)) - begin, 0, len(drift) - 1)
    rest = vectors - drift[outside]
    length = float(np.linalg.norm(movement.pattern))
    if length == 0:
        return np.zeros(len(vectors)), movement
    most = float(np.linalg.norm(movement.pattern.reshape(-1, 2), axis=1).max())
    return rest @ movement.pattern * (most / length**2), movement


def smoothed(curve: Float, times_ms: Float, width_ms: float) -> Float:
    """Return a curve (N,) under a Gaussian of this width at half height, ms."""
    return gaussian_mean(curve[:, None], times_ms, width_ms / FWHM)[:, 0]


def span_above(curve: Float, peak: int, level: float, low: int, high: int) -> tuple[int, int]:
    """Return the first and last position of the run around the peak that reaches the level."""
    begin = end = peak
    while begin > low and curve[begin - 1] >= level:
        begin -= 1
    while end < high and curve[end + 1] >= level:
        end += 1
    return begin, end

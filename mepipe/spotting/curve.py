"""From the motion of the regions to one curve over the clip, and reading that curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.smoothing import gaussian_mean
from mepipe.spotting.codec import step_courses
from mepipe.spotting.evidence import EYE_LEAKAGE, HEAD_LEAKAGE, Movement, find_movement
from mepipe.spotting.motion import FaceMotion

Float = NDArray[np.float64]

FWHM = 2.3548  # a Gaussian's full width at half maximum, in standard deviations
ONSET_SHARE = 0.1  # of the rise and of the fall: at onset and offset the curve has this share
SETTLED_MS = 40.0  # the face must be seen for so long after a fall, or before a rise
LEVEL_MS = 200.0  # the level is the median of at most so much of it
HIGHEST_LEVEL = 0.6  # of the peak: a face that keeps more has hardly come back
REST_MS = 25.0  # length of the rest frames, but at most an eighth of the stretch


def rest_frames(times_ms: Float, first: int, last: int) -> slice:
    """Return the frames at the start of a stretch that show the face at rest.

    Their mean is the reference that motion is measured from. A mean has less
    noise than one frame; more than 25 ms would hold some of the movement.
    """
    length = min(REST_MS, (times_ms[last] - times_ms[first]) / 8)
    start = int(np.searchsorted(times_ms, times_ms[first] + length, side="right"))
    return slice(first, max(start, first + 1))


def expression_curve(
    motion: FaceMotion,
    times_ms: Float,
    stretch: slice,
    first: int,
    centres: slice,
    keys: Sequence[int] = (),
) -> tuple[Float, Movement]:
    """Return the motion along the pattern of the most likely movement, and that movement.

    Parameters
    ----------
    motion
        Of the whole clip, N frames.
    times_ms
        (N,), ascending, ms.
    stretch
        The frames that are searched. All positions count from the start of the clip.
    first
        The frame that shows little of the movement yet.
    centres
        The frames among which the centre of the movement may lie.
    keys
        As in `mepipe.spotting.flow_peak`.

    Returns
    -------
    curve
        (N,), in inter-ocular distances: the motion of the region that moves
        most. Outside the stretch the drift at its ends is extrapolated.
    movement
        Its course and residual cover the stretch only.
    """
    # (N, K, 2) -> (N, D): x and y of every region are components alike.
    vectors = motion.regions.reshape(len(times_ms), -1)
    nuisance = leaks(motion, stretch)
    begin = stretch.start
    steps = step_courses(vectors[stretch], [key - begin for key in keys])
    movement = find_movement(
        vectors[stretch],
        times_ms[stretch],
        np.hstack([nuisance[stretch], steps]),
        first=first - begin,
        centres=slice(centres.start - begin, centres.stop - begin),
        coded=len(keys) > 0,
    )
    residual = without_drift(motion, stretch, movement)
    length = float(np.linalg.norm(movement.pattern))
    if length == 0:
        return np.zeros(len(vectors)), movement
    # Projected on the pattern, in units of the length that the strongest region has in it.
    most = float(np.linalg.norm(movement.pattern.reshape(-1, 2), axis=1).max())
    return residual @ movement.pattern * (most / length**2), movement


def without_drift(motion: FaceMotion, stretch: slice, movement: Movement) -> Float:
    """Return the motion of the regions without all that moves them beside a movement.

    Parameters
    ----------
    motion
        Of N frames and K regions.
    stretch
        The frames that were searched.
    movement
        Found in the stretch.

    Returns
    -------
    (N, 2 K), in inter-ocular distances: x and y of each region in turn. Outside the stretch the
    drift at its ends is extrapolated.
    """
    vectors = motion.regions.reshape(len(motion.regions), -1)
    drift = vectors[stretch] - movement.residual
    outside = np.clip(np.arange(len(vectors)) - stretch.start, 0, len(drift) - 1)
    return np.asarray(vectors - drift[outside], np.float64)


def leaks(motion: FaceMotion, stretch: slice = slice(None)) -> Float:
    """Return what leaks into the regions: a share of the head's motion, and of the eyes' change.

    Parameters
    ----------
    motion
        Of N frames.
    stretch
        The frames whose median is the usual place of the head.

    Returns
    -------
    (N, M): courses, each scaled to one standard deviation of the motion that it causes, in
    inter-ocular distances.
    """
    usual = np.median(motion.head[stretch], axis=0)
    return np.hstack([(motion.head - usual) * HEAD_LEAKAGE, motion.eyes * EYE_LEAKAGE])


def smoothed(curve: Float, times_ms: Float, width_ms: float) -> Float:
    """Return a curve (N,) smoothed by a Gaussian of this full width at half maximum, ms."""
    return gaussian_mean(curve[:, None], times_ms, width_ms / FWHM)[:, 0]


def resting_level(curve: Float, course: Float, times_ms: Float, peak: int, limit: int) -> float:
    """Return the level at which the face rests on one side of a peak.

    It rests where the course of the movement is as low as it gets there. The level is
    the median of the curve over the 200 ms nearest to the peak.

    Parameters
    ----------
    curve, course
        (N,) each: the motion, and the share of the movement.
    times_ms
        (N,), ms.
    peak
        Position of the apex.
    limit
        The last position on the side that is asked about: before the peak or after it.

    Returns
    -------
    In the unit of the curve, 0 to 60 % of its peak. 0 where less than 40 ms of rest is seen.

    Examples
    --------
    A third of the motion is left at the end:

    >>> import numpy as np
    >>> from mepipe.spotting.curve import resting_level
    >>> course = np.array([0.0] * 10 + [0.5, 1.0, 0.6] + [0.25] * 10)
    >>> curve = np.array([0.0] * 10 + [0.6, 1.2, 0.8] + [0.4] * 10)
    >>> times = np.arange(23) * 10.0
    >>> resting_level(curve, course, times, 11, 22), resting_level(curve, course, times, 11, 0)
    (0.4, 0.0)
    """
    step = 1 if limit >= peak else -1
    side = np.arange(peak, limit + step, step)
    rest = side[course[side] <= course[side].min() + 0.02]
    away = np.abs(times_ms[rest] - times_ms[rest[0]])
    if away[-1] < SETTLED_MS:
        return 0.0
    level = float(np.median(curve[rest[away <= LEVEL_MS]]))
    return min(max(level, 0.0), HIGHEST_LEVEL * max(float(curve[peak]), 0.0))


def span_above(curve: Float, peak: int, level: float, low: int, high: int) -> tuple[int, int]:
    """Return the first and last position of the run around ``peak`` where curve >= level.

    The run stays within ``low`` and ``high``, both inclusive.
    """
    begin = end = peak
    while begin > low and curve[begin - 1] >= level:
        begin -= 1
    while end < high and curve[end + 1] >= level:
        end += 1
    return begin, end

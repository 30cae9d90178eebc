"""From the regions' motion to one curve: the expression's course over the clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.evidence import OF_EYES, OF_HEAD, Movement, find_movement
from mepipe.spotting.motion import FaceMotion

Float = NDArray[np.float64]

END_MS = 25.0  # the clip's first frames: so long, or an eighth of it


def first_frames(times_ms: Float, first: int, last: int) -> slice:
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
    beside = np.hstack([(motion.head - middle) * OF_HEAD, motion.eyes * OF_EYES])
    begin = stretch.start
    movement = find_movement(
        vectors[stretch],
        times_ms[stretch],
        beside[stretch],
        first=first - begin,
        centres=slice(centres.start - begin, centres.stop - begin),
    )
    drift = vectors[stretch] - movement.rest
    outside = np.clip(np.arange(len(vectors)) - begin, 0, len(drift) - 1)
    rest = vectors - drift[outside]
    length = float(np.linalg.norm(movement.pattern))
    if length == 0:
        return np.zeros(len(vectors)), movement
    most = float(np.linalg.norm(movement.pattern.reshape(-1, 2), axis=1).max())
    return rest @ movement.pattern * (most / length**2), movement

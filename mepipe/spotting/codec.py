"""What a video codec does to the motion: steps at its key frames, and blocks that catch up.

A codec draws key frames from nothing and changes only part of the picture between them. So a still
face stands still within a group of pictures, and jumps a little from one group to the next:
by .03 to .1 px (root mean square over the regions) in H.264 at crf 28, where other frames
differ by .001 (docs/spotting.md). Such steps rise and fall as movements do. And where a head
sways a little, blocks are left as they were until they differ enough, then catch up: parts of
the face move against each other by .04 px (root mean square), slowly, as in no clip without codec.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SPREAD = 1.5  # times the typical step: of 182 still clips 2.7 % are called moving, with 1 6.0 %
MIN_STEP = 3e-4  # inter-ocular distances
MIN_GROUP = 3  # frames from one key frame to the next; a codec without groups has none
# The evidence asks for more than the typical region's noise, for regions differ.
MARGIN = 2.5
MOST_STEPS = 2000  # of even length, in a clip whose pictures are shown for unlike times


def step_courses(vectors: Float, keys: Sequence[int]) -> Float:
    """Return one course for each group of pictures, to be explained apart from movement.

    Parameters
    ----------
    vectors
        (N, D): the motion of the regions, in inter-ocular distances.
    keys
        Positions of the key frames, ascending, of a codec that `predicts` the others.

    Returns
    -------
    (N, G): in the frames of its group, a course has the standard deviation of a group's
    place, in inter-ocular distances; elsewhere 0. G is 0 without a second group, and where
    groups have less than three pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.codec import step_courses
    >>> vectors = np.repeat([[0.0], [0.002]], 4, axis=0)
    >>> step_courses(vectors, [0, 4]).round(4)[[0, 3, 4]]
    array([[0.0021, 0.    ],
           [0.0021, 0.    ],
           [0.    , 0.0021]])
    >>> step_courses(vectors, [0]).shape
    (8, 0)
    """
    count = len(vectors)
    edges = np.array([key for key in keys if 0 < key < count], np.int64)
    # Of a still face one picture a group may be left: then steps would explain every movement.
    if not len(edges) or count < MIN_GROUP * (len(edges) + 1):
        return np.zeros((count, 0))
    jumps = np.diff(vectors, axis=0)[edges - 1]
    # The typical step: one of them may be the rise of a movement. A step is the difference of
    # two places, so it has twice the variance of one.
    size = float(np.sqrt(np.median((jumps**2).mean(axis=1)) / 2))
    group = np.searchsorted(edges, np.arange(count), side="right")
    return np.asarray(max(SPREAD * size, MIN_STEP) * np.eye(len(edges) + 1)[group], np.float64)


def predicts(keys: Sequence[int], count: int) -> bool:
    """Return whether a codec drew most frames of a video from others, and not each by itself.

    Parameters
    ----------
    keys
        Positions of its key frames, none where there is no codec.
    count
        Frames of the video, those that repeat a picture among them.

    Examples
    --------
    >>> from mepipe.spotting.codec import predicts
    >>> predicts([0, 12], 24), predicts(range(24), 24), predicts([], 24)
    (True, False, False)
    """
    return 0 < len(keys) * MIN_GROUP <= count


def own_covariance(vectors: Float, times_ms: Float) -> Float:
    """Return the covariance over time that the motion of most regions has in this clip.

    It is stationary: the mean over the components of their autocorrelation, and the median of
    their variances. So a movement, which takes few of the components far, hardly enters its size.

    Parameters
    ----------
    vectors
        (T, D): the motion of the regions, in inter-ocular distances.
    times_ms
        (T,), ascending, ms. A picture counts for as long as it is shown: a still face in a
        video is often one picture for many frames.

    Returns
    -------
    (T, T), positive semi-definite.

    Examples
    --------
    One of three components moves far; the others have a variance of 1:

    >>> import numpy as np
    >>> from mepipe.spotting.codec import own_covariance
    >>> swing = np.tile([1.0, -1.0], 10)
    >>> vectors = np.stack([swing, 50 * np.sin(np.arange(20)), -swing], axis=1)
    >>> round(float(own_covariance(vectors, np.arange(20.0))[0, 0]), 3)
    1.0
    """
    if len(times_ms) < 2:
        return np.zeros((len(times_ms), len(times_ms)))
    step = max(float(np.diff(times_ms).min()), float(np.ptp(times_ms)) / MOST_STEPS)
    place = np.rint((times_ms - times_ms[0]) / step).astype(np.int64)
    count = int(place[-1]) + 1
    shown = np.searchsorted(place, np.arange(count), side="right") - 1
    away = vectors[shown] - vectors[shown].mean(axis=0)
    power = np.abs(np.fft.rfft(away, 2 * count, axis=0)) ** 2
    # Divided by the count at every lag, not by the terms of the sum: only so is it positive.
    sums = np.fft.irfft(power, 2 * count, axis=0)[:count] / count
    shape = (sums / np.maximum(sums[0], 1e-14)).mean(axis=1)
    lags = np.abs(np.subtract.outer(place, place))
    return np.asarray(np.median(sums[0]) * shape[lags], np.float64)

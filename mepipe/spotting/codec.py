"""Steps in the motion at the key frames of a video codec.

A codec draws key frames anew and changes only part of the picture between them. So a still
face stands still within a group of pictures, and jumps a little from one group to the next:
by .03 to .1 px (root mean square over the regions) in H.264 at crf 28, where other frames
differ by .001 (docs/spotting.md). Such steps rise and fall as movements do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SPREAD = 1.5  # times the typical step: of 182 still clips 2.7 % are called moving, with 1 6.0 %
MIN_STEP = 3e-4  # inter-ocular distances
MIN_GROUP = 3  # frames from one key frame to the next; a codec without groups has none


def step_courses(vectors: Float, keys: Sequence[int]) -> Float:
    """Return one course for each group of pictures, to be explained apart from movement.

    Parameters
    ----------
    vectors
        (N, D): the motion of the regions, in inter-ocular distances.
    keys
        Positions of the key frames, ascending, from 0.

    Returns
    -------
    (N, G): in the frames of its group, a course has the standard deviation of a group's
    place, in inter-ocular distances; elsewhere 0. G is 0 without a second group, and for
    codecs in which nearly every frame is a key frame.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.codec import step_courses
    >>> vectors = np.repeat([[0.0], [0.002]], 4, axis=0)
    >>> step_courses(vectors, [0, 4]).round(4)[[0, 3, 4]]
    array([[0.0021, 0.    ],
           [0.0021, 0.    ],
           [0.    , 0.0021]])
    >>> step_courses(vectors, range(8)).shape
    (8, 0)
    """
    count = len(vectors)
    edges = np.array([key for key in keys if 0 < key < count], np.int64)
    if not len(edges) or count < MIN_GROUP * (len(edges) + 1):
        return np.zeros((count, 0))
    jumps = np.diff(vectors, axis=0)[edges - 1]
    # The typical step: one of them may be the rise of a movement. A step is the difference of
    # two places, so it has twice the variance of one.
    size = float(np.sqrt(np.median((jumps**2).mean(axis=1)) / 2))
    group = np.searchsorted(edges, np.arange(count), side="right")
    return np.asarray(max(SPREAD * size, MIN_STEP) * np.eye(len(edges) + 1)[group], np.float64)

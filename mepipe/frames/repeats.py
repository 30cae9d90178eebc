"""Frames that repeat the picture of the frame before: a video at a higher rate than its camera.

Two kinds of files have them. Software that converts 30 frames per second to 120 shows each
picture four times. A recorder that misses a picture stores the one before again. An encoder
then changes repeats a little, so equality is not enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

# A repeat differs from its neighbour by this share of what new pictures near it do, at most.
# Measured: 24, 30 fps converted to 30, 50, 60, 120, by x264 (crf 18, 23), MPEG-4 and VP9: median
# .005 to .15; clips as recorded, also by encoders whose key frames pulse: above .5.
_CLEAR, _FEW = 0.25, 3  # median of the shares, and how many repeats are enough for it
_REGULAR, _MANY = 0.45, 8
_LARGE = 0.7  # no repeat, unless an encoder improved the picture
_DOUBT = 3  # repeats that a pattern must explain for each of its repeats that is none
_ALONE = 0.08  # the same for a single repeat, which no pattern confirms
_WINDOW = 5  # frames on both sides that tell how much new pictures differ
_LONGEST = 12  # frames: the longest pattern, of 11 pictures and one repeat
_FEWEST = 1 / 8  # pictures a frame: 30 fps converted to 240


def repeated(steps: Sequence[float]) -> tuple[int, ...]:
    """Return the positions of frames that show the same picture as the frame before.

    Parameters
    ----------
    steps
        Mean difference of each frame from the one before, in any unit; one less than there
        are frames. 0: they are equal.

    Examples
    --------
    Four pictures, each shown three times:

    >>> from mepipe.frames.repeats import repeated
    >>> repeated([0.02, 0.01, 1.9, 0.03, 0.01, 2.2, 0.02, 0.02, 1.8, 0.01, 0.02])
    (1, 2, 4, 5, 7, 8, 10, 11)

    Pictures that all differ, some by little:

    >>> repeated([0.5, 0.9, 0.4, 1.2, 0.7])
    ()
    """
    found = np.asarray(steps, dtype=np.float64)
    again = found == 0
    for position, step in enumerate(found):
        near = found[max(0, position - _WINDOW) : position + _WINDOW + 1]
        again[position] |= bool(step < _ALONE * np.median(near))
    most, regular = 0, again
    for pattern in _patterns(len(found)):
        explained = _explained(found, pattern)
        if explained > most:
            most, regular = explained, pattern
    return tuple(int(position) + 1 for position in np.flatnonzero(again | regular))


def _patterns(count: int) -> Iterator[NDArray[np.bool_]]:
    """Yield which of ``count`` steps lead to a repeat, (count,), for each ratio of two rates."""
    frames = np.arange(count + 1)
    for length in range(2, min(_LONGEST, count // 2) + 1):
        for pictures in range(1, length):
            if gcd(pictures, length) > 1 or pictures < _FEWEST * length:
                continue
            for phase in range(length):
                yield np.diff((frames * pictures + phase) // length) == 0


def _explained(steps: NDArray[np.float64], pattern: NDArray[np.bool_]) -> int:
    """Return how many repeats a pattern explains: their steps are small beside new ones near them.

    0 or less if it is not the pattern of these frames.
    """
    repeats, new = np.flatnonzero(pattern), np.flatnonzero(~pattern)
    if len(repeats) < _FEW or len(new) < 2:
        return 0
    after = np.clip(np.searchsorted(new, repeats), 1, len(new) - 1)
    level = np.minimum(steps[new[after - 1]], steps[new[after]])
    shares = steps[repeats] / np.maximum(level, 1e-9)
    if np.median(shares) > (_REGULAR if len(repeats) >= _MANY else _CLEAR):
        return 0
    return len(shares) - (1 + _DOUBT) * int((shares > _LARGE).sum())

"""Combs: odd and even lines of two moments, in a video that does not say that it is interlaced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Measured: recordings as they are at most .001 of the pixels; the same woven from two frames, .013
# and more in a tenth of the frames, and little where nothing moves.
_COMBED = 0.005
_MOVES = 3.0  # ratio of frames with much motion to frames with little: fine stripes stay
_DIFFERS, _AGREES = 10, 8  # grey levels: a line from both neighbours, and these from each other


def combed_share(grey: NDArray[np.uint8]) -> float:
    """Return the share of pixels that differ from the lines above and below, which agree.

    Parameters
    ----------
    grey
        (H, W) uint8, every line of the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.frames.combs import combed_share
    >>> picture = np.zeros((8, 8), np.uint8)
    >>> combed_share(picture)
    0.0
    >>> picture[::2] = 90
    >>> combed_share(picture)
    1.0
    """
    if len(grey) < 3:
        return 0.0
    lines = grey.astype(np.int16)
    above, here, below = lines[:-2], lines[1:-1], lines[2:]
    up, down = here - above, here - below
    comb = (
        (np.minimum(np.abs(up), np.abs(down)) > _DIFFERS)
        & ((up > 0) == (down > 0))
        & (np.abs(above - below) < _AGREES)
    )
    return float(comb.mean())


def is_combed(shares: Sequence[float]) -> bool:
    """Return True if the frames with these shares of combed pixels are interlaced."""
    if not shares:
        return False
    low, high = np.percentile(shares, [25, 90])
    return bool(high > _COMBED and high > _MOVES * max(low, 1e-4))

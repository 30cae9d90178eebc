"""Brightness that is the same in both frames.

TV-L1 takes every change of brightness for motion. A lamp that is 0.5 % brighter in
one frame costs more of a micro-expression than the sensor's noise (docs/flow.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Sigma of what counts as light, in sides of the face. It is wider than what an expression
# moves: a brow that rises by 1 px changes such a mean by less than the noise.
LIGHT_SHARE = 0.2
FLOOR = 1.0  # grey level, added to both: black has no brightness to compare
STEP = 8  # px: the means are so smooth that every eighth pixel has all of them


def even_light(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both faces with the brightness of the first, as `mepipe.flow.tvl1` takes them.

    Parameters
    ----------
    reference, moving
        (H, W) uint8, aligned faces.

    Returns
    -------
    Two (H, W) float32, 0 to 1. The second is multiplied by the ratio of the two local
    means. Values above white are cut. Equal images stay equal.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow.light import even_light
    >>> face = np.tile(np.arange(40, 200, 5, dtype=np.uint8), (32, 1))
    >>> a, b = even_light(face, (face * 0.9).astype(np.uint8))
    >>> bool(abs(a - b).max() < 0.015)
    True
    """
    still, other = reference.astype(np.float32), moving.astype(np.float32)
    if not np.array_equal(reference, moving):
        other = other * light_ratio(still, other)
    return still / np.float32(255), np.clip(other / np.float32(255), 0, 1)


def light_ratio(reference: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by what each pixel of ``moving`` is to be multiplied, (H, W); both in grey levels."""
    return _wide((_local_mean(reference) + FLOOR) / (_local_mean(moving) + FLOOR), reference)


def _local_mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    height, width = image.shape
    small = cv2.resize(
        image, (max(width // STEP, 1), max(height // STEP, 1)), interpolation=cv2.INTER_AREA
    )
    sigma = LIGHT_SHARE * max(small.shape)
    # Replicated, not mirrored: the two frames differ at the border by what moves there.
    smooth = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, np.float32)


def _wide(small: NDArray[np.float32], image: NDArray[Any]) -> NDArray[np.float32]:
    import cv2

    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)

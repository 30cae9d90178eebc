"""A flow as small data for a browser: a picture that displaces another, and a grid of arrows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # px of the map, unless a caller asks for more: a browser draws it smoothly
CELLS = 16  # arrows in a row
_ZERO = 128  # the level that stands for no motion


def displacement_map(uv: NDArray[np.float32], side: int = SIDE) -> tuple[bytes, float]:
    """Return a flow as a picture for SVG's ``feDisplacementMap``, and the length it can hold.

    Red is motion to the right, green motion down: level 128 is none, 1 is ``-largest`` and 255
    is ``+largest``. A filter that takes each point from where it was is ``in2`` this picture,
    ``xChannelSelector="R"``, ``yChannelSelector="G"`` and
    ``scale = -2 * largest * factor * 255 / 254``, in px of the aligned face, with
    ``color-interpolation-filters="sRGB"``.

    Parameters
    ----------
    uv
        (2, S, S): u (right) and v (down), px of the aligned face.
    side
        Width and height of the picture in px. It is never larger than the flow.

    Returns
    -------
    picture
        PNG, R G B, ``side`` px. It shows motion only, no pixel of a face.
    largest
        The largest absolute value of a component, px of the aligned face.

    Examples
    --------
    >>> uv = np.zeros((2, 64, 64), np.float32)
    >>> uv[0] = 2.5
    >>> png, largest = displacement_map(uv)
    >>> png[1:4], largest
    (b'PNG', 2.5)
    """
    import cv2

    small = _sized(uv, min(side, uv.shape[-1]))
    levels, largest = _levels(small)
    u, v = (levels + _ZERO).astype(np.uint8)
    image = np.dstack([np.zeros_like(u), v, u])  # OpenCV writes B G R
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    return data.tobytes(), largest


def flow_grid(uv: NDArray[np.float32], cells: int = CELLS) -> tuple[bytes, float]:
    """Return a flow as a coarse grid for arrows, and the length it can hold.

    Parameters
    ----------
    uv
        (2, S, S): u (right) and v (down), px of the aligned face.
    cells
        Arrows in a row, and rows.

    Returns
    -------
    grid
        ``2 * cells * cells`` signed bytes: all u row by row, then all v. 127 is ``largest``.
    largest
        The largest absolute value of a component, px of the aligned face.

    Examples
    --------
    >>> uv = np.zeros((2, 64, 64), np.float32)
    >>> uv[1] = -3.0
    >>> grid, largest = flow_grid(uv, 2)
    >>> np.frombuffer(grid, np.int8).tolist(), largest
    ([0, 0, 0, 0, -127, -127, -127, -127], 3.0)
    """
    levels, largest = _levels(_sized(uv, cells))
    return levels.astype(np.int8).tobytes(), largest


def _sized(uv: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Return a flow (2, side, side) in the px it had: each value is the mean of its cell."""
    import cv2

    parts = uv.astype(np.float64)
    return np.stack(
        [cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA) for part in parts]
    )


def _levels(uv: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return a flow in whole levels, -127 to 127, and the px that 127 stands for."""
    largest = float(np.abs(uv).max())
    return np.rint(127 * uv / max(largest, 1e-9)), round(largest, 4)

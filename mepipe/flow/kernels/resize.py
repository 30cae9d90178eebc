"""Bilinear resizing, and the pyramid of an image."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mepipe.flow.kernels.options import OPTIONS

Floats = NDArray[np.float32]


@njit(**OPTIONS)
def _across(row: Floats, left: NDArray[np.int64], a: Floats, out: Floats) -> None:
    """Interpolate one row at ``left`` and the shares ``a`` of the pixels to the right of these."""
    one, last = np.float32(1), row.shape[0] - 1
    for j in range(out.shape[0]):
        out[j] = row[left[j]] * (one - a[j]) + row[min(left[j] + 1, last)] * a[j]


@njit(**OPTIONS)
def _down(upper: Floats, lower: Floats, b: float, factor: float, out: Floats) -> None:
    """Interpolate between two rows, and multiply by ``factor``."""
    rest = np.float32(1) - b
    for j in range(out.shape[0]):
        out[j] = (upper[j] * rest + lower[j] * b) * factor


@njit(**OPTIONS)
def resize(image: Floats, out: Floats, scale_y: float, scale_x: float, factor: float) -> None:
    """Write an image (h, w), resized bilinearly and times ``factor``, into ``out``.

    Pixel i of the output lies at ``(i + 1/2) scale - 1/2`` of the input: pixel
    areas match, not pixel centres. Positions outside are clamped to the border.
    """
    height, width = image.shape
    columns = out.shape[1]
    left, a = np.empty(columns, np.int64), np.empty(columns, np.float32)
    for j in range(columns):
        x = min(max((j + 0.5) * scale_x - 0.5, 0.0), width - 1.0)
        left[j] = int(x)
        a[j] = np.float32(x - left[j])
    # Two rows of the input, interpolated along x: an even and an odd one. Most are used twice.
    rows = np.empty((2, columns), np.float32)
    held = np.full(2, -1)
    for i in range(out.shape[0]):
        y = min(max((i + 0.5) * scale_y - 0.5, 0.0), height - 1.0)
        top = int(y)
        below = min(top + 1, height - 1)
        for row in (top, below):
            if held[row % 2] != row:
                _across(image[row], left, a, rows[row % 2])
                held[row % 2] = row
        _down(rows[top % 2], rows[below % 2], np.float32(y - top), np.float32(factor), out[i])


@njit(**OPTIONS)
def fill_pyramid(pyramid: Floats, sizes: NDArray[np.int64], step: float) -> None:
    """Reduce level by level. The full image must be at the start of ``pyramid``.

    The scale is the nominal step, not the ratio of the rounded sizes, as in OpenCV.
    """
    start = 0
    for level in range(1, len(sizes)):
        h, w = sizes[level - 1]
        following = start + h * w
        hh, ww = sizes[level]
        resize(
            pyramid[start:following].reshape(h, w),
            pyramid[following : following + hh * ww].reshape(hh, ww),
            1.0 / step,
            1.0 / step,
            1.0,
        )
        start = following


@njit(cache=True, **OPTIONS)
def pyramid(image: Floats, out: Floats, sizes: NDArray[np.int64], step: float) -> None:
    """Write the pyramid of ``image`` (H, W), flat, into ``out``."""
    height, width = image.shape
    for i in range(height):
        out[i * width : (i + 1) * width] = image[i]
    fill_pyramid(out, sizes, step)

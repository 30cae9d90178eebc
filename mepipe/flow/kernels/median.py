"""The median filters between rounds of iterations: sorting networks without branches."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mepipe.flow.kernels.options import OPTIONS

Floats = NDArray[np.float32]


@njit(**OPTIONS)
def _sort2(a: float, b: float) -> tuple[float, float]:
    return min(a, b), max(a, b)


@njit(**OPTIONS)
def _sort5(
    a: float, b: float, c: float, d: float, e: float
) -> tuple[float, float, float, float, float]:
    """Return five values in ascending order, by the smallest network: nine comparisons."""
    a, b = _sort2(a, b)
    d, e = _sort2(d, e)
    c, e = _sort2(c, e)
    c, d = _sort2(c, d)
    b, e = _sort2(b, e)
    a, d = _sort2(a, d)
    a, c = _sort2(a, c)
    b, d = _sort2(b, d)
    b, c = _sort2(b, c)
    return a, b, c, d, e


@njit(**OPTIONS)
def _columns(r0: Floats, r1: Floats, r2: Floats, r3: Floats, r4: Floats, out: Floats) -> None:
    """Write five rows with each column sorted into ``out`` (5, W)."""
    for j in range(r0.shape[0]):
        a, b, c, d, e = _sort5(r0[j], r1[j], r2[j], r3[j], r4[j])
        out[0, j] = a
        out[1, j] = b
        out[2, j] = c
        out[3, j] = d
        out[4, j] = e


@njit(**OPTIONS)
def _middle(ranks: Floats, out: Floats) -> None:
    """Write the median of each five sorted columns.

    In a 5 x 5 matrix with sorted rows and columns, element (r, c) has at least
    (r+1)(c+1) - 1 others below it and (5-r)(5-c) - 1 above it. So the median of
    the 25 is among the 13 that have at most 12 of either. Of some of these the
    smallest and the largest are dropped, one more is taken in, and so on.
    """
    q0, q1, q2, q3, q4 = ranks[0], ranks[1], ranks[2], ranks[3], ranks[4]
    for j in range(out.shape[0]):
        # Sort each row of five; the names are the 13 candidates.
        _, _, _, a, b = _sort5(q0[j], q0[j + 1], q0[j + 2], q0[j + 3], q0[j + 4])
        _, _, c, d, e = _sort5(q1[j], q1[j + 1], q1[j + 2], q1[j + 3], q1[j + 4])
        _, f, g, h, _ = _sort5(q2[j], q2[j + 1], q2[j + 2], q2[j + 3], q2[j + 4])
        k, m, n, _, _ = _sort5(q3[j], q3[j + 1], q3[j + 2], q3[j + 3], q3[j + 4])
        p, q, _, _, _ = _sort5(q4[j], q4[j + 1], q4[j + 2], q4[j + 3], q4[j + 4])
        # Smallest to the left, largest to the right, both then out of the race: eight
        # of thirteen first (an extreme of eight cannot be the seventh of thirteen).
        a, k = _sort2(a, k)
        b, e = _sort2(b, e)
        c, p = _sort2(c, p)
        f, q = _sort2(f, q)
        a, c = _sort2(a, c)
        b, f = _sort2(b, f)
        a, b = _sort2(a, b)
        k, p = _sort2(k, p)
        e, q = _sort2(e, q)
        p, q = _sort2(p, q)
        # a and q are gone; left: b c e f k p, and d comes in.
        b, d = _sort2(b, d)
        c, e = _sort2(c, e)
        f, k = _sort2(f, k)
        b, c = _sort2(b, c)
        b, f = _sort2(b, f)
        e, k = _sort2(e, k)
        k, p = _sort2(k, p)
        d, p = _sort2(d, p)
        # b and p are gone; left: c d e f k, and g comes in.
        c, g = _sort2(c, g)
        d, e = _sort2(d, e)
        f, k = _sort2(f, k)
        c, d = _sort2(c, d)
        c, f = _sort2(c, f)
        e, k = _sort2(e, k)
        g, k = _sort2(g, k)
        # c and k are gone; left: d e f g, and h comes in.
        d, h = _sort2(d, h)
        e, f = _sort2(e, f)
        d, e = _sort2(d, e)
        d, g = _sort2(d, g)
        f, h = _sort2(f, h)
        g, h = _sort2(g, h)
        # d and h are gone; left: e f g, and m comes in.
        e, f = _sort2(e, f)
        g, m = _sort2(g, m)
        e, g = _sort2(e, g)
        f, m = _sort2(f, m)
        # e and m are gone; left: f g, and n comes in.
        f, g = _sort2(f, g)
        out[j] = max(f, min(g, n))


@njit(**OPTIONS)
def median5(flow: Floats, height: int, width: int, stride: int, copy: Floats) -> None:
    """Replace one component of the flow by its 5 x 5 median, the border replicated."""
    wide = width + 4
    padded = copy[: (height + 4) * wide].reshape(height + 4, wide)
    ranks = copy[(height + 4) * wide : (height + 9) * wide].reshape(5, wide)
    for i in range(height + 4):
        begin = (min(max(i - 2, 0), height - 1) + 1) * stride
        padded[i, 2 : width + 2] = flow[begin : begin + width]
        padded[i, 0] = padded[i, 1] = flow[begin]
        padded[i, width + 2] = padded[i, width + 3] = flow[begin + width - 1]
    # Each column of five rows is sorted once and used by the five windows that hold it.
    for i in range(height):
        _columns(padded[i], padded[i + 1], padded[i + 2], padded[i + 3], padded[i + 4], ranks)
        begin = (i + 1) * stride
        _middle(ranks, flow[begin : begin + width])


@njit(**OPTIONS)
def median3(flow: Floats, height: int, width: int, stride: int, copy: Floats) -> None:
    """Replace one component of the flow by its 3 x 3 median, the border replicated."""
    for i in range(height):
        begin = (i + 1) * stride
        copy[i * width : (i + 1) * width] = flow[begin : begin + width]
    window = np.empty(9, np.float32)
    for i in range(height):
        for j in range(width):
            n = 0
            for y in range(i - 1, i + 2):
                row = min(max(y, 0), height - 1) * width
                for x in range(j - 1, j + 2):
                    window[n] = copy[row + min(max(x, 0), width - 1)]
                    n += 1
            flow[(i + 1) * stride + j] = np.sort(window)[4]

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
def _sort4(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """Return four values in ascending order: five comparisons."""
    a, b = _sort2(a, b)
    c, d = _sort2(c, d)
    a, c = _sort2(a, c)
    b, d = _sort2(b, d)
    b, c = _sort2(b, c)
    return a, b, c, d


@njit(**OPTIONS)
def _columns(r0: Floats, r1: Floats, r2: Floats, r3: Floats, out: Floats) -> None:
    """Write four rows with each column sorted into ``out`` (4, W)."""
    for j in range(r0.shape[0]):
        a, b, c, d = _sort4(r0[j], r1[j], r2[j], r3[j])
        out[0, j] = a
        out[1, j] = b
        out[2, j] = c
        out[3, j] = d


@njit(**OPTIONS)
def _pick(
    c0: float, c1: float, c2: float, c3: float, c4: float, c5: float,
    a: float, b: float, c: float, d: float, e: float,
) -> float:  # fmt: skip
    """Return the median of 25 values: five that are sorted, and 20 with their 8th to 13th.

    It is the smallest of these: the larger of the 8th of the 20 and the 5th of the five, of the
    9th and the 4th, and so on to the 13th alone.
    """
    first, second = min(max(c0, e), max(c1, d)), min(max(c2, c), max(c3, b))
    return min(first, second, max(c4, a), c5)


@njit(**OPTIONS)
def _two_rows(ranks: Floats, above: Floats, below: Floats, upper: Floats, lower: Floats) -> None:
    """Write the medians of two rows.

    ``ranks`` (4, W) are the rows that their windows have in common, with each column sorted. The
    windows of ``upper`` have the row ``above`` these, too, and those of ``lower`` the one
    ``below``.
    """
    q0, q1, q2, q3 = ranks[0], ranks[1], ranks[2], ranks[3]
    for j in range(upper.shape[0]):
        # Wanted are the 8th to the 13th of the 20. With the rows sorted, too, element (r, c) has
        # at least (r+1)(c+1) - 1 others below it and (4-r)(5-c) - 1 above it. So the six are
        # among 14 elements, with four more below them and four above.
        _, _, a, b, c = _sort5(q0[j], q0[j + 1], q0[j + 2], q0[j + 3], q0[j + 4])
        _, d, e, f, g = _sort5(q1[j], q1[j + 1], q1[j + 2], q1[j + 3], q1[j + 4])
        h, k, m, n, _ = _sort5(q2[j], q2[j + 1], q2[j + 2], q2[j + 3], q2[j + 4])
        p, q, s, _, _ = _sort5(q3[j], q3[j + 1], q3[j + 2], q3[j + 3], q3[j + 4])
        # The shortest network that a search has found. Smallest to the left, largest to the
        # right; what is surely among the four smallest or the four largest drops out.
        c, p = _sort2(c, p)
        g = min(g, q)
        h = max(b, h)
        c, k = _sort2(c, k)
        m, p = _sort2(m, p)
        e, h = _sort2(e, h)
        f, k = _sort2(f, k)
        n = min(n, p)
        e = max(c, e)
        h, m = _sort2(h, m)
        k = min(k, s)
        e = max(d, e)
        g, k = _sort2(g, k)
        k = min(k, n)
        g, m = _sort2(g, m)
        f = max(a, f)
        f, h = _sort2(f, h)
        g, h = _sort2(g, h)
        e, g = _sort2(e, g)
        k, m = _sort2(k, m)
        e, f = _sort2(e, f)
        # One more row for each. It is sorted once, too: every row is the first above the common
        # ones, or the first below them, of two rows only.
        a, b, c, d, s = _sort5(above[j], above[j + 1], above[j + 2], above[j + 3], above[j + 4])
        upper[j] = _pick(e, f, g, h, k, m, a, b, c, d, s)
        a, b, c, d, s = _sort5(below[j], below[j + 1], below[j + 2], below[j + 3], below[j + 4])
        lower[j] = _pick(e, f, g, h, k, m, a, b, c, d, s)


@njit(**OPTIONS)
def median5(flow: Floats, height: int, width: int, stride: int, copy: Floats) -> None:
    """Replace one component of the flow by its 5 x 5 median, the border replicated.

    Two rows at a time: the windows of a pixel and of the one below it have 20 of 25 values in
    common, and each column of four of these is in five windows (as in Adams, "Fast median filters
    using separable sorting networks", ACM Transactions on Graphics 40(4), 2021).
    """
    wide, rows = width + 4, height + 5
    padded = copy[: rows * wide].reshape(rows, wide)
    ranks = copy[rows * wide : (rows + 4) * wide].reshape(4, wide)
    for i in range(rows):
        begin = (min(max(i - 2, 0), height - 1) + 1) * stride
        padded[i, 2 : width + 2] = flow[begin : begin + width]
        padded[i, 0] = padded[i, 1] = flow[begin]
        padded[i, width + 2] = padded[i, width + 3] = flow[begin + width - 1]
    for i in range(0, height, 2):
        _columns(padded[i + 1], padded[i + 2], padded[i + 3], padded[i + 4], ranks)
        begin = (i + 1) * stride
        upper, lower = flow[begin : begin + width], flow[begin + stride : begin + stride + width]
        if i + 1 == height:
            lower = padded[0, :width]  # there is no such row, and this one is not read again
        _two_rows(ranks, padded[i], padded[i + 5], upper, lower)


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

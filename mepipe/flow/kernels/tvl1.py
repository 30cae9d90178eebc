"""TV-L1 optical flow, compiled: one pair of pyramids in, one flow out.

It minimises, over the flow u = (u, v), the sum over all pixels x of

    |grad u| + |grad v| + lambda |I1(x + u) - I0(x)|

by the duality-based scheme of Zach, Pock and Bischof, "A duality based approach
for realtime TV-L1 optical flow" (DAGM 2007), as Sanchez, Meinhardt-Llopis and
Facciolo describe it (IPOL 2013). Equation numbers below are theirs. Its remaining
choices are those of OpenCV's module. In short, for each level of the pyramid,
from the coarsest to the finest:

1. `resize` the flow of the coarser level.
2. Repeat for each warp: `warp` reads I1 and its gradient at x + u and linearises
   the residual rho(u) around the flow so far. Bicubic, a = -3/4, zeros outside.
3. Repeat for each outer round: the median of the flow (`median5`).
4. Repeat for each inner iteration (`iterate`): a pointwise step that thresholds
   rho (`_primal`, eq. 15), a step along the divergence of the dual field p
   (eq. 10), and an update of p (`_dual`, eq. 11). Stop when the mean squared
   change of the flow is below epsilon squared.

Why it is fast:

- A level is flat: rows of ``stride`` values with some padding between them. The
  first pad of a row is the right border of the flow, a copy, so its forward
  difference is 0. The last one is the left border of the next row's dual field,
  0. So no loop has a branch for borders. The pads between are not used.
- The flow and the dual field are updated in strips of rows that stay in the
  processor's cache, the dual field one row behind. So each array is read from
  memory once an iteration.
- Every inner loop runs over plain contiguous slices, which LLVM vectorises.

Why it is reproducible: there is no fast-math. Every operation is rounded as IEEE
754 says and every sum has a fixed order, so the bits do not depend on the processor.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mepipe.flow.kernels.median import median3, median5
from mepipe.flow.kernels.options import OPTIONS
from mepipe.flow.kernels.resize import pyramid, resize
from mepipe.flow.kernels.vector import bicubic, fma

__all__ = ["FIELDS", "LANES", "MARGIN", "STRIP", "pyramid", "solve", "stride_of"]

Floats = NDArray[np.float32]

STRIP = 32  # rows; at 224 px the slices of a strip take some 200 KB
MARGIN = 4  # zeros around an image for the pixels that interpolation reads
LANES = 16  # rows begin at multiples of so many values
FIELDS = 10
# Residual's constant part, gradient, inverse of its square, flow, and the dual field: P11 and
# P12 are the x and y components for u, P21 and P22 for v.
RHO, IX, IY, INVERSE, U, V, P11, P12, P21, P22 = range(FIELDS)


@njit(**OPTIONS)
def stride_of(width: int) -> int:
    """Return the length of a row with at least two pads, a multiple of `LANES`."""
    return ((width + 1) // LANES + 1) * LANES


@njit(**OPTIONS)
def interleave(image: Floats, out: Floats) -> None:
    """Write an image (H, W) with its central differences, interleaved.

    ``out`` is (H + 2 MARGIN, W + 2 MARGIN, 4): value, d/dx, d/dy, 0, with zeros
    around. At the border the missing neighbour is the pixel itself, as in OpenCV.
    Interleaved, one read of 16 values fetches four pixels with their derivatives.
    """
    height, width = image.shape
    out[:] = 0
    half = np.float32(0.5)
    for i in range(height):
        above, here, below = image[max(i - 1, 0)], image[i], image[min(i + 1, height - 1)]
        row = out[i + MARGIN, MARGIN : MARGIN + width]
        for j in range(width):
            row[j, 0] = here[j]
            row[j, 2] = half * (below[j] - above[j])
        for j in range(1, width - 1):
            row[j, 1] = half * (here[j + 1] - here[j - 1])
        row[0, 1] = half * (here[1] - here[0])
        row[width - 1, 1] = half * (here[width - 1] - here[width - 2])


@njit(**OPTIONS)
def _split(flow: Floats, first: float, step: float, last: float, whole: Floats, t: Floats) -> None:
    """Split the positions ``first + step j + flow`` into a whole pixel and a fraction.

    Positions are clamped to the margin of zeros around the image.
    """
    for j in range(flow.shape[0]):
        x = (np.float32(first) + np.float32(step) * np.float32(j)) + flow[j]
        x = min(max(x, np.float32(-3)), np.float32(last))
        whole[j] = np.floor(x)
        t[j] = x - np.floor(x)


@njit(**OPTIONS)
def _read(
    image: Floats, line: int, x: Floats, y: Floats, tx: Floats, ty: Floats,
    value: Floats, dx: Floats, dy: Floats,
) -> None:  # fmt: skip
    """Interpolate a row of positions in the flat image, which has ``line`` values a row."""
    for j in range(value.shape[0]):
        corner = (int(y[j]) + (MARGIN - 1)) * line + (int(x[j]) + (MARGIN - 1)) * 4
        value[j], dx[j], dy[j] = bicubic(image, corner, line, tx[j], ty[j])


@njit(**OPTIONS)
def _linearise(
    value: Floats, still: Floats, u: Floats, v: Floats,
    rho: Floats, ix: Floats, iy: Floats, inverse: Floats,
) -> None:  # fmt: skip
    """Write the residual's constant part and the inverse square of the gradient.

    The linearised residual is rho(u) = I1(x + u0) + grad I1 . (u - u0) - I0 (eq. 9).
    Here ``rho`` gets the part without u.
    """
    for j in range(still.shape[0]):
        dx, dy = ix[j], iy[j]
        square = dx * dx + dy * dy
        # Below float32's epsilon there is no gradient to move along: the step is 0 there.
        flat = square <= np.float32(1.1920929e-07)
        inverse[j] = np.float32(0) if flat else np.float32(1) / square
        rho[j] = value[j] - dx * u[j] - dy * v[j] - still[j]


@njit(**OPTIONS)
def warp(moving: Floats, still: Floats, fields: Floats, stride: int, scratch: Floats) -> None:
    """Linearise the brightness of the moving image around the flow (eq. 9).

    Interpolates its value and derivatives, interleaved in ``moving``, at x + u.
    ``still`` is the reference (H, W). ``scratch`` (at least 5 W) is overwritten.
    """
    height, width = still.shape
    x, y = scratch[:width], scratch[width : 2 * width]
    tx, ty = scratch[2 * width : 3 * width], scratch[3 * width : 4 * width]
    value = scratch[4 * width : 5 * width]
    image = moving.reshape(moving.size)
    line = moving.shape[1] * 4
    for i in range(height):
        a = (i + 1) * stride
        b = a + width
        u, v = fields[U, a:b], fields[V, a:b]
        ix, iy = fields[IX, a:b], fields[IY, a:b]
        _split(u, 0.0, 1.0, width + 1.0, x, tx)
        _split(v, i, 0.0, height + 1.0, y, ty)
        _read(image, line, x, y, tx, ty, value, ix, iy)
        _linearise(value, still[i], u, v, fields[RHO, a:b], ix, iy, fields[INVERSE, a:b])


@njit(**OPTIONS)
def _primal(
    rho: Floats, ix: Floats, iy: Floats, inverse: Floats,
    p11: Floats, p11_left: Floats, p12: Floats, p12_above: Floats,
    p21: Floats, p21_left: Floats, p22: Floats, p22_above: Floats,
    u: Floats, v: Floats, change: Floats, limit: float, theta: float,
) -> None:  # fmt: skip
    """Threshold the residual (eq. 15), then step along the divergence (eq. 10).

    The three cases of eq. 15 are one clamp: the step along the gradient that makes
    rho 0, -rho / |grad|^2, limited to lambda theta.
    """
    for k in range(u.shape[0]):
        a, b = u[k], v[k]
        x, y = ix[k], iy[k]
        step = -fma(y, b, fma(x, a, rho[k])) * inverse[k]
        step = min(max(step, -limit), limit)
        # Divergence by backward differences, the adjoint of the gradient in `_dual`.
        for_u = (p11[k] - p11_left[k]) + (p12[k] - p12_above[k])
        for_v = (p21[k] - p21_left[k]) + (p22[k] - p22_above[k])
        new_a = fma(theta, for_u, fma(step, x, a))
        new_b = fma(theta, for_v, fma(step, y, b))
        da, db = new_a - a, new_b - b
        change[k] = fma(da, da, fma(db, db, change[k]))
        u[k] = new_a
        v[k] = new_b


@njit(**OPTIONS)
def _dual(
    u: Floats, u_right: Floats, u_below: Floats, v: Floats, v_right: Floats, v_below: Floats,
    p11: Floats, p12: Floats, p21: Floats, p22: Floats, step: float,
) -> None:  # fmt: skip
    """Update the dual field: p = (p + step grad u) / (1 + step |grad u|) (eq. 11).

    Forward differences. The division keeps p in the unit ball.
    """
    one = np.float32(1)
    for k in range(u.shape[0]):
        ax, ay = u_right[k] - u[k], u_below[k] - u[k]
        bx, by = v_right[k] - v[k], v_below[k] - v[k]
        a = fma(step, np.sqrt(fma(ax, ax, ay * ay)), one)
        b = fma(step, np.sqrt(fma(bx, bx, by * by)), one)
        # One division for both: 1/a = b/(ab).
        both = one / (a * b)
        for_u, for_v = both * b, both * a
        p11[k] = fma(step, ax, p11[k]) * for_u
        p12[k] = fma(step, ay, p12[k]) * for_u
        p21[k] = fma(step, bx, p21[k]) * for_v
        p22[k] = fma(step, by, p22[k]) * for_v


@njit(**OPTIONS)
def iterate(
    fields: Floats, height: int, width: int, stride: int, change: Floats,
    limit: float, theta: float, step: float,
) -> float:  # fmt: skip
    """Do one iteration of a level. Return the sum of the squared changes of the flow."""
    rho, ix, iy, inverse = fields[RHO], fields[IX], fields[IY], fields[INVERSE]
    u, v = fields[U], fields[V]
    p11, p12, p21, p22 = fields[P11], fields[P12], fields[P21], fields[P22]
    strip = min(STRIP, height)
    change[: strip * stride] = 0
    behind = 0  # rows whose dual field is updated
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        a, b = (top + 1) * stride, (bottom + 1) * stride
        _primal(
            rho[a:b], ix[a:b], iy[a:b], inverse[a:b],
            p11[a:b], p11[a - 1 : b - 1], p12[a:b], p12[a - stride : b - stride],
            p21[a:b], p21[a - 1 : b - 1], p22[a:b], p22[a - stride : b - stride],
            u[a:b], v[a:b], change[: b - a], limit, theta,
        )  # fmt: skip
        # The right border of the flow: a copy, so its forward difference is 0.
        for i in range(top, bottom):
            pad = (i + 1) * stride + width
            u[pad] = u[pad - 1]
            v[pad] = v[pad - 1]
        # The last row's dual field needs the flow of the row below, which comes with the next
        # strip. At the bottom of the image that row is a copy.
        ready = bottom - 1
        if bottom == height:
            below = (height + 1) * stride
            u[below : below + width] = u[below - stride : below - stride + width]
            v[below : below + width] = v[below - stride : below - stride + width]
            ready = height
        a, b = (behind + 1) * stride, (ready + 1) * stride
        _dual(
            u[a:b], u[a + 1 : b + 1], u[a + stride : b + stride],
            v[a:b], v[a + 1 : b + 1], v[a + stride : b + stride],
            p11[a:b], p12[a:b], p21[a:b], p22[a:b], step,
        )  # fmt: skip
        for i in range(behind, ready):
            # The last pad of a row is the left border of the next one's dual field.
            p11[(i + 2) * stride - 1] = p21[(i + 2) * stride - 1] = 0
        behind = ready
    total: float = _total(change, strip, width, stride)
    return total


@njit(**OPTIONS)
def _add(total: Floats, more: Floats) -> None:
    """Add ``more`` to ``total`` in place. A function of its own, so that LLVM vectorises it."""
    for k in range(total.shape[0]):
        total[k] += more[k]


@njit(**OPTIONS)
def _total(change: Floats, rows: int, width: int, stride: int) -> float:
    """Return the sum without the padding: rows are added in single, columns in double precision."""
    total = change[:width]
    for i in range(1, rows):
        _add(total, change[i * stride : i * stride + width])
    result = 0.0
    for k in range(width):
        result += total[k]
    return result


@njit(cache=True, **OPTIONS)
def solve(
    still: Floats, moving: Floats, sizes: NDArray[np.int64], out: Floats,
    fields: Floats, planes: Floats, copy: Floats, change: Floats,
    step: float, tau: float, lambda_: float, theta: float, epsilon: float,
    warps: int, outer: int, inner: int, median: int,
) -> int:  # fmt: skip
    """Compute the flow from ``still`` to ``moving`` into ``out`` (2, H, W).

    ``still`` and ``moving`` are whole pyramids, flat, the largest level first, of
    the ``sizes`` (levels, 2). ``fields``, ``planes``, ``copy`` and ``change`` are
    scratch arrays for the largest level: nothing is allocated here but rows. The other
    arguments are those of `mepipe.flow.Tvl1Settings`.

    Returns the number of pixel iterations on all levels.
    """
    limit, th = np.float32(lambda_ * theta), np.float32(theta)
    dual_step = np.float32(tau / theta)
    flow = copy  # between levels the flow is kept here, component after component
    ends = np.zeros(len(sizes) + 1, np.int64)
    for level in range(len(sizes)):
        ends[level + 1] = ends[level] + sizes[level, 0] * sizes[level, 1]
    work = 0
    for level in range(len(sizes) - 1, -1, -1):
        height, width = sizes[level]
        stride = stride_of(width)
        # Contiguous in every level, or its rows would not be vectorised.
        length = (height + 2) * stride + LANES
        used = fields[: FIELDS * length].reshape(FIELDS, length)
        first = still[ends[level] : ends[level + 1]].reshape(height, width)
        area = height * width
        used[:] = 0  # each level starts with a dual field of 0
        if level < len(sizes) - 1:
            hh, ww = sizes[level + 1]
            # The flow of the coarser level, at this size and in pixels of this level.
            fine = planes[:area].reshape(height, width)
            for component in range(2):
                coarse = flow[component * hh * ww : (component + 1) * hh * ww].reshape(hh, ww)
                resize(coarse, fine, hh / height, ww / width, 1.0 / step)
                for i in range(height):
                    begin = (i + 1) * stride
                    used[U + component, begin : begin + width] = fine[i]
        tall, wide = height + 2 * MARGIN, width + 2 * MARGIN
        image = planes[: tall * wide * 4].reshape(tall, wide, 4)
        interleave(moving[ends[level] : ends[level + 1]].reshape(height, width), image)
        for _ in range(warps):
            warp(image, first, used, stride, change)
            error = np.inf
            for _ in range(outer):
                if error <= epsilon * epsilon * area:
                    break
                for component in (U, V):
                    if median == 5:
                        median5(used[component], height, width, stride, copy)
                    elif median == 3:
                        median3(used[component], height, width, stride, copy)
                for _ in range(inner):
                    error = iterate(used, height, width, stride, change, limit, th, dual_step)
                    work += area
                    # Compared with a sum, so that no mean is taken in each iteration.
                    if error <= epsilon * epsilon * area:
                        break
        for component in range(2):
            for i in range(height):
                begin = (i + 1) * stride
                row = used[U + component, begin : begin + width]
                if level == 0:
                    out[component, i] = row
                else:
                    begin = component * area + i * width
                    flow[begin : begin + width] = row
    return work

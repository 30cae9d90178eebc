"""TV-L1 optical flow on the CPU: the engine that `mepipe run` uses.

The algorithm is `mepipe.flow.kernels.tvl1`; this module checks its input, builds the
pyramids and keeps the buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.kernels import tvl1_kernels
from mepipe.flow.settings import OPENCV, SMALLEST, Tvl1Settings

Floats = NDArray[np.float32]

_THREADS = local()


def tvl1(
    reference: NDArray[Any], moving: NDArray[Any], settings: Tvl1Settings | None = None
) -> Floats:
    """Return the flow from ``reference`` to ``moving``.

    The same input gives the same bytes on every run and every processor with
    correctly rounded arithmetic. Identical images give exactly 0.

    Parameters
    ----------
    reference, moving
        (H, W), uint8, or floating with values 0 to 1; of one size, at least
        16 px a side. Any memory layout.
    settings
        Default: OpenCV's.

    Returns
    -------
    (2, H, W) float32: u (to the right) and v (down) in px; what is at (x, y) of
    ``reference`` is at (x + u, y + v) of ``moving``.

    Raises
    ------
    ValueError
        For images of different sizes, too small, in colour, of another type, or
        with NaN or infinity.
    """
    flow, _ = next(counted(reference, [moving], settings))
    return flow


def tvl1_many(
    reference: NDArray[Any], moving: Iterable[NDArray[Any]], settings: Tvl1Settings | None = None
) -> Iterator[Floats]:
    """Yield the flow from one reference to each of many images; see `tvl1`.

    The reference's pyramid is made once, and all pairs share their buffers.
    """
    for flow, _ in counted(reference, moving, settings):
        yield flow


def counted(
    reference: NDArray[Any], moving: Iterable[NDArray[Any]], settings: Tvl1Settings | None = None
) -> Iterator[tuple[Floats, int]]:
    """Yield the flows of `tvl1_many`, each with the number of pixel iterations it took."""
    chosen = settings or OPENCV
    still = prepared(checked(reference, "reference"), chosen)
    kernels = tvl1_kernels()
    sizes = level_sizes(still.shape[0], still.shape[1], chosen.scales, chosen.scale_step)
    first = _pyramid(kernels, still, sizes, chosen.scale_step)
    for number, image in enumerate(moving):
        other = checked(image, "moving" if number == 0 else f"moving image {number}")
        if other.shape != np.shape(reference):
            raise ValueError(
                f"the images differ in size: reference {np.shape(reference)}, moving {other.shape}"
            )
        other = prepared(other, chosen)
        second = _pyramid(kernels, other, sizes, chosen.scale_step)
        out = np.empty((2, *still.shape), np.float32)
        # Asked for each time: who goes on with this generator may be another thread.
        buffers = _buffers(still.shape)
        work = kernels.solve(
            first, second, sizes, out,
            buffers.fields, buffers.image, buffers.copy, buffers.change,
            chosen.scale_step, chosen.tau, chosen.lambda_, chosen.theta, chosen.epsilon,
            chosen.warps, chosen.outer_iterations, chosen.inner_iterations, chosen.median,
        )  # fmt: skip
        yield cropped(out, chosen.border), int(work)


def compile_all() -> None:
    """Compile the kernels now, so that worker processes only load them."""
    still = np.zeros((SMALLEST, SMALLEST), np.uint8)
    tvl1(still, still)


def checked(image: NDArray[Any], name: str) -> Floats:
    """Return an image as contiguous float32, 0 to 255; ValueError if it cannot be."""
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"{name} has the shape {image.shape}: give grey images (H, W)")
    if min(image.shape) < SMALLEST:
        raise ValueError(f"{name} is {image.shape}: each side must have {SMALLEST} px or more")
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image, dtype=np.float32)
    if image.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} has the type {image.dtype}: give uint8, or floats from 0 to 1")
    if not np.isfinite(image).all():
        raise ValueError(f"{name} holds NaN or infinity")
    if image.min() < 0 or image.max() > 1:
        raise ValueError(
            f"{name} holds {image.min():g} to {image.max():g}: give uint8, or floats from 0 to 1"
        )
    return np.ascontiguousarray(image * np.float32(255), dtype=np.float32)


def prepared(image: Floats, settings: Tvl1Settings) -> Floats:
    """Return an image smoothed and continued as the settings say."""
    if settings.border > 0:
        image = np.pad(image, settings.border, mode="reflect")
    if settings.blur > 0:
        import cv2

        image = np.asarray(cv2.GaussianBlur(image, (0, 0), settings.blur), np.float32)
    return image


def cropped(flow: Floats, border: int) -> Floats:
    """Return a flow (..., H, W) without the border that `prepared` added."""
    inner = flow[..., border:-border, border:-border] if border else flow
    return np.ascontiguousarray(inner)


def level_sizes(height: int, width: int, scales: int, step: float) -> NDArray[np.int64]:
    """Return the sizes (levels, 2) of a pyramid, the full one first."""
    sizes = [(height, width)]
    while len(sizes) < scales:
        height, width = round(height * step), round(width * step)
        if min(height, width) < SMALLEST:
            break
        sizes.append((height, width))
    return np.array(sizes, np.int64)


def _pyramid(kernels: Any, image: Floats, sizes: NDArray[np.int64], step: float) -> Floats:
    """Return the flat pyramid of an image."""
    out = np.empty(int(sizes.prod(axis=1).sum()), np.float32)
    kernels.pyramid(image, out, sizes, step)
    return out


class _Buffers:
    """Scratch space for one size of image, used again for every pair."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        kernels = tvl1_kernels()
        height, width = shape
        stride = int(kernels.stride_of(width))
        margin = 2 * kernels.MARGIN
        self.fields = np.empty(kernels.FIELDS * ((height + 2) * stride + kernels.LANES), np.float32)
        self.image = np.empty((height + margin) * (width + margin) * 4, np.float32)
        self.copy = np.empty(max((height + 9) * (width + 4), 2 * height * width), np.float32)
        self.change = np.empty(max(kernels.STRIP * stride, 5 * width), np.float32)


def _buffers(shape: tuple[int, ...]) -> _Buffers:
    """Return this thread's buffers for a size; those of a few sizes are kept."""
    if not hasattr(_THREADS, "buffers"):
        _THREADS.buffers = lru_cache(maxsize=4)(_Buffers)
    found: _Buffers = _THREADS.buffers(shape)
    return found

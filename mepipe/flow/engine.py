"""TV-L1 optical flow on the CPU: the engine that `mepipe run` uses.

The algorithm is in `mepipe.flow.kernels.tvl1`. This module validates the images,
builds the pyramids and owns the buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.kernels import tvl1_kernels
from mepipe.flow.settings import MIN_SIDE, OPENCV, Tvl1Settings

Floats = NDArray[np.float32]

_THREADS = local()


def tvl1(
    reference: NDArray[Any], moving: NDArray[Any], settings: Tvl1Settings | None = None
) -> Floats:
    """Return the TV-L1 optical flow from ``reference`` to ``moving``.

    The scheme of Zach, Pock and Bischof (DAGM 2007) as in Sanchez,
    Meinhardt-Llopis and Facciolo (IPOL 2013). The same input gives the same
    bytes on every run and on every processor with IEEE 754 arithmetic.
    Identical images give exactly 0.

    Parameters
    ----------
    reference, moving
        (H, W) grey images of one size, at least 16 px a side: uint8, or float32
        or float64 from 0 to 1. Any memory layout.
    settings
        The solver's parameters. Default: those of OpenCV, ``PRESETS["opencv"]``.

    Returns
    -------
    (2, H, W) float32: u (to the right) and v (down), px. What is at (x, y) of
    ``reference`` is at (x + u, y + v) of ``moving``.

    Raises
    ------
    ValueError
        If the images differ in size, are too small, have colour, another type
        or values outside their range, or hold NaN or infinity.

    Examples
    --------
    A pattern that moves 1 px to the right:

    >>> import numpy as np
    >>> from mepipe.flow import tvl1
    >>> y, x = np.mgrid[:48, :48]
    >>> def pattern(x, y):
    ...     return 0.5 + 0.25 * np.sin(x / 3) + 0.25 * np.cos(y / 4)
    >>> u, v = tvl1(pattern(x, y), pattern(x - 1, y))
    >>> print(f"{np.median(u):.1f} {abs(np.median(v)):.1f}")
    1.0 0.0
    """
    flow, _ = next(tvl1_counted(reference, [moving], settings))
    return flow


def tvl1_many(
    reference: NDArray[Any], moving: Iterable[NDArray[Any]], settings: Tvl1Settings | None = None
) -> Iterator[Floats]:
    """Yield the flow from one reference to each of many images.

    Each flow equals that of `tvl1`. The pyramid of the reference is built once.

    Parameters
    ----------
    reference
        (H, W), as for `tvl1`.
    moving
        Images as ``reference``. They are taken one by one, so a generator works.
    settings
        As for `tvl1`.

    Yields
    ------
    (2, H, W) float32, px, one for each image, each an array of its own.

    Raises
    ------
    ValueError
        As `tvl1`, when the image in question is reached.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow import tvl1_many
    >>> frames = np.zeros((3, 16, 16), np.uint8)
    >>> [flow.shape for flow in tvl1_many(frames[0], frames[1:])]
    [(2, 16, 16), (2, 16, 16)]
    """
    for flow, _ in tvl1_counted(reference, moving, settings):
        yield flow


def tvl1_counted(
    reference: NDArray[Any], moving: Iterable[NDArray[Any]], settings: Tvl1Settings | None = None
) -> Iterator[tuple[Floats, int]]:
    """Yield the flows of `tvl1_many`, each with its number of pixel iterations.

    The number counts the pixels of all iterations on all levels, so time divided
    by it compares implementations whatever the stopping rule did.
    """
    chosen = settings or OPENCV
    still = preprocess(validate_image(reference, "reference"), chosen)
    kernels = tvl1_kernels()
    sizes = pyramid_sizes(still.shape[0], still.shape[1], chosen.scales, chosen.scale_step)
    first = _pyramid(kernels, still, sizes, chosen.scale_step)
    for number, image in enumerate(moving):
        other = validate_image(image, "moving" if number == 0 else f"moving image {number}")
        if other.shape != np.shape(reference):
            raise ValueError(
                f"the images differ in size: reference {np.shape(reference)}, moving {other.shape}"
            )
        other = preprocess(other, chosen)
        second = _pyramid(kernels, other, sizes, chosen.scale_step)
        out = np.empty((2, *still.shape), np.float32)
        # Looked up for each image: a generator may be resumed in another thread, and the
        # buffers belong to one.
        buffers = _buffers(still.shape)
        work = kernels.solve(
            first, second, sizes, out,
            buffers.fields, buffers.image, buffers.copy, buffers.change,
            chosen.scale_step, chosen.tau, chosen.lambda_, chosen.theta, chosen.epsilon,
            chosen.warps, chosen.outer_iterations, chosen.inner_iterations, chosen.median,
        )  # fmt: skip
        yield crop_border(out, chosen.border), int(work)


def compile_all() -> None:
    """Compile the kernels now (8 s), so that worker processes only load them (0.3 s)."""
    still = np.zeros((MIN_SIDE, MIN_SIDE), np.uint8)
    tvl1(still, still)


def validate_image(image: NDArray[Any], name: str) -> Floats:
    """Return an image (H, W) as contiguous float32 from 0 to 255.

    Raises
    ------
    ValueError
        If its shape, size, type or values are not those of `tvl1`. ``name`` says
        which image it is.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"{name} has the shape {image.shape}: give grey images (H, W)")
    if min(image.shape) < MIN_SIDE:
        raise ValueError(f"{name} is {image.shape}: each side must have {MIN_SIDE} px or more")
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


def preprocess(image: Floats, settings: Tvl1Settings) -> Floats:
    """Return an image (H, W) with its border mirrored and smoothed as the settings say."""
    if settings.border > 0:
        image = np.pad(image, settings.border, mode="reflect")
    if settings.blur > 0:
        import cv2

        image = np.asarray(cv2.GaussianBlur(image, (0, 0), settings.blur), np.float32)
    return image


def crop_border(flow: Floats, border: int) -> Floats:
    """Return a flow (..., H, W) without the border that `preprocess` added."""
    inner = flow[..., border:-border, border:-border] if border else flow
    return np.ascontiguousarray(inner)


def pyramid_sizes(height: int, width: int, scales: int, step: float) -> NDArray[np.int64]:
    """Return the sizes (levels, 2) of a pyramid: height and width, the largest first."""
    sizes = [(height, width)]
    while len(sizes) < scales:
        height, width = round(height * step), round(width * step)
        if min(height, width) < MIN_SIDE:
            break
        sizes.append((height, width))
    # Each size follows from the rounded one before it, as in OpenCV.
    return np.array(sizes, np.int64)


def _pyramid(kernels: Any, image: Floats, sizes: NDArray[np.int64], step: float) -> Floats:
    """Return the pyramid of an image as one flat array, level after level, the largest first."""
    out = np.empty(int(sizes.prod(axis=1).sum()), np.float32)
    kernels.pyramid(image, out, sizes, step)
    return out


class _Buffers:
    """Scratch arrays for one image size, reused for every pair."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        kernels = tvl1_kernels()
        height, width = shape
        stride = int(kernels.stride_of(width))
        margin = 2 * kernels.MARGIN
        # The ten fields of a level, one row of padding above and below each.
        self.fields = np.empty(kernels.FIELDS * ((height + 2) * stride + kernels.LANES), np.float32)
        # The moving image with its two derivatives, four values a pixel, zeros around.
        self.image = np.empty((height + margin) * (width + margin) * 4, np.float32)
        # Either the median's padded copy and what it has sorted, or the flow between two levels.
        self.copy = np.empty(max((height + 9) * (width + 4), 2 * height * width), np.float32)
        # Either the squared changes of a strip, or the positions of a warped row.
        self.change = np.empty(max(kernels.STRIP * stride, 5 * width), np.float32)


def _buffers(shape: tuple[int, ...]) -> _Buffers:
    """Return this thread's buffers for an image size. Those of the last four sizes are kept."""
    if not hasattr(_THREADS, "buffers"):
        _THREADS.buffers = lru_cache(maxsize=4)(_Buffers)
    found: _Buffers = _THREADS.buffers(shape)
    return found

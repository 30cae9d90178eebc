"""Flow by facial region: histograms of its directions, and its main direction.

- HOOF: Chaudhry, Ravichandran, Hager and Vidal, "Histograms of Oriented Optical
  Flow and Binet-Cauchy Kernels on Nonlinear Dynamical Systems", CVPR 2009.
- MDMO: Liu, Zhang, Yan, Wang, Zhao and Fu, "A Main Directional Mean Optical Flow
  Feature for Spontaneous Micro-Expression Recognition", IEEE T-AFFC 7(4), 2016.

Both are over the expressive regions of ``landmarks/regions.json``, not over the
papers' grids (36 regions for MDMO). Rigid regions are left out because only the
head moves them, and the eyes because a blink is the largest movement of a face
and no expression.

Flow is an array (N, C, S, S) of the aligned face: u first, v second, x right and
y down, in any unit. Angles go from +x (the image's right) towards +y (down). Bin b
is centred on b / B of a full turn, so that a mirror image exchanges whole bins.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mepipe import assets
from mepipe.errors import UsageError

Floats = NDArray[np.float32]

BINS = 8
SAMPLES = 8
"""Sample points along a side of a cell, to compute how much of it a region covers."""


def region_names() -> tuple[str, ...]:
    """Return the names of the R regions, in the order of every array here."""
    return tuple(region.name for region in assets.regions() if region.role == "expressive")


@cache
def region_weights(size: int) -> Floats:
    """Return the share of each cell of the aligned face that each region covers.

    Parameters
    ----------
    size
        Side S of the face in cells.

    Returns
    -------
    (R, S, S) float32
        0 to 1. Shares and not a mask, because at 28x28 a region is a few cells
        wide. Read-only.

    Raises
    ------
    UsageError
        If the face is so small that a region covers none of it.
    """
    fine = size * SAMPLES
    centres = (np.arange(fine) + 0.5) / fine
    points = assets.template().points
    weights = np.stack(
        [
            _inside(region.polygon(points), centres)
            .reshape(size, SAMPLES, size, SAMPLES)
            .mean(axis=(1, 3))
            for region in assets.regions()
            if region.role == "expressive"
        ]
    ).astype(np.float32)
    if not (weights.sum(axis=(1, 2)) > 0).all():
        raise UsageError(
            f"features of {size}x{size} are too small for regions", "Make them larger."
        )
    weights.setflags(write=False)
    return weights


def _inside(polygon: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points of the grid (y, x) of ``centres`` lie in a polygon.

    The even-odd rule: a point is inside if a ray from it crosses an odd number of edges.
    """
    inside = np.zeros((len(centres), len(centres)), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crossed = (y1 > centres) != (y2 > centres)  # rows that the edge crosses
        at = x1 + (centres[crossed] - y1) * (x2 - x1) / (y2 - y1)
        inside[crossed] ^= centres < at[:, None]
    return inside


def hoof(x: Floats, bins: int = BINS) -> Floats:
    """Return each region's histogram of flow directions, weighted by magnitude.

    Parameters
    ----------
    x
        (N, C, S, S) flow, C at least 2.
    bins
        Directions B.

    Returns
    -------
    (N, R, B) float32
        The magnitude of a vector is shared by the two directions it lies
        between. A histogram sums to the mean magnitude of its region, relative
        to the mean over the clip's regions. A clip without motion is all 0.

    Notes
    -----
    Chaudhry et al. fold left onto right and normalise each histogram to 1. We keep
    the full circle, because left and right are different muscles in a face. We keep
    the magnitude of a region relative to the others, because the normalised
    histogram of a still region is noise. The amplitude of the whole clip is removed:
    it says how strong an expression is, not which one.
    """
    u, v = _flow(x)
    magnitude = np.hypot(u, v)
    place = np.mod(np.arctan2(v, u) * (bins / (2 * np.pi)), bins)
    below = np.floor(place)
    beyond = (place - below).astype(np.float32)
    below = below.astype(np.int64) % bins
    weights = _shares(x.shape[-1])
    out = np.empty((len(x), len(weights), bins), dtype=np.float32)
    for b in range(bins):
        part = magnitude * (
            (below == b) * (1 - beyond) + ((below + 1) % bins == b) * beyond
        )  # (N, S * S)
        out[:, :, b] = part @ weights.T
    mean = out.sum(axis=2).mean(axis=1)[:, None, None]
    relative: Floats = np.divide(out, mean, out=np.zeros_like(out), where=mean > 0)
    return relative


def mdmo(x: Floats, bins: int = BINS) -> tuple[NDArray[np.int64], Floats]:
    """Return each region's main direction, and the mean of the vectors that have it.

    Parameters
    ----------
    x
        (N, C, S, S) flow, C at least 2.
    bins
        Directions B. A vector belongs to the nearest.

    Returns
    -------
    (N, R) int64
        The direction of most vectors of the region (Liu et al.). Cells count by
        the share that the region covers; cells without motion do not count.
    (N, R, 2) float32
        The mean u and v of the vectors in that direction, in the flow's unit.

    Notes
    -----
    Liu et al. average over the frames of a clip. Features hold one flow field.
    """
    u, v = _flow(x)
    direction = np.round(np.arctan2(v, u) * (bins / (2 * np.pi))).astype(np.int64) % bins
    moving = (u != 0) | (v != 0)
    weights = _shares(x.shape[-1])
    of_bin = [(direction == b) & moving for b in range(bins)]
    counts = np.stack([part.astype(np.float32) @ weights.T for part in of_bin], axis=2)
    sums = np.stack(
        [np.stack([(c * part) @ weights.T for c in (u, v)], axis=2) for part in of_bin], axis=2
    )  # (N, R, B, 2)
    main = counts.argmax(axis=2)
    vectors = np.take_along_axis(sums, main[:, :, None, None], axis=2)[:, :, 0]
    number = np.take_along_axis(counts, main[:, :, None], axis=2)
    mean = np.divide(vectors, number, out=np.zeros_like(vectors), where=number > 0)
    return main, mean.astype(np.float32)


def _shares(size: int) -> Floats:
    """Return the region weights as (R, S * S) that sum to 1 for each region."""
    weights = region_weights(size)
    shares: Floats = (weights / weights.sum(axis=(1, 2), keepdims=True)).reshape(len(weights), -1)
    return shares


def _flow(x: Floats) -> tuple[Floats, Floats]:
    if x.ndim != 4 or x.shape[1] < 2 or x.shape[2] != x.shape[3]:
        raise UsageError(
            f"flow by region needs features (N, C, S, S) with u and v first, not {x.shape}",
            "Use square features of the whole aligned face.",
        )
    flat = x.reshape(len(x), x.shape[1], -1).astype(np.float32, copy=False)
    return flat[:, 0], flat[:, 1]

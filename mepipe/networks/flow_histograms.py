"""Flow by facial region: histograms of its directions, and its main direction.

- HOOF: Chaudhry, Ravichandran, Hager and Vidal, "Histograms of Oriented Optical
  Flow and Binet-Cauchy Kernels on Nonlinear Dynamical Systems", CVPR 2009.
- MDMO: Liu, Zhang, Yan, Wang, Zhao and Fu, "A Main Directional Mean Optical Flow
  Feature for Spontaneous Micro-Expression Recognition", IEEE T-AFFC 7(4), 2016.

Both over the expressive regions of ``landmarks/regions.json``: a region that
only the head moves says nothing of an expression, and a blink, which is no
expression either, is the largest movement of a face. The papers' own grids (36
regions for MDMO) are not ours.

Flow is an array (N, C, S, S) of the aligned face, u first and v second, x right
and y down; the unit does not matter. Angles go from +x (the image's right)
towards +y (down). Bin b is centred on b full turns / bins, so that a mirror
image exchanges whole bins.
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
"""Points along a side of a cell at which a region's polygon is looked up."""


def region_names() -> tuple[str, ...]:
    """Return the R regions, in the order of every array here."""
    return tuple(region.name for region in assets.regions() if region.role == "expressive")


@cache
def region_weights(size: int) -> Floats:
    """Return what share of each cell of the aligned face each region covers.

    Parameters
    ----------
    size
        Side S of the face in cells.

    Returns
    -------
    (R, S, S) float32
        0 to 1; shares, since at 28x28 a region is a few cells wide. Read-only.

    Raises
    ------
    UsageError
        If the face is so small that a region covers nothing of it.
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
    """Return which points (centres x centres; rows are y) lie in a polygon: the even-odd rule."""
    inside = np.zeros((len(centres), len(centres)), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crossed = (y1 > centres) != (y2 > centres)  # rows whose line meets the edge
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
        between. A histogram sums to its region's mean magnitude as a share of
        the mean over the clip's regions; a clip without motion is all 0.

    Notes
    -----
    Chaudhry et al. fold left onto right and make each histogram sum to 1. In a
    face left and right are different muscles, so we keep the full circle; and
    a still region would, made to sum to 1, be a loud histogram of noise, so we
    keep what a region moves in proportion to the others. The amplitude of the
    clip as a whole, which says how strongly and not what, is taken out.
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
        The direction of most vectors of the region (Liu et al.);
        cells that the region covers in part count in part, cells without motion
        not at all.
    (N, R, 2) float32
        The mean u and v of the vectors in that direction, in the flow's unit.

    Notes
    -----
    Liu et al. average over the frames of a clip; features hold one flow.
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

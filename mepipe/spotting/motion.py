"""How each facial region moves, less what the whole head does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.model import RegionPolygon

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

CELL_SHARE = 20  # a crop is this many cells wide: the grid on which head motion is fitted
RIGID_WEIGHT = 3.0  # how much more a cell on a rigid region counts
CAUCHY_SCALE = 3.0  # residuals beyond so many standard deviations lose their weight
ITERATIONS = 4


def region_mask(vertices: Float, size: int) -> Mask:
    """Return which pixels (size, size) lie in a polygon (at least one, if it is thin)."""
    import cv2

    mask = np.zeros((size, size), np.uint8)
    fixed = np.rint(vertices * 16).astype(np.int32)  # four fractional bits
    cv2.fillPoly(mask, [fixed], 1, shift=4)
    return mask.astype(np.bool_)


def face_relief(x: Float, y: Float) -> Float:
    """Return how near to the camera the skin of a face is, in inter-ocular distances.

    A frontal face as an ellipsoid with a ridge for the nose. The zero is
    arbitrary: only differences move anything when a head turns.

    Parameters
    ----------
    x, y
        In inter-ocular distances from the point between the eyes, x right, y down.
    """
    head = np.sqrt(np.clip(1 - (x / 1.35) ** 2 - ((y - 0.5) / 1.9) ** 2, 0, None))
    along = np.where(y < 0.65, (y - 0.65) / 0.45, (y - 0.65) / 0.15)
    ridge: Float = head + 0.25 * np.exp(-((x / 0.2) ** 2) - along**2)
    return ridge


def regional_motion(
    crops: NDArray[np.uint8],
    regions: Sequence[RegionPolygon],
    *,
    inter_ocular: float,
    reference: slice,
) -> Float:
    """Measure how each region moves from the reference frames to every frame.

    Dense inverse search flow (Kroeger et al., ECCV 2016) is averaged over the
    regions and over the cells of a grid. In each frame the head's motion is
    fitted to the cells as an affine field with a depth column, since turning
    moves near points more than far ones: ``u = a + b x + c y + d z``, likewise
    v, by iteratively re-weighted least squares with Cauchy's weights (Holland
    and Welsch 1977), so that what an expression moves counts as an outlier.
    Eyes take no part in the fit.

    Parameters
    ----------
    crops
        (N, S, S) uint8, aligned through one transform.
    regions
        Polygons in px of the crop.
    inter_ocular
        Distance of the eye centres in px of the crop.
    reference
        The frames whose mean is the reference.

    Returns
    -------
    (N, K, 2), float64: the mean motion of each region less the head's, px.

    Raises
    ------
    ValueError
        If the regions cover too little of the crop to fit the head's motion.
    """
    import cv2

    count, size = crops.shape[:2]
    masks = [region_mask(region.vertices, size) for region in regions]
    grid = _Grid(masks, regions, size)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Two rounds of refinement instead of five: as exact on average over a
    # region, and a quarter quicker.
    flow.setVariationalRefinementIterations(2)
    still = np.rint(crops[reference].mean(axis=0)).astype(np.uint8)

    empty = np.zeros((0, 0), np.float32)  # no flow to begin with
    cells = np.empty((count, len(grid.x), 2))
    vectors = np.empty((count, len(regions), 2))
    for index, crop in enumerate(np.ascontiguousarray(crops)):
        field = np.asarray(flow.calc(still, crop, empty), np.float32)
        cells[index] = grid.means(field)
        for k, mask in enumerate(masks):
            vectors[index, k] = field[mask].mean(axis=0) if mask.any() else 0.0

    centres = np.array([_centre(mask, size) for mask in masks])
    eyes = [k for k, region in enumerate(regions) if region.role == "eye"]
    origin = centres[eyes].mean(axis=0) if eyes else np.array([(size - 1) / 2] * 2)
    columns = _columns(grid.x, grid.y, origin, inter_ocular, relief=bool(eyes))
    head = _fit_head(cells, columns, grid.weight)
    at_regions = _columns(centres[:, 0], centres[:, 1], origin, inter_ocular, relief=bool(eyes))
    if eyes:
        # The relief is curved: a region's depth is the mean over it, not that of its centre.
        ys, xs = np.mgrid[:size, :size]
        relief = face_relief((xs - origin[0]) / inter_ocular, (ys - origin[1]) / inter_ocular)
        at_regions[:, 3] = [relief[mask].mean() if mask.any() else 0.0 for mask in masks]
    return np.asarray(vectors - np.einsum("ki,nid->nkd", at_regions, head), np.float64)


class _Grid:
    """The cells of the crop that lie on the face and off the eyes."""

    def __init__(self, masks: list[Mask], regions: Sequence[RegionPolygon], size: int) -> None:
        import cv2

        corners = np.concatenate([region.vertices for region in regions]).astype(np.float32)
        face = region_mask(cv2.convexHull(corners)[:, 0].astype(np.float64), size)
        self._cell = max(2, size // CELL_SHARE)
        self._side = size // self._cell
        eye, rigid = (
            np.any([m for m, r in zip(masks, regions, strict=True) if r.role == role], axis=0)
            if any(r.role == role for r in regions)
            else np.zeros((size, size), np.bool_)
            for role in ("eye", "rigid")
        )
        self._use = (self._pool(face) > 0.9) & (self._pool(eye) < 0.2)
        if np.count_nonzero(self._use) < 8:
            raise ValueError("the regions cover too little of the crop to fit the head's motion")
        middle = np.arange(self._side) * self._cell + (self._cell - 1) / 2
        xs, ys = np.meshgrid(middle, middle)
        self.x: Float = xs[self._use]
        self.y: Float = ys[self._use]
        self.weight: Float = 1 + RIGID_WEIGHT * self._pool(rigid)[self._use]

    def _pool(self, mask: Mask) -> Float:
        end = self._side * self._cell
        blocks = mask[:end, :end].reshape(self._side, self._cell, self._side, self._cell)
        share: Float = blocks.mean(axis=(1, 3))
        return share

    def means(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of a field (S, S, 2) in each cell in use, (P, 2)."""
        import cv2

        end = self._side * self._cell
        small = cv2.resize(
            field[:end, :end], (self._side, self._side), interpolation=cv2.INTER_AREA
        )
        return np.asarray(small, np.float32)[self._use]


def _centre(mask: Mask, size: int) -> Float:
    ys, xs = np.nonzero(mask)
    return np.array([xs.mean(), ys.mean()]) if len(xs) else np.array([(size - 1) / 2] * 2)


def _columns(x: Float, y: Float, origin: Float, inter_ocular: float, *, relief: bool) -> Float:
    u, v = (x - origin[0]) / inter_ocular, (y - origin[1]) / inter_ocular
    columns = [np.ones_like(u), u, v]
    if relief:
        columns.append(face_relief(u, v))
    return np.stack(columns, axis=1)


def _fit_head(cells: Float, columns: Float, weight: Float) -> Float:
    """Return the coefficients (N, C, 2) of the head's motion in each frame.

    ``cells`` is (N, P, 2), ``columns`` (P, C), ``weight`` (P,) the cells' own.
    """
    weights = np.broadcast_to(weight, cells.shape[:2])
    # A trace of ridge keeps flat or few cells solvable; it moves nothing else.
    ridge = 1e-9 * weight.sum() * np.eye(columns.shape[1])
    for iteration in range(ITERATIONS + 1):
        weighted = columns * weights[..., None]
        normal = np.einsum("npi,pj->nij", weighted, columns, optimize=True) + ridge
        right = np.einsum("npi,npd->nid", weighted, cells, optimize=True)
        head = np.linalg.solve(normal, right)
        if iteration == ITERATIONS:
            break
        error = np.linalg.norm(cells - np.einsum("pi,nid->npd", columns, head), axis=-1)
        # The median length of a two-dimensional Gaussian vector is 1.177 sigma.
        sigma = np.maximum(np.median(error, axis=1) / 1.177, 1e-3)
        weights = weight / (1 + (error / (CAUCHY_SCALE * sigma[:, None])) ** 2)
    return np.asarray(head, np.float64)

"""Motion of the facial regions without the head's, and the appearance of the eyes.

The face is divided into cells. The motion of a cell is measured by direct
alignment (Lucas and Kanade, IJCAI 1981; inverse compositional as in Baker and
Matthews, IJCV 2004). It is the cheapest dense method that can leave pixels out:
the eyes belong to no cell's window. So a closing lid does not drag the brow along,
as it does where flow is regularised over the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.face.head_motion import face_relief, fit_head, head_columns
from mepipe.spotting.key_frames import RegionPolygon

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

CELLS = 20  # a crop is this many cells wide
WINDOW_SHARE = 0.028  # sigma of a cell's window, as a share of the crop's side
LIGHT_SHARE = 0.0625  # sigma of the local brightness and contrast, likewise
BLUR = 1.0  # px, against noise
CONTRAST_FLOOR = 4.0  # squared grey levels: a local variance below it is noise
STEPS = 3  # of alignment, for each frame
LARGEST_STEP = 1.0  # px: beyond it the linearised image does not hold
DAMPING = 0.01  # of the median cell's texture: keeps the 2 x 2 systems solvable
SMOOTH = 0.6  # cells: a cell without texture follows its neighbours

RIGID_WEIGHT = 3.0  # added to the weight 1 of a cell that lies on a rigid region


@dataclass(frozen=True)
class FaceMotion:
    """The motion in a clip. Lengths are in inter-ocular distances.

    Parameters
    ----------
    regions
        (N, K, 2): the mean motion of each expressive region without the head's.
    head
        (N, 6): shift x and y, growth, roll, and yaw and pitch as the shift that
        they give to a point one inter-ocular distance nearer to the camera.
    eyes
        (N, E): the first principal components of the pixels of the eyes, as root
        mean square of their normalised brightness. They show blinks and gaze.
    """

    regions: Float
    head: Float
    eyes: Float


def region_mask(vertices: Float, size: int) -> Mask:
    """Return the (size, size) mask of a polygon. A thin one still covers a pixel."""
    import cv2

    mask = np.zeros((size, size), np.uint8)
    fixed = np.rint(vertices * 16).astype(np.int32)  # four fractional bits
    cv2.fillPoly(mask, [fixed], 1, shift=4)
    return mask.astype(np.bool_)


def face_motion(
    crops: NDArray[np.uint8],
    regions: Sequence[RegionPolygon],
    *,
    inter_ocular: float,
    reference: slice,
    outward: bool = False,
) -> FaceMotion:
    """Measure the motion of the face from the reference frames to every frame.

    In each frame the head's motion is fitted to the cells (`fit_head`): shift,
    growth, roll, and a shift in proportion to the relief of the face, which is
    the effect of turning. What an expression moves counts as an outlier.

    Parameters
    ----------
    crops
        (N, S, S) uint8, aligned through one transform.
    regions
        Polygons in px of the crop.
    inter_ocular
        Distance of the eye centres, px of the crop.
    reference
        The frames whose mean is the reference.
    outward
        True: from the reference to the end, then from it back to the start. A face that is
        far from the reference in the first frame would not be found at once. False: from the
        start to the end.

    Raises
    ------
    ValueError
        If the regions cover too little of the crop to fit the head's motion.
    """
    size = crops.shape[1]
    masks = {
        role: [region_mask(r.vertices, size) for r in regions if r.role == role]
        for role in ("expressive", "eye", "rigid")
    }
    eye = np.any(masks["eye"], axis=0) if masks["eye"] else np.zeros((size, size), np.bool_)
    grid = _Grid(regions, eye, size)
    still = crops[reference].astype(np.float32).mean(axis=0)
    patches = _Patches(still, eye, grid)
    cells = np.empty((len(crops), len(grid.x), 2))
    appearance = np.empty((len(crops), patches.seen), np.float32)
    motion = np.zeros((grid.side, grid.side, 2), np.float32)
    forward = range(reference.start if outward else 0, len(crops))
    for indices in (forward, range(forward.start - 1, -1, -1)):
        motion = np.zeros_like(motion)
        for index in indices:
            # Each frame starts from the motion of the one before, so three steps are enough.
            motion, appearance[index] = patches.align(crops[index], motion)
            cells[index] = motion[grid.use]

    weight = np.ones(len(grid.x))
    for mask in masks["rigid"]:
        weight += RIGID_WEIGHT * grid.pool(mask)[grid.use]
    columns = _head_columns(regions, grid, inter_ocular)
    head, rest = fit_head(cells / inter_ocular, columns, weight)
    # A region's motion is the mean over its cells, weighted by the share it covers of each.
    shares = [grid.pool(mask)[grid.use] for mask in masks["expressive"]]
    means = np.array([share / max(share.sum(), 1e-9) for share in shares])
    return FaceMotion(
        np.einsum("kp,npd->nkd", means, rest), head, _principal_components(appearance)
    )


class _Grid:
    """The cells of the crop that lie on the face and not on the eyes."""

    def __init__(self, regions: Sequence[RegionPolygon], eye: Mask, size: int) -> None:
        import cv2

        corners = np.concatenate([region.vertices for region in regions]).astype(np.float32)
        face = region_mask(cv2.convexHull(corners)[:, 0].astype(np.float64), size)
        self.size = size
        self.side = min(CELLS, size // 2)
        self.use: Mask = (self.pool(face) > 0.9) & (self.pool(eye) < 0.5)
        if np.count_nonzero(self.use) < 8:
            raise ValueError("the regions cover too little of the crop to fit the head's motion")
        centres = (np.arange(self.side) + 0.5) * size / self.side - 0.5
        xs, ys = np.meshgrid(centres, centres)
        self.x: Float = xs[self.use]
        self.y: Float = ys[self.use]

    def pool(self, mask: Mask) -> Float:
        """Return the share of each cell that a mask covers, (C, C)."""
        import cv2

        shape = (self.side, self.side)
        small = cv2.resize(mask.astype(np.float32), shape, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float64)


class _Patches:
    """The reference frame, prepared for alignment with others cell by cell.

    Inverse compositional: gradients and the 2 x 2 matrices of the cells are the
    reference's, so they are computed once for all frames.
    """

    def __init__(self, still: Float32, eye: Mask, grid: _Grid) -> None:
        import cv2

        self._grid = grid
        self._ys, self._xs = np.mgrid[: grid.size, : grid.size].astype(np.float32)
        self._window = _window_means(grid.size, grid.side)
        # Every second pixel of the eyes is enough: neighbours are blurred together.
        rows, columns = (2 * axis for axis in np.nonzero(eye[::2, ::2]))
        self._eyes = rows, columns
        self.seen = len(rows)
        self._still = _normalise_contrast(still)
        skin = (~eye).astype(np.float32)
        gradients = [
            np.asarray(cv2.Sobel(self._still, cv2.CV_32F, *axis, ksize=3, scale=1 / 8), np.float32)
            for axis in ((1, 0), (0, 1))
        ]
        self._gx, self._gy = (gradient * skin for gradient in gradients)
        # The structure tensor [[a, b], [b, c]] of each cell, eyes left out.
        a, b, c = (
            self._windows(one * other)
            for one, other in (
                (self._gx, self._gx), (self._gx, self._gy), (self._gy, self._gy)
            )
        )  # fmt: skip
        damping = DAMPING * float(np.median((a + c)[grid.use])) + 1e-9
        a, c = a + damping, c + damping
        # Its inverse, as (c, -b, a) over the determinant.
        self._inverse = np.stack([c, -b, a]) / (a * c - b * b)

    def _windows(self, field: Float32) -> Float32:
        """Return the windowed means of fields (..., S, S) at each cell, (..., C, C)."""
        return np.asarray(self._window @ field @ self._window.T, np.float32)

    def align(self, crop: NDArray[np.uint8], motion: Float32) -> tuple[Float32, Float32]:
        """Return the refined motion (C, C, 2) of the cells, and the look of the eyes, (E,).

        The look is that of every second pixel, with the motion undone, of the crop (S, S)
        normalised in contrast.
        """
        import cv2

        even = _normalise_contrast(crop.astype(np.float32))
        size = (self._grid.size, self._grid.size)
        i, j, k = self._inverse
        for _ in range(STEPS):
            dense = cv2.resize(motion, size, interpolation=cv2.INTER_LINEAR)
            error = self._still - _moved(even, self._xs + dense[..., 0], self._ys + dense[..., 1])
            p, q = self._windows(np.stack([self._gx * error, self._gy * error]))
            change = np.stack([i * p + j * q, j * p + k * q], axis=-1)
            motion = motion + np.clip(change, -LARGEST_STEP, LARGEST_STEP)
            motion = np.asarray(cv2.GaussianBlur(motion, (0, 0), SMOOTH), np.float32)
        if not self.seen:
            return motion, np.empty(0, np.float32)
        at = self._eyes
        x, y = np.moveaxis(cv2.resize(motion, size, interpolation=cv2.INTER_LINEAR)[at], -1, 0)
        looks = _moved(even, (self._xs[at] + x)[:, None], (self._ys[at] + y)[:, None])
        return motion, looks[:, 0]


def _moved(image: Float32, x: Float32, y: Float32) -> Float32:
    """Return the image at places x, y (A, B) between its pixels."""
    import cv2

    moved = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _window_means(size: int, side: int) -> Float32:
    """Return the matrix (C, S) by which a column of pixels becomes windowed means of the cells.

    A Gaussian's blur and the mean over each cell, both linear and separable: applied to rows
    and columns, it is one product of small matrices instead of a blur of the whole crop.
    """
    import cv2

    sigma = WINDOW_SHARE * size
    kernel = cv2.getGaussianKernel(round(8 * sigma + 1) | 1, sigma, cv2.CV_32F)
    blurred = cv2.sepFilter2D(
        np.eye(size, dtype=np.float32), -1, np.ones((1, 1), np.float32), kernel
    )
    return np.asarray(cv2.resize(blurred, (size, side), interpolation=cv2.INTER_AREA), np.float32)


def _normalise_contrast(image: Float32) -> Float32:
    """Return the image with locally normalised brightness and contrast.

    A moving light and the flicker of lamps vanish: the local mean is subtracted,
    and the rest divided by the local standard deviation.
    """
    import cv2

    sigma = LIGHT_SHARE * image.shape[0]
    smooth = cv2.GaussianBlur(image, (0, 0), BLUR)
    detail = smooth - cv2.GaussianBlur(smooth, (0, 0), sigma)
    power = cv2.GaussianBlur(detail * detail, (0, 0), sigma)
    return np.asarray(detail / np.sqrt(power + CONTRAST_FLOOR), np.float32)


def _head_columns(regions: Sequence[RegionPolygon], grid: _Grid, inter_ocular: float) -> Float:
    """Return the motion in each of P cells by each parameter of the head, (P, 2, 6)."""
    eyes = [region.vertices.mean(axis=0) for region in regions if region.role == "eye"]
    origin = np.mean(eyes, axis=0) if eyes else np.array([(grid.size - 1) / 2] * 2)
    x, y = (grid.x - origin[0]) / inter_ocular, (grid.y - origin[1]) / inter_ocular
    # Without eye regions it is unknown where the relief lies: then turning is not modelled.
    relief = face_relief(x, y) if eyes else np.zeros_like(x)
    return head_columns(x, y, relief)


def _principal_components(appearance: Float32, count: int = 2) -> Float:
    """Return the scores (N, count) of the first principal components of pixels (N, P)."""
    if not appearance.shape[1]:
        return np.zeros((len(appearance), 0))
    centred = (appearance - np.median(appearance, axis=0)).astype(np.float64)
    frames, pixels = appearance.shape
    if frames > pixels:
        # The smaller of the two matrices of products has the same scores, up to their signs.
        values, axes = np.linalg.eigh(centred.T @ centred / pixels)
        largest = axes[:, ::-1][:, :count]
        return np.asarray(centred @ largest / np.sqrt(pixels), np.float64)
    # There are fewer frames than pixels, so the N x N matrix of products is decomposed.
    values, vectors = np.linalg.eigh(centred @ centred.T / pixels)
    size = np.sqrt(np.clip(values[::-1][:count], 0, None))
    return np.asarray(vectors[:, ::-1][:, :count] * size, np.float64)

"""The motion of a head between two frames, turning included.

A similarity cannot follow a head that turns: the nose moves further than the temples.
So the two frames are aligned directly (Lucas and Kanade, IJCAI 1981) cell by cell, all over
the face at half the resolution, and one head is fitted to all cells: shift, growth, roll,
and a shift in proportion to the relief of a face (`mepipe.face.head_motion`). A cell counts
as far as its texture tells the motion; cells that move otherwise (an expression) are
weighted down by Tukey's biweight. The moving frame is brought back by what was found, and
the rest is measured again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.face.head_motion import face_relief, head_columns
from mepipe.flow.light import light_ratio
from mepipe.flow.robust import median, tukey_weights

Float = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

MODEL_VERSION = 2
"""Increased whenever the same frames would give another motion. It is in the keys of flow."""

CELLS = 28
RIGID_WEIGHT = 3.0  # added to the weight 1 of a cell that lies on a rigid region
EXPRESSIVE_WEIGHT = 0.3  # times the weight of a cell that expressions move
REDUCTION = 2  # the head's motion is smooth: a quarter of the pixels is enough
# Blur of each round, px of the reduced face. A linearised image holds over about one blur width.
BLURS = (2.0, 1.0, 0.5, 0.5)
REWEIGHTED = 6  # times in each round
# Of what a head leaves (mean squares): a motion smaller than this is not told from the bias that
# the expression gives to the fit. Still heads show up to 0.16 of it, drifting ones 0.5 and more.
BIAS = 0.25
CERTAIN = 2.0


@dataclass(frozen=True)
class HeadMotion:
    """How a head has moved.

    Parameters
    ----------
    motion
        (2, 3), px of the aligned face: the similarity, as from `estimate_motion`.
    head
        (6,), in inter-ocular distances: what is left after it. Shift x and y, growth,
        roll, and yaw and pitch as the shift that they give to a point one
        inter-ocular distance nearer to the camera.
    share
        How much of what was measured this is, 0 to 1.
    """

    motion: Float
    head: Float
    share: float = 1.0


class HeadModel:
    """The points of the aligned face at which the head's motion is measured.

    Parameters
    ----------
    face, eyes, rigid, expressive
        (S, S) masks: the face as far as its regions go, the eyes (which are left
        out), and the regions that move with the head alone and with an expression.
    origin
        (2,), the point between the eyes, px.
    inter_ocular
        Distance of the eye centres, px.

    Raises
    ------
    ValueError
        If the face covers too little to fit the head's motion.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow.head import HeadModel
    >>> face, none = np.ones((96, 96), bool), np.zeros((96, 96), bool)
    >>> model = HeadModel(face, none, none, none, np.array([48.0, 36.0]), 38.0)
    >>> u, v = model.field(np.array([0, 0, 0, 0, 0.02, 0]))
    >>> u[30:70:20, 48].round(2), float(abs(v).max())
    (array([0.72, 0.89], dtype=float32), 0.0)
    """

    def __init__(
        self,
        face: Mask,
        eyes: Mask,
        rigid: Mask,
        expressive: Mask,
        origin: Float,
        inter_ocular: float,
    ) -> None:
        size = face.shape[0]
        self.inter_ocular = inter_ocular
        self._use: Mask = (_pooled(face) > 0.9) & (_pooled(eyes) < 0.5)
        if np.count_nonzero(self._use) < 8:
            raise ValueError("the face covers too little of the crop to fit the head's motion")
        weight = 1 + RIGID_WEIGHT * _pooled(rigid)
        weight *= 1 - (1 - EXPRESSIVE_WEIGHT) * _pooled(expressive & ~rigid)
        self._weight: Float = weight[self._use]
        self._whole = _Square.at(np.arange(size, dtype=np.float64), origin, inter_ocular)
        middles = REDUCTION * np.arange(size // REDUCTION) + (REDUCTION - 1) / 2
        self._reduced = _Square.at(middles, origin, inter_ocular)
        centres = (np.arange(CELLS) + 0.5) * size / CELLS - 0.5
        square = _Square.at(centres, origin, inter_ocular)
        x, y = np.meshgrid(square.x, square.y)
        self._cells = head_columns(x, y, square.relief)[self._use] * inter_ocular
        # The same, a row for each of both directions: one product of a matrix, not many small ones.
        self._rows: Float = self._cells.reshape(-1, 6)
        ys, xs = np.meshgrid(centres, centres, indexing="ij")
        self._points: Float = np.stack([xs[self._use], ys[self._use]], axis=1)

    def field(self, head: Float) -> NDArray[np.float32]:
        """Return the flow (2, S, S), px, of a head (6,)."""
        return self._whole.motion(head * self.inter_ocular)

    def brought_back(self, small: Image, head: Float) -> Image:
        """Return a reduced face with the motion of a head (6,) undone."""
        return _moved(small, self._reduced.motion(head * self.inter_ocular / REDUCTION))

    def step(self, still: Image, other: Image) -> tuple[Float, Cells]:
        """Return the head (6,) between two reduced faces that differ little, and what it leaves.

        For each cell the squared difference after a motion d is d A d + 2 b d and a constant,
        with the texture A = sum of g g' over its pixels and b = sum of g times the difference.
        The head is the minimum of the weighted sum of all.
        """
        import cv2

        mean, difference = (still + other) / 2, other - still
        across, down = (
            np.asarray(cv2.Sobel(mean, cv2.CV_32F, *way, ksize=1), np.float32) / (2 * REDUCTION)
            for way in ((1, 0), (0, 1))
        )
        xx, xy, yy, bx, by = (
            _pooled(np.asarray(part, np.float32))[self._use]
            for part in (
                across * across, across * down, down * down, across * difference, down * difference,
            )
        )  # fmt: skip
        texture = np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)
        slope = np.stack([bx, by], axis=1)
        # Where a cell has no texture, or only along one way, its own motion is taken for small.
        damped = texture + (0.01 * median(xx + yy) + 1e-9) * np.eye(2)
        own = -np.linalg.solve(damped, slope[..., None])[..., 0]
        columns = self._cells
        seen = columns.transpose(0, 2, 1) @ texture
        normal = (seen @ columns).reshape(len(own), -1)
        right = -(columns.transpose(0, 2, 1) @ slope[..., None])[..., 0]
        weight, ridge = self._weight, 1e-9 * np.eye(6)
        for repeat in range(REWEIGHTED + 1):
            head = np.linalg.solve((weight @ normal).reshape(6, 6) + ridge, weight @ right)
            explained = (self._rows @ head).reshape(-1, 2)
            cells = Cells(np.asarray(own - explained, np.float64), texture)
            if repeat < REWEIGHTED:
                error = np.sqrt(cells.squares(cells.rest))
                # The median length of a two-dimensional Gaussian vector is 1.177 sigma.
                sigma = median(error) / 1.177 + 1e-9
                weight = self._weight * tukey_weights(error, sigma)
        return np.asarray(head, np.float64), cells

    def certainty(self, found: HeadMotion, cells: Cells) -> float:
        """Return how much of a motion is to be believed, 0 to 1, by what it leaves.

        Firm shrinkage (Gao and Bruce, 1997): a motion that the expression may have lent to
        the fit is none. Undoing it would cost more of a small expression than it saves.
        """
        linear, shift = found.motion[:, :2], found.motion[:, 2]
        moved = self._points @ linear.T + shift - self._points + self._cells @ found.head
        explained, left = (
            float(self._weight @ cells.squares(part)) for part in (moved, cells.rest)
        )
        if explained == 0:
            return 0.0
        return float(np.clip(CERTAIN * (1 - BIAS * left / explained), 0, 1))


@dataclass(frozen=True)
class _Square:
    """The points of a square: ``x`` and ``y`` (N,) along its sides, ``relief`` (N, N) on it.

    All in inter-ocular distances, from the point between the eyes.
    """

    x: Float
    y: Float
    relief: Float

    @classmethod
    def at(cls, along: Float, origin: Float, inter_ocular: float) -> _Square:
        """Return the points ``along`` (N,) both sides, px, of a face with its eyes there."""
        x, y = ((along - middle) / inter_ocular for middle in origin)
        return cls(x, y, face_relief(*np.meshgrid(x, y)))

    def motion(self, head: Float) -> NDArray[np.float32]:
        """Return the motion (2, N, N) by a head (6,): the sum of `head_columns`, in its unit.

        Only what is not the same in a whole row or column is computed for each point.
        """
        across, down, growth, roll, yaw, pitch = (float(value) for value in head)
        moved = np.empty((2, *self.relief.shape), np.float32)
        # In the order of the columns, which decides the last bits.
        moved[0] = (across + self.x * growth) + (-self.y * roll)[:, None] + self.relief * yaw
        moved[1] = (down + self.y * growth)[:, None] + self.x * roll + self.relief * pitch
        return moved


@dataclass(frozen=True)
class Cells:
    """What a head leaves of the motion of the cells: ``rest`` (P, 2), px; and their ``texture``.

    ``texture`` (P, 2, 2), squared grey levels a px, says how well the motion is seen.
    """

    rest: Float
    texture: Float

    def squares(self, motion: Float) -> Float:
        """Return the squared difference (P,) that a motion (P, 2) makes in the pictures."""
        seen = (self.texture @ motion[..., None])[..., 0]
        return np.asarray(np.maximum((seen * motion).sum(axis=1), 0), np.float64)


def estimate_head(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], motion: Float, model: HeadModel
) -> HeadMotion:
    """Measure the head's motion after a similarity has been undone.

    Parameters
    ----------
    reference
        (S, S) uint8, the aligned face.
    moving
        (S, S) uint8, the other face with ``motion`` undone.
    motion
        (2, 3), as from `mepipe.flow.estimate_motion`.
    model
        Of the same size.

    Returns
    -------
    The motion as far as it is certain: none at all for a head that keeps still, the whole
    of it for one that moves.
    """
    import cv2

    small, whole = _reduced(reference), _reduced(moving)
    head = np.zeros(6)
    for blur in BLURS:
        back = model.brought_back(whole, head) if head.any() else whole
        back = back * light_ratio(small, back)
        still, other = (
            np.asarray(cv2.GaussianBlur(one, (0, 0), blur), np.float32) for one in (small, back)
        )
        found, cells = model.step(still, other)
        head = head + found
    share = model.certainty(HeadMotion(motion, head), cells)
    # Between none and all of it, a similarity near the identity stays one.
    return HeadMotion(np.eye(2, 3) + share * (motion - np.eye(2, 3)), share * head, share)


def undo_head(image: NDArray[np.uint8], head: Float, model: HeadModel) -> NDArray[np.uint8]:
    """Return a face (S, S) uint8 with the motion of a head (6,) undone. None gives the face."""
    if not head.any():
        return image
    return np.asarray(_moved(image, model.field(head)), np.uint8)


def fade_outside(
    flow: NDArray[np.float32], inside: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Return a flow (2, S, S) that fades outside the face, where a head's motion was undone.

    What lies behind a head does not follow it: undoing the head's motion moves it. A head
    that kept still (``share`` 0) leaves the flow as it is.

    Parameters
    ----------
    flow
        (2, S, S).
    inside
        (S, S), 1 on the face and 0 outside.
    share
        Of `HeadMotion`.
    """
    if share == 0:
        return flow
    return flow * (1 - np.float32(share) * (1 - inside))


def _moved(image: NDArray[Any], flow: NDArray[np.float32]) -> NDArray[Any]:
    """Return what an image has at each pixel plus the flow."""
    import cv2

    y, x = (np.arange(side, dtype=np.float32) for side in image.shape)
    across, down = flow[0] + x, flow[1] + y[:, None]
    # Bicubic, because it is the second interpolation, and linear ones would blur.
    return np.asarray(
        cv2.remap(image, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def _reduced(image: NDArray[np.uint8]) -> Image:
    import cv2

    size = image.shape[1] // REDUCTION, image.shape[0] // REDUCTION
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _pooled(field: NDArray[np.float32] | Mask) -> Float:
    """Return the mean of each cell, (CELLS, CELLS)."""
    import cv2

    values = np.asarray(field, np.float32)
    return np.asarray(cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float64)

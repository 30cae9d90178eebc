"""The motion of a head between two frames, turning included.

A similarity cannot follow a head that turns: the nose moves further than the temples.
So the motion is measured all over the face by flow at half the resolution, and the head
is fitted to it (`mepipe.face.head_motion.fit_head`): shift, growth, roll, and a shift in
proportion to the relief of a face. The moving frame is brought back by what was found,
and the rest is measured in another round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.face.head_motion import face_relief, fit_head, head_columns
from mepipe.flow.engine import tvl1
from mepipe.flow.light import even_light
from mepipe.flow.settings import PRESETS

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

CELLS = 28
RIGID_WEIGHT = 3.0  # added to the weight 1 of a cell that lies on a rigid region
EXPRESSIVE_WEIGHT = 0.3  # times the weight of a cell that expressions move
ROUNDS = 2  # a third gains nothing on turns of 2 degrees, and eats of the expression
QUICK = replace(PRESETS["subtle"], warps=2, border=6)
REDUCTION = 2  # the head's motion is smooth: a quarter of the pixels is enough
# Weighted mean squares: a head that moves less than what it leaves is not told from it.
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
    """

    motion: Float
    head: Float


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
    >>> turned = model.field(np.array([0, 0, 0, 0, 0.02, 0]))
    >>> model.fit(turned)[0].round(3) + 0.0
    array([0.  , 0.  , 0.  , 0.  , 0.02, 0.  ])
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
        columns = self._columns_at(np.arange(size, dtype=np.float64), origin)
        self._columns: Float = np.ascontiguousarray(columns.transpose(3, 2, 0, 1))
        centres = (np.arange(CELLS) + 0.5) * size / CELLS - 0.5
        self._cells = self._columns_at(centres, origin)[self._use]
        ys, xs = np.meshgrid(centres, centres, indexing="ij")
        self._points: Float = np.stack([xs[self._use], ys[self._use]], axis=1)

    def _columns_at(self, along: Float, origin: Float) -> Float:
        x, y = np.meshgrid(
            (along - origin[0]) / self.inter_ocular, (along - origin[1]) / self.inter_ocular
        )
        return head_columns(x, y, face_relief(x, y))

    def fit(self, flow: NDArray[np.float32]) -> tuple[Float, Float]:
        """Return the head (6,) in a flow (2, S, S) px, and what it leaves of the cells (P, 2)."""
        cells = np.stack([_pooled(part)[self._use] for part in flow], axis=1)
        head, rest = fit_head(cells[None] / self.inter_ocular, self._cells, self._weight)
        return head[0], rest[0]

    def field(self, head: Float) -> NDArray[np.float32]:
        """Return the flow (2, S, S), px, of a head (6,)."""
        # A plain sum: the threads of a matrix product would cost more than they save.
        moved = sum(
            column * value
            for column, value in zip(self._columns, head * self.inter_ocular, strict=True)
        )
        return np.asarray(moved, np.float32)

    def certainty(self, found: HeadMotion, rest: Float) -> float:
        """Return how much of a motion is to be believed, 0 to 1, where a fit leaves ``rest``.

        Firm shrinkage (Gao and Bruce, 1997): a motion that is smaller than what it leaves
        is none. Measuring a still head has an error of 0.03 px, and undoing that costs more
        of a small expression than it saves.
        """
        linear, shift = found.motion[:, :2], found.motion[:, 2]
        moved = (self._points @ linear.T + shift - self._points) / self.inter_ocular
        moved += self._cells @ found.head
        explained, left = (
            float(np.average((part**2).sum(axis=1), weights=self._weight)) for part in (moved, rest)
        )
        if explained == 0:
            return 0.0
        return float(np.clip(CERTAIN * (1 - left / explained), 0, 1))


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
    of it for one that moves by more than the expression.
    """
    head, rest = np.zeros(6), np.zeros((1, 2))
    for _ in range(ROUNDS):
        back = undo_head(moving, head, model)
        still, other = (_reduced(image) for image in even_light(reference, back))
        flow = tvl1(still, other, QUICK) * np.float32(REDUCTION)
        found, rest = model.fit(flow)
        head = head + found
    whole = HeadMotion(motion, head)
    share = model.certainty(whole, rest)
    # Between none and all of it, a similarity near the identity stays one.
    return HeadMotion(np.eye(2, 3) + share * (motion - np.eye(2, 3)), share * head)


def undo_head(image: NDArray[np.uint8], head: Float, model: HeadModel) -> NDArray[np.uint8]:
    """Return a face (S, S) uint8 with the motion of a head (6,) undone. None gives the face."""
    if not head.any():
        return image
    import cv2

    u, v = model.field(head)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    # Bicubic, because it is the second interpolation, and linear ones would blur.
    back = cv2.remap(image, x + u, y + v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(back, np.uint8)


def _reduced(image: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    size = image.shape[1] // REDUCTION, image.shape[0] // REDUCTION
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.asarray(small, np.float32), 0, 1)


def _pooled(field: NDArray[np.float32] | Mask) -> Float:
    """Return the mean of each cell, (CELLS, CELLS)."""
    import cv2

    values = np.asarray(field, np.float32)
    return np.asarray(cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float64)

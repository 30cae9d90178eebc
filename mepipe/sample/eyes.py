"""Draw blinks and shifts of gaze on a synthetic face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.sample.movement import Pull

Float32 = NDArray[np.float32]

_SOFT = 0.6  # px over which a lid's edge fades into the eye
# Skin that moves with a blink: the lower lid towards the nose, the brow slightly down.
COUPLED = (
    Pull({41: 0.5, 40: 0.5}, (0.5, -0.2), 0.08),
    Pull({19: 1.0}, (0.0, 0.45), 0.18),
    Pull({21: 1.0}, (0.1, 0.35), 0.15),
)


@dataclass(frozen=True)
class Eye:
    """One eye's opening, by columns of the frame.

    ``box`` is x0, y0, x1, y1 in px. For each column: ``top`` and ``bottom`` of
    the opening, and ``fold``, above which the closing lid moves no skin (px).
    ``across`` is -1 to 1 from corner to corner.
    """

    box: tuple[int, int, int, int]
    top: Float32
    bottom: Float32
    fold: Float32
    across: Float32


def find_eyes(landmarks: NDArray[np.float64]) -> tuple[Eye, Eye]:
    """Return both eyes of a face with level eyes; ``landmarks`` is (68, 2) in px."""
    return _eye(landmarks[36:42]), _eye(landmarks[[42, 43, 44, 45, 46, 47]])


def _eye(points: NDArray[np.float64]) -> Eye:
    outer, inner = points[0], points[3]
    left, right = min(outer[0], inner[0]), max(outer[0], inner[0])
    x = np.arange(int(np.floor(left)) - 1, int(np.ceil(right)) + 2)
    line = np.interp(x, sorted((outer[0], inner[0])), points[[0, 3]][:, 1])
    across = np.clip(2 * (x - left) / (right - left) - 1, -1, 1)
    arch = 1 - across**2
    upper = max(float((points[[0, 3]][:, 1].mean() - points[[1, 2]][:, 1]).mean()), 1.0) / 0.8
    lower = max(float((points[[4, 5]][:, 1] - points[[0, 3]][:, 1].mean()).mean()), 1.0) / 0.8
    top, bottom = line - upper * arch, line + lower * arch
    # The fold lies about an opening's height above the lid, and flattens at the corners.
    fold = top - 0.9 * (upper + lower) * (0.25 + 0.75 * arch)
    box = (int(x[0]), int(fold.min()) - 3, int(x[-1]) + 1, int(bottom.max()) + 4)
    return Eye(box, *(np.asarray(part, np.float32) for part in (top, bottom, fold, across)))


def look_up(
    eye: Eye, at_x: Float32, at_y: Float32, closed: float, gaze: NDArray[np.float64]
) -> tuple[Float32, Float32, Float32]:
    """Return where skin and eye are read, for pixels of a face with open eyes.

    Parameters
    ----------
    at_x, at_y
        Head coordinates of the pixels, px.
    closed
        0 (open) to 1.
    gaze
        (2,): how far the eye has turned, px of its surface.

    Returns
    -------
    skin_y
        Where the skin's pixel is read, px; its column stays.
    eye_x
        Where the eye's is; it is read at ``at_y - gaze[1]``.
    open_
        0 to 1: how much of a pixel is eye.
    """
    first = float(eye.box[0])

    def column(values: Float32) -> Float32:
        return np.asarray(np.interp(at_x - first, np.arange(len(values)), values), np.float32)

    top, bottom, fold, across = (column(v) for v in (eye.top, eye.bottom, eye.fold, eye.across))
    edge = top + np.float32(0.96 * closed) * (bottom - top)
    inside = (at_y > fold) & (at_y <= edge)
    stretched = fold + (at_y - fold) * (top - fold) / np.maximum(edge - fold, 1e-3)
    skin_y = np.where(inside, stretched, at_y)
    # Above the lower lid, what the closing lid does not cover is eye.
    open_ = np.clip((at_y - edge) / _SOFT + 0.5, 0, 1) * np.clip(
        (bottom - at_y) / _SOFT + 0.5, 0, 1
    )
    window = (1 - across**2) ** 2
    return (
        np.asarray(skin_y, np.float32),
        np.asarray(at_x - gaze[0] * window, np.float32),
        np.asarray(open_ * (bottom - top > 1), np.float32),
    )

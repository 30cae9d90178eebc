"""One clip's features as a picture: flow as colour, strain as grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.viz.clip_picture import flow_colours

_SIDE = 224  # px of each half, about
_GAP = 4  # px


def tensor_picture(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the features of a clip as a picture: flow left, strain right.

    Hue is the direction of the motion and depth its length, full at the clip's
    largest; strain is grey, white at its largest.

    Parameters
    ----------
    x
        (3, S, S): u (right), v (down) and strain; 0 means no motion.

    Returns
    -------
    picture
        (H, W, 3) uint8, R G B; each cell of ``x`` is a square of it.

    Examples
    --------
    >>> tensor_picture(np.zeros((3, 28, 28), np.float32)).shape
    (224, 452, 3)
    """
    colours = flow_colours(x[:2], float(np.hypot(x[0], x[1]).max()))
    largest = float(x[2].max())
    grey = np.clip(x[2] / largest, 0, 1) if largest > 0 else np.zeros_like(x[2])
    strain = np.repeat((255 * grey).round().astype(np.uint8)[..., None], 3, axis=2)
    times = max(1, round(_SIDE / x.shape[1]))
    halves = [np.kron(half, np.ones((times, times, 1), np.uint8)) for half in (colours, strain)]
    gap = np.full((halves[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.hstack([halves[0], gap, halves[1]])


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, (H, W, 3) R G B or (H, W) grey, as the bytes of a PNG file.

    >>> png(np.zeros((4, 4), np.uint8))[1:4]
    b'PNG'
    """
    import cv2

    shown = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    done, data = cv2.imencode(".png", shown)
    if not done:
        raise AssertionError("OpenCV did not encode a picture")
    return data.tobytes()

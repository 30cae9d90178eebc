"""Small pictures of a clip for the report, and the key of the flow's colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.viz.clip_picture import flow_colours

SIDE = 96  # px
LARGE = 320  # px, at most: those that are looked at
_QUALITY = 65
_GOOD = 80  # where a movement of a px is looked for
_WEBP_QUALITY = 72


def thumbnail(image: NDArray[np.uint8], side: int = SIDE) -> bytes:
    """Return an image, (S, S) grey or (S, S, 3) R G B uint8, as JPEG of ``side`` px.

    WebP would take a third less space and 20 times as long: half of the work of a report.

    >>> len(thumbnail(np.zeros((224, 224), np.uint8))) < 1000
    True
    """
    import cv2

    shrinks = image.shape[0] > side
    way = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    sized = cv2.resize(image, (side, side), interpolation=way)
    quality = _QUALITY if side <= SIDE else _GOOD
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    ordered = sized if sized.ndim == 2 else sized[..., ::-1]  # OpenCV writes B G R
    return _encoded(".jpg", np.asarray(ordered, np.uint8), options)


def frame_picture(image: NDArray[np.uint8], longest: int = LARGE) -> bytes:
    """Return a frame, (H, W) grey or (H, W, 3) B G R uint8, as a small WebP with its proportions.

    >>> len(frame_picture(np.zeros((480, 640, 3), np.uint8))) < 500
    True
    """
    import cv2

    share = min(1.0, longest / max(image.shape[:2]))
    height, width = (max(1, round(share * side)) for side in image.shape[:2])
    sized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return _encoded(".webp", np.asarray(sized, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])


def flow_picture(flow: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Return a flow as colours, and the length that they are relative to.

    Parameters
    ----------
    flow
        (2, S, S): u (right) and v (down), px.

    Returns
    -------
    picture
        (S, S, 3) R G B.
    largest
        The length in px that the rim of `flow_key` stands for.

    Examples
    --------
    >>> flow_picture(np.full((2, 28, 28), 3.0, np.float32))[1].__round__(3)
    4.243
    """
    largest = float(np.quantile(np.hypot(*flow), 0.999))
    return flow_colours(flow, largest), largest


def strain_picture(strain: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Return optical strain (S, S) as colours (S, S, 3), R G B, and the strain that is brightest.

    >>> strain_picture(np.full((28, 28), 0.5, np.float32))[1]
    0.5
    """
    import cv2

    # The rim of the crop strains where flow leaves it.
    rim = strain.shape[0] // 28
    inner = strain[rim : strain.shape[0] - rim, rim : strain.shape[1] - rim]
    largest = float(np.quantile(inner, 0.999))
    levels = np.clip(255 * strain / max(largest, 1e-9), 0, 255).astype(np.uint8)
    coloured = cv2.applyColorMap(levels, cv2.COLORMAP_MAGMA)
    return np.asarray(coloured[..., ::-1], np.uint8), largest


def flow_thumbnail(flow: NDArray[np.float32], side: int = SIDE) -> tuple[bytes, float]:
    """Return `flow_picture` as a JPEG of ``side`` px, and its largest length in px.

    >>> flow_thumbnail(np.full((2, 28, 28), 3.0, np.float32))[1].__round__(3)
    4.243
    """
    coloured, largest = flow_picture(flow)
    return thumbnail(coloured, side), largest


def strain_thumbnail(strain: NDArray[np.float32], side: int = SIDE) -> tuple[bytes, float]:
    """Return `strain_picture` as a JPEG of ``side`` px, and the strain that is brightest.

    >>> strain_thumbnail(np.full((28, 28), 0.5, np.float32))[1]
    0.5
    """
    coloured, largest = strain_picture(strain)
    return thumbnail(coloured, side), largest


def flow_key() -> bytes:
    """Return the key of the flow's colours (PNG): each place has the colour of motion towards it.

    >>> flow_key()[1:4]
    b'PNG'
    """
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    disc = flow_colours(np.stack([x, y]).astype(np.float32), 1.0)
    inside = (255 * np.clip(31.5 * (1 - np.hypot(x, y)), 0, 1)).astype(np.uint8)
    return _encoded(".png", np.dstack([disc[..., ::-1], inside]), [])


def _encoded(kind: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    import cv2

    done, data = cv2.imencode(kind, np.ascontiguousarray(image), options)
    assert done
    return data.tobytes()

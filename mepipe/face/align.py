"""Similarity transforms between an image and the template, and the aligned face.

A transform is a (2, 3) matrix [A | t] with A = s R (scale and rotation, no
reflection) that takes px of the frame, pixel centres at whole numbers, to
fractions of the side of the square aligned face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.smoothing import gaussian_mean

Float = NDArray[np.float64]


def fit_similarity(points: Float, target: Float) -> Float:
    """Return the similarity (2, 3) that takes ``points`` to ``target`` with least squares.

    In complex numbers the similarity is z -> a z + b, which is linear in a and
    b, so the fit has a closed form (the plane's case of Umeyama, TPAMI 1991).

    Parameters
    ----------
    points, target
        (N, 2), N of 2 or more, in any unit.

    Raises
    ------
    BadDataError
        If all points coincide.
    """
    z, w = _complex(points), _complex(target)
    z0, w0 = z.mean(), w.mean()
    spread = float(np.sum(np.abs(z - z0) ** 2))
    if spread == 0:
        raise BadDataError(
            "all landmarks of the face coincide", "Use a clip in which the face is larger."
        )
    a = np.sum(np.conj(z - z0) * (w - w0)) / spread
    return _matrix(complex(a), complex(w0 - a * z0))


def steady(transforms: Float, times_ms: Float, sigma_ms: float) -> Float:
    """Smooth a clip's transforms over time, so that they do not jitter.

    Each becomes the mean of those around it, weighted by a Gaussian of their
    distance in time. The mean of similarities [[a, -b, x], [b, a, y]] is one
    too, so smoothing the entries is enough.

    Parameters
    ----------
    transforms
        (N, 2, 3).
    times_ms
        (N,), ms.
    sigma_ms
        Standard deviation of the Gaussian, ms.

    Returns
    -------
    (N, 2, 3).
    """
    return gaussian_mean(transforms, times_ms, sigma_ms)


def warp_face(
    image: NDArray[np.uint8], transform: Float, size: int, motion: Float | None = None
) -> NDArray[np.uint8]:
    """Cut the aligned face out of a frame.

    The frame is smoothed first where the face is reduced (a Gaussian that takes
    its blur from one source pixel to one target pixel), then read once, with
    bilinear interpolation. Beyond the border the nearest pixel is repeated.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) uint8.
    transform
        (2, 3), px of the frame to fractions of the aligned face.
    size
        Side of the aligned face, px.
    motion
        (2, 3), in px of the aligned face: where a point of the reference went.
        It is undone in the same step, so that the frame is interpolated once.

    Returns
    -------
    (size, size) uint8, grey.
    """
    import cv2

    # Template fraction f lies at pixel f * size - 1/2: pixel 0 covers [0, 1/size].
    to_pixels = transform * size
    to_pixels[:, 2] -= 0.5
    if motion is not None:
        to_pixels = compose(invert(motion), to_pixels)
    scale = float(np.sqrt(abs(np.linalg.det(to_pixels[:, :2]))))
    from_pixels = invert(to_pixels)
    # Only the part under the face is smoothed: a 4K frame is mostly background.
    sigma = 0.5 * np.sqrt(max(scale**-2 - 1, 0))
    margin = int(np.ceil(4 * sigma)) + 2
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) - 0.5
    covered = corners @ from_pixels[:, :2].T + from_pixels[:, 2]
    height, width = image.shape[:2]
    x0, y0 = (int(v) for v in np.floor(covered.min(axis=0)) - margin)
    x1, y1 = (int(v) for v in np.ceil(covered.max(axis=0)) + margin + 1)
    x0, x1 = min(max(x0, 0), width - 1), max(min(x1, width), 1)
    y0, y1 = min(max(y0, 0), height - 1), max(min(y1, height), 1)
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY) if part.ndim == 3 else part
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma) if sigma > 0.1 else grey
    from_pixels[:, 2] -= (x0, y0)
    face = cv2.warpAffine(
        smooth,
        from_pixels,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(face, dtype=np.uint8)


def invert(transform: Float) -> Float:
    """Return the inverse (2, 3) of an affine transform (2, 3)."""
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def compose(outer: Float, inner: Float) -> Float:
    """Return the affine transform (2, 3) that applies ``inner``, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _complex(points: Float) -> NDArray[np.complex128]:
    return points[:, 0] + 1j * points[:, 1]


def _matrix(a: complex, b: complex) -> Float:
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])

"""Similarity transforms between an image and the template, and the aligned face.

A transform is a (2, 3) matrix [A | t] with A = s R: scale and rotation, no
reflection. It maps px of the frame to fractions of the side of the square
aligned face. Pixel centres are at whole numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.smoothing import gaussian_mean

Float = NDArray[np.float64]


def fit_similarity(points: Float, target: Float) -> Float:
    """Fit the similarity that maps ``points`` to ``target`` with least squared error.

    In complex numbers the similarity is z -> a z + b. That is linear in a and b,
    so the fit has a closed form: Umeyama (TPAMI 1991, eq. 40 to 42) in two
    dimensions, without his case of a reflection.

    Parameters
    ----------
    points, target
        (N, 2) x and y of the same N points, N of 2 or more, in any unit.

    Returns
    -------
    (2, 3) float64: p of ``points`` goes to A p + t.

    Raises
    ------
    BadDataError
        If all points coincide.

    Examples
    --------
    A turn by 90 degrees, twice as large, shifted by (1, 3):

    >>> import numpy as np
    >>> from mepipe.face import fit_similarity
    >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> target = np.array([[1.0, 3.0], [1.0, 5.0], [-1.0, 3.0]])
    >>> fit_similarity(points, target).round(6) + 0.0
    array([[ 0., -2.,  1.],
           [ 2.,  0.,  3.]])
    """
    z, w = _complex(points), _complex(target)
    z0, w0 = z.mean(), w.mean()
    variance = float(np.sum(np.abs(z - z0) ** 2))  # times N
    if variance == 0:
        raise BadDataError(
            "all landmarks of the face coincide", "Use a clip in which the face is larger."
        )
    # Without the means, the normal equations of w - w0 = a (z - z0) have one unknown.
    # |a| is the scale, its argument the rotation. Conjugates of z would give reflections.
    a = np.sum(np.conj(z - z0) * (w - w0)) / variance
    return _matrix(complex(a), complex(w0 - a * z0))


def smooth_transforms(transforms: Float, times_ms: Float, sigma_ms: float) -> Float:
    """Smooth the transforms of a clip over time, against the jitter of landmarks.

    Each transform becomes the mean of those around it, weighted by a Gaussian
    of their distance in time.

    Parameters
    ----------
    transforms
        (N, 2, 3) float64, one similarity for each frame.
    times_ms
        (N,) float64, ascending, ms. Steps may differ.
    sigma_ms
        Standard deviation of the Gaussian, ms. More than 0.

    Returns
    -------
    (N, 2, 3) float64. Transforms that are all equal stay as they are.

    Examples
    --------
    A shift that jumps by 1 px in one frame of five, 5 ms apart:

    >>> import numpy as np
    >>> from mepipe.face import smooth_transforms
    >>> transforms = np.tile(np.eye(2, 3), (5, 1, 1))
    >>> transforms[2, 0, 2] = 1.0
    >>> times_ms = np.arange(5) * 5.0
    >>> smooth_transforms(transforms, times_ms, sigma_ms=5.0)[:, 0, 2].round(2)
    array([0.08, 0.26, 0.4 , 0.26, 0.08])
    """
    # The mean of similarities [[a, -b, x], [b, a, y]] is one too, so the mean of the
    # entries is enough: no decomposition into angle and scale.
    return gaussian_mean(transforms, times_ms, sigma_ms)


def warp_face(
    image: NDArray[np.uint8], transform: Float, size: int, motion: Float | None = None
) -> NDArray[np.uint8]:
    """Cut the aligned face out of a frame.

    Where the face is reduced, the frame is smoothed first. Then it is read once,
    with bilinear interpolation. Outside the frame its nearest pixel is repeated.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    transform
        (2, 3) float64, from px of the frame to fractions of the aligned face.
    size
        Side of the aligned face, px.
    motion
        (2, 3) float64, px of the aligned face: what is at p of the reference is
        at A p + t of this frame (`mepipe.flow.estimate_motion`). It is undone in
        the same step, so that the frame is interpolated once.

    Returns
    -------
    (size, size) uint8, grey.

    Examples
    --------
    The inner half of an 8 x 8 image, at its own resolution:

    >>> import numpy as np
    >>> from mepipe.face import warp_face
    >>> image = np.add.outer(np.arange(8) * 10, np.arange(8)).astype(np.uint8)
    >>> # Pixel 2 begins at 1.5 and ends at 2.5; the face covers 1.5 to 5.5.
    >>> transform = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])
    >>> warp_face(image, transform, size=4)
    array([[22, 23, 24, 25],
           [32, 33, 34, 35],
           [42, 43, 44, 45],
           [52, 53, 54, 55]], dtype=uint8)
    """
    import cv2

    # Template fraction f lies at pixel f * size - 1/2: pixel 0 covers [0, 1/size].
    to_pixels = transform * size
    to_pixels[:, 2] -= 0.5
    if motion is not None:
        to_pixels = compose(invert(motion), to_pixels)
    scale = float(np.sqrt(abs(np.linalg.det(to_pixels[:, :2]))))
    from_pixels = invert(to_pixels)
    # Against aliasing: a pixel has a blur of about 0.5 px. In the target that is 0.5 / scale
    # px of the source, and variances add up: sigma^2 = (0.5 / scale)^2 - 0.5^2.
    sigma = 0.5 * np.sqrt(max(scale**-2 - 1, 0))
    # Only the part under the face is smoothed: a 4K frame is mostly background. The margin
    # holds the Gaussian's tails, so that the result does not depend on the cut.
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
    # Below 0.1 px a neighbour's weight is under 1e-21: the Gaussian changes nothing.
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
    linear = np.asarray(np.linalg.inv(transform[:, :2]), np.float64)
    return _joined(linear, -linear @ transform[:, 2])


def compose(outer: Float, inner: Float) -> Float:
    """Return the affine transform (2, 3) that applies ``inner``, then ``outer``."""
    turn = outer[:, :2]
    return _joined(turn @ inner[:, :2], turn @ inner[:, 2] + outer[:, 2])


def _joined(linear: Float, shift: Float) -> Float:
    # A tenth of the time of `np.column_stack`: alignment composes some fifty for each clip.
    whole = np.empty((2, 3))
    whole[:, :2] = linear
    whole[:, 2] = shift
    return whole


def _complex(points: Float) -> NDArray[np.complex128]:
    return points[:, 0] + 1j * points[:, 1]


def _matrix(a: complex, b: complex) -> Float:
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])

"""The motion of a whole head in the picture: shift, growth, roll, and turning by the relief.

Spotting takes it out of the motion of every frame, flow out of that between two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

CAUCHY_SCALE = 2.0  # a residual of so many standard deviations has half the weight
ROUNDS = 6  # of re-weighting
MIN_SIGMA = 3e-4  # inter-ocular distances: the exactness of the alignment


def face_relief(x: Float, y: Float) -> Float:
    """Return the relief of a frontal face: its height towards the camera.

    An ellipsoid with a ridge for the nose. The zero is arbitrary: when a head
    turns, only differences of height move points against each other.

    Parameters
    ----------
    x, y
        In inter-ocular distances from the point between the eyes, x right, y down.

    Returns
    -------
    As ``x``, in inter-ocular distances.

    Examples
    --------
    The nose stands out before the cheek:

    >>> import numpy as np
    >>> from mepipe.face.head_motion import face_relief
    >>> face_relief(np.array([0.0, 0.8]), np.array([0.6, 0.6])).round(2)
    array([1.25, 0.8 ])
    """
    head = np.sqrt(np.clip(1 - (x / 1.35) ** 2 - ((y - 0.5) / 1.9) ** 2, 0, None))
    along = np.where(y < 0.65, (y - 0.65) / 0.45, (y - 0.65) / 0.15)
    ridge: Float = head + 0.25 * np.exp(-((x / 0.2) ** 2) - along**2)
    return ridge


def head_columns(x: Float, y: Float, relief: Float) -> Float:
    """Return the motion of points by each parameter of the head.

    Parameters
    ----------
    x, y
        Shape (...), in inter-ocular distances from the point between the eyes.
    relief
        Shape (...), as from `face_relief`.

    Returns
    -------
    (..., 2, 6): along x and y by shift x, shift y, growth (x, y), roll (-y, x), yaw
    (relief, 0) and pitch (0, relief).

    Examples
    --------
    A point right of the eyes moves right when the face grows, and down when it rolls:

    >>> import numpy as np
    >>> from mepipe.face.head_motion import head_columns
    >>> point = np.array([1.0]), np.array([0.0]), np.array([0.8])
    >>> head_columns(*point)[0, :, 2:4]
    array([[ 1., -0.],
           [ 0.,  1.]])
    """
    one, none = np.ones_like(x), np.zeros_like(x)
    # Not the eight of an affine field with relief: raised brows look much like a stretched
    # face, and with eight, 82 % of hard clips are found instead of 86 % (docs/spotting.md).
    across = np.stack([one, none, x, -y, relief, none], axis=-1)
    down = np.stack([none, one, y, x, none, relief], axis=-1)
    return np.stack([across, down], axis=-2)


def fit_head(cells: Float, columns: Float, weight: Float) -> tuple[Float, Float]:
    """Fit the motion of the head in each frame, robustly.

    Iteratively re-weighted least squares with Cauchy's weights (Holland and
    Welsch, 1977). What an expression moves counts as an outlier.

    Parameters
    ----------
    cells
        (N, P, 2), the motion of the cells, in inter-ocular distances.
    columns
        (P, 2, C), the motion by each of C parameters (`head_columns`).
    weight
        (P,), the cells' prior weights.

    Returns
    -------
    head
        (N, C), the parameters.
    rest
        (N, P, 2), the motion that the head does not explain.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.head_motion import face_relief, fit_head, head_columns
    >>> x, y = (part.ravel() for part in np.mgrid[-0.8:0.8:9j, -0.5:1.2:9j])
    >>> columns = head_columns(x, y, face_relief(x, y))
    >>> turned = columns @ np.array([0, 0, 0, 0, 0.02, 0])
    >>> head, rest = fit_head(turned[None], columns, np.ones(81))
    >>> head[0].round(4) + 0.0
    array([0.  , 0.  , 0.  , 0.  , 0.02, 0.  ])
    """
    weights = np.broadcast_to(weight, cells.shape[:2])
    # A trace of ridge keeps the system solvable with few cells. It is too small to change others.
    ridge = 1e-6 * np.eye(columns.shape[2])
    for iteration in range(ROUNDS + 1):
        normal = np.einsum("np,pdi,pdj->nij", weights, columns, columns, optimize=True) + ridge
        right = np.einsum("np,pdi,npd->ni", weights, columns, cells, optimize=True)
        head = np.linalg.solve(normal, right[..., None])[..., 0]
        rest = cells - np.einsum("pdi,ni->npd", columns, head)
        if iteration == ROUNDS:
            break
        error = np.linalg.norm(rest, axis=-1)
        # The median length of a two-dimensional Gaussian vector is 1.177 sigma.
        sigma = np.maximum(np.median(error, axis=1) / 1.177, MIN_SIGMA)
        weights = weight / (1 + (error / (CAUCHY_SCALE * sigma[:, None])) ** 2)
    return np.asarray(head, np.float64), np.asarray(rest, np.float64)

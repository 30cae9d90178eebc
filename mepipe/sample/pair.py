"""Image pairs whose optical flow is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPLINE_ORDER = 5  # errs by less than 1e-4 of the contrast on what is smooth over two pixels


def exact_pair(
    image: NDArray[Any], displacement: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Make two frames whose flow from the first to the second is known exactly.

    ``reference(x) = image(x + d(x))`` and ``moving = image``: what stands at x
    in the reference stands at x + d(x) in the moving frame, so the flow is d.
    (Moving the image by d the other way round would give d(x + f), not d.)

    Parameters
    ----------
    image
        (H, W), grey; uint8, or float of any range. It should be smooth over a
        pixel or two, or what lies between its pixels is not known. Outside,
        the border's values go on.
    displacement
        (H, W, 2) in px, x right and y down.

    Returns
    -------
    reference, moving
        (H, W) of the image's dtype.
    flow
        (H, W, 2), float32, px: the flow from reference to moving.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    if image.ndim != 2 or displacement.shape != (*image.shape, 2):
        raise ValueError(
            f"image {image.shape} and displacement {displacement.shape} do not fit: "
            "they must be (H, W) and (H, W, 2)"
        )
    from scipy.ndimage import map_coordinates

    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float64)
    reference = map_coordinates(
        image.astype(np.float64),
        [ys + displacement[..., 1], xs + displacement[..., 0]],
        order=SPLINE_ORDER,
        mode="nearest",
    )
    if np.issubdtype(image.dtype, np.integer):
        limits = np.iinfo(image.dtype)
        reference = np.clip(np.rint(reference), limits.min, limits.max)
    return reference.astype(image.dtype), image.copy(), displacement.astype(np.float32)

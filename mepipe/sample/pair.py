"""Image pairs whose optical flow is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPLINE_ORDER = 5  # error below 1e-4 of the contrast on images that are smooth over two pixels


def exact_pair(
    image: NDArray[Any], displacement: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Make two frames with exactly known flow from the first to the second.

    ``reference(x) = image(x + d(x))`` and ``moving = image``. What is at x in the
    reference is at x + d(x) in the moving frame, so the flow is d. (The other way
    round, moving the image by d, the flow would not be d: 0.5 px off at worst.)

    Parameters
    ----------
    image
        (H, W) grey, uint8, or float of any range. It should be smooth over a
        pixel or two; otherwise the values between its pixels are unknown.
        Outside, the border is replicated.
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

    Examples
    --------
    A shift by 1 px to the right: the reference shows at x what moving shows at x + 1.

    >>> import numpy as np
    >>> from mepipe.sample import exact_pair
    >>> image = np.tile(np.arange(5, dtype=np.uint8) * 10, (2, 1))
    >>> shift = np.zeros((2, 5, 2))
    >>> shift[..., 0] = 1.0
    >>> reference, moving, flow = exact_pair(image, shift)
    >>> reference[0]
    array([10, 20, 30, 40, 40], dtype=uint8)
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

"""In which frames of a clip the face is visible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Blur of the comparison, as a share of the crop's side: it sees a face, not its expression.
_BLUR = 1 / 40
# A smile or a nod keeps the correlation with the reference above .7; the same crop without the
# face stays below .2 (measured on videos in which a face enters or leaves).
_SAME_FACE = 0.5


def visible_span(crops: NDArray[np.uint8], reference: int) -> tuple[int, int]:
    """Return the longest run of frames around ``reference`` that show the same face.

    A frame shows the same face if its crop correlates with the reference's by
    0.5 or more, both blurred by 1/40 of their side.

    Parameters
    ----------
    crops
        (N, S, S) uint8, cut out of the frames through one transform.
    reference
        Position of a frame in which the face was found, 0-based.

    Returns
    -------
    (first, stop), half open as a slice, never empty.

    Examples
    --------
    The face is gone in the last two of six frames:

    >>> import numpy as np
    >>> from mepipe.spotting import visible_span
    >>> y, x = np.mgrid[:40, :40]
    >>> face = (128 + 100 * np.sin(x / 6) * np.cos(y / 6)).astype(np.uint8)
    >>> crops = np.stack([face] * 4 + [255 - face] * 2)
    >>> visible_span(crops, reference=0)
    (0, 4)
    """
    import cv2

    sigma = crops.shape[1] * _BLUR

    def normalised(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        smooth = np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), dtype=np.float32)
        # Without the mean and at length 1, the product of two crops is their correlation,
        # which brightness and contrast do not change.
        smooth -= smooth.mean()
        length = np.linalg.norm(smooth)
        return smooth / length if length > 0 else smooth

    face = normalised(crops[reference])

    def seen(position: int) -> bool:
        return float(np.vdot(face, normalised(crops[position]))) >= _SAME_FACE

    first = stop = reference
    while first > 0 and seen(first - 1):
        first -= 1
    while stop + 1 < len(crops) and seen(stop + 1):
        stop += 1
    return first, stop + 1

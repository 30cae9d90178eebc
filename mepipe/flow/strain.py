"""Optical strain: how the skin stretches and shears, without the rigid motion of the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def optical_strain(flow: NDArray[np.float32], sigma: float = 0.0) -> NDArray[np.float32]:
    """Return the magnitude of the infinitesimal strain tensor of a flow field.

    |e| = sqrt(ux^2 + vy^2 + (uy + vx)^2 / 2), the Frobenius norm of the
    symmetric part of the displacement gradient (Shreve et al., FG 2011; in the
    form of STSTNet, Liong et al., FG 2019). A translation and an infinitesimal
    rotation have no strain.

    Parameters
    ----------
    flow
        (2, H, W): u (to the right) and v (down), px. H and W of 2 or more.
    sigma
        The derivatives are those of a Gaussian of this width, px; 0: those of
        neighbouring pixels. Both are exact on affine fields up to the border. A flow
        with a noise of 0.02 px has more strain from its noise than a micro-expression
        has; smoothing leaves what is wider than the noise (docs/flow.md).

    Returns
    -------
    (H, W) float32, px per px, 0 or more.

    Raises
    ------
    ValueError
        If the flow does not have two components, a side is 1 px, or ``sigma`` is negative.

    Examples
    --------
    A field that stretches by 10 % along x has the same strain everywhere:

    >>> import numpy as np
    >>> from mepipe.flow import optical_strain
    >>> y, x = np.mgrid[:4, :4]
    >>> optical_strain(np.stack([0.1 * x, 0.0 * y]))
    array([[0.1, 0.1, 0.1, 0.1],
           [0.1, 0.1, 0.1, 0.1],
           [0.1, 0.1, 0.1, 0.1],
           [0.1, 0.1, 0.1, 0.1]], dtype=float32)

    A rotation is no strain:

    >>> float(abs(optical_strain(np.stack([-y, x]))).max())
    0.0
    """
    if sigma < 0:
        raise ValueError(f"sigma is {sigma:g}: give 0 px or more")
    u, v = (_smoothed(part, sigma) for part in flow.astype(np.float64))
    # Central differences inside, one-sided ones at the border: both are exact on affine
    # fields and neither shifts the strain, as one-sided differences everywhere would by half
    # a pixel. np.gradient gives the derivative along rows (y) first.
    uy, ux = np.gradient(u)
    vy, vx = np.gradient(v)
    # The two off-diagonal entries are (uy + vx) / 2 each; twice their square is the last term.
    strain = np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2)
    return np.asarray(strain, dtype=np.float32)


def _smoothed(field: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return a field (H, W) smoothed with a Gaussian. An affine field stays as it is."""
    if sigma == 0:
        return field
    import cv2

    reach = int(np.ceil(4 * sigma))
    # The border is continued by point reflection (2 f(0) - f(x)), which continues an affine
    # field as it is. A mirror image would bend it, and lose half of the strain at the border.
    wide = np.pad(field, reach, mode="reflect", reflect_type="odd")
    side = 2 * reach + 1
    smooth = cv2.GaussianBlur(wide, (side, side), sigma)
    return np.asarray(smooth, np.float64)[reach:-reach, reach:-reach]

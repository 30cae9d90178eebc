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
    if min(flow.shape[1:]) < 2:
        raise ValueError(f"the flow is {flow.shape}: give sides of 2 px or more")
    u, v = (_smoothed(part, sigma) for part in flow)
    # Central differences inside, one-sided ones at the border: both are exact on affine
    # fields and neither shifts the strain, as one-sided differences everywhere would by half
    # a pixel. They are twice the derivatives, and halved at the end, which changes no bit.
    strain, second, shear = _twice(u.T).T, _twice(v), _twice(u)
    shear += _twice(v.T).T
    for part in (strain, second, shear):
        np.multiply(part, part, out=part)
    # The two off-diagonal entries are (uy + vx) / 2 each; twice their square is the last term.
    shear *= 0.5
    strain += second
    strain += shear
    np.sqrt(strain, out=strain)
    strain *= 0.5
    return strain.astype(np.float32)


def _twice(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twice the derivative of a field (H, W) along its rows' order, y."""
    found = np.empty_like(field)
    np.subtract(field[2:], field[:-2], out=found[1:-1])
    for here, before, after in ((0, 0, 1), (-1, -2, -1)):
        found[here] = 2 * (field[after] - field[before])
    return found


def _smoothed(field: NDArray[np.float32], sigma: float) -> NDArray[np.float64]:
    """Return a field (H, W) smoothed with a Gaussian. An affine field stays as it is."""
    if sigma == 0:
        return field.astype(np.float64)
    import cv2

    reach = int(np.ceil(4 * sigma))
    side = 2 * reach + 1
    smooth = cv2.GaussianBlur(_continued(field, reach), (side, side), sigma)
    return np.asarray(smooth, np.float64)[reach:-reach, reach:-reach]


def _continued(field: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    """Return a field (H, W) continued by ``reach`` px on every side, by point reflection.

    That is 2 f(0) - f(x), which continues an affine field as it is. A mirror image would bend
    it, and lose half of the strain at the border.
    """
    height, width = field.shape
    if reach >= min(height, width):
        whole = field.astype(np.float64)
        return np.pad(whole, reach, mode="reflect", reflect_type="odd")
    # As numpy does it, in a fifth of the time: rows first, then columns.
    wide = np.empty((height + 2 * reach, width + 2 * reach))
    wide[reach:-reach, reach:-reach] = field
    _reflect(wide[:, reach:-reach], reach)
    _reflect(wide.T, reach)
    return wide


def _reflect(wide: NDArray[np.float64], reach: int) -> None:
    """Continue the rows of ``wide`` in place to the first and the last ``reach`` of them."""
    first, last = reach, len(wide) - reach - 1
    wide[:first] = 2 * wide[first] - wide[first + reach : first : -1]
    wide[last + 1 :] = 2 * wide[last] - wide[last - 1 : last - reach - 1 : -1]

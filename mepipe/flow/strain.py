"""Optical strain: how the skin stretches and shears, whatever the head does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def optical_strain(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude of the infinitesimal strain tensor of a flow field.

    |e| = sqrt(ux^2 + vy^2 + (uy + vx)^2 / 2), the Frobenius norm of the
    symmetric part of the displacement gradient (Shreve et al., FG 2011; the
    form of STSTNet, Liong et al., FG 2019). Central differences, one-sided at
    the border, both exact on affine fields; a translation and an infinitesimal
    rotation have no strain.

    Parameters
    ----------
    flow
        (2, H, W): u (to the right) and v (down), px. H and W of 2 or more.

    Returns
    -------
    (H, W) float32, px per px, 0 or more.
    """
    u, v = flow.astype(np.float64)
    uy, ux = np.gradient(u)
    vy, vx = np.gradient(v)
    strain = np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2)
    return np.asarray(strain, dtype=np.float32)

"""The network's input: u, v and optical strain, reduced and scaled."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.strain import optical_strain

Scale = Literal["fixed", "clip", "minmax", "none"]


def flow_tensor(
    flow: NDArray[np.float32],
    *,
    size: int = 28,
    scale: Scale = "fixed",
    inter_ocular: float,
    displacement_range: float = 0.03,
    strain_range: float = 0.1,
) -> NDArray[np.float32]:
    """Return u, v and strain at the network's size.

    The strain is taken from the full field, then all three are averaged over
    areas. u and v always share one scale: scaling them apart would turn the
    direction of the motion.

    Parameters
    ----------
    flow
        (2, H, W) float32: u and v, px of the aligned face.
    size
        Side of the tensor, cells.
    scale
        ``fixed``: u and v become 1 at ``displacement_range`` and strain at
        ``strain_range``, clipped to [-1, 1]; the same for every clip, so
        amplitudes stay comparable and nothing is learnt from other clips.
        ``clip``: u and v by the clip's largest component, strain by its largest
        value, no centring. ``minmax``: each channel to 0..1 on its own, as in
        published feature sets; sign and zero are lost. ``none``: px.
    inter_ocular
        Distance of the eye centres in the aligned face, px.
    displacement_range
        As a fraction of ``inter_ocular``.
    strain_range
        px per px.

    Returns
    -------
    (3, size, size) float32.
    """
    import cv2

    fields = np.stack([flow[0], flow[1], optical_strain(flow)])
    x = np.stack(
        [cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA) for field in fields]
    ).astype(np.float32)
    if scale == "fixed":
        x[:2] /= np.float32(displacement_range * inter_ocular)
        x[2] /= np.float32(strain_range)
        x = np.clip(x, -1, 1)
    elif scale == "clip":
        x[:2] = _to_unit(x[:2])
        x[2] = _to_unit(x[2])
    elif scale == "minmax":
        x = np.stack([_to_unit(channel - channel.min()) for channel in x])
    return x


def _to_unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the largest magnitude; all zero stays zero."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values

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
    """Return u, v and strain at the network's size; `sequence_tensor` of one field.

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
    x = sequence_tensor(
        flow[None],
        size=size,
        scale=scale,
        inter_ocular=inter_ocular,
        displacement_range=displacement_range,
        strain_range=strain_range,
    )
    return np.ascontiguousarray(x[0])


def sequence_tensor(
    flows: NDArray[np.float32],
    *,
    size: int = 28,
    scale: Scale = "fixed",
    inter_ocular: float,
    displacement_range: float = 0.03,
    strain_range: float = 0.1,
) -> NDArray[np.float32]:
    """Return u, v and strain of several fields of one clip, all with one scale.

    ``clip`` and ``minmax`` take their largest and smallest values over all
    fields, so that what grows and falls over time still does.

    Parameters
    ----------
    flows
        (K, 2, H, W) float32: u and v of each field, px of the aligned face. K of 1 or more.
    size, scale, inter_ocular, displacement_range, strain_range
        As for `flow_tensor`.

    Returns
    -------
    (K, 3, size, size) float32.
    """
    x = np.stack([_reduced(flow, size) for flow in flows])
    if scale == "fixed":
        x[:, :2] /= np.float32(displacement_range * inter_ocular)
        x[:, 2] /= np.float32(strain_range)
        x = np.clip(x, -1, 1)
    elif scale == "clip":
        x[:, :2] = _to_unit(x[:, :2])
        x[:, 2] = _to_unit(x[:, 2])
    elif scale == "minmax":
        channels = [_to_unit(channel - channel.min()) for channel in x.swapaxes(0, 1)]
        x = np.stack(channels, axis=1)
    return x


def _reduced(flow: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return u, v and the full field's strain, (3, size, size), averaged over areas."""
    import cv2

    fields = (flow[0], flow[1], optical_strain(flow))
    return np.stack(
        [cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA) for field in fields]
    ).astype(np.float32)


def _to_unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide by the largest magnitude; all zero stays zero."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values

"""The input of a network: u, v and optical strain, reduced and scaled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.strain import optical_strain
from mepipe.schema import Limit, Scale

KNEE = 0.75
"""Up to this share of the range, the fixed scale is linear: 2 px of the aligned face of 224 px."""


def flow_tensor(
    flow: NDArray[np.float32],
    *,
    size: int = 28,
    scale: Scale = "fixed",
    inter_ocular: float,
    displacement_range: float = 0.03,
    strain_range: float = 0.1,
    strain_sigma: float = 0.0,
    limit: Limit = "soft",
) -> NDArray[np.float32]:
    """Return u, v and optical strain at the network's size.

    The strain is taken from the full field (`optical_strain`). Then all three
    are reduced by area averaging and scaled.

    Parameters
    ----------
    flow
        (2, H, W) float32: u and v, px of the aligned face.
    size
        Side of the tensor, cells.
    scale
        ``fixed``: u, v and strain are divided by ``displacement_range`` and
        ``strain_range``; what is large is limited to [-1, 1] (``limit``). It is the
        same for every clip, so amplitudes stay comparable and nothing is learnt from
        other clips.
        ``clip``: u and v are divided by the clip's largest component, strain by
        its largest value. Nothing is centred.
        ``minmax``: each channel is brought to 0..1 on its own, as in published
        feature sets. Sign and zero are lost.
        ``none``: px and px per px.
    inter_ocular
        Distance of the eye centres in the aligned face, px.
    displacement_range
        Range of u and v, as a fraction of ``inter_ocular``.
    strain_range
        Range of strain, px per px.
    strain_sigma
        Width of the Gaussian whose derivatives strain is made of, px of the aligned face
        (`optical_strain`).
    limit
        Of the fixed scale. ``soft``: values up to `KNEE` are the motion itself, to the
        bit. Larger ones follow a hyperbola that goes on with the same slope and never
        reaches 1, so two motions that differ stay different (`limited_share` counts
        them). ``hard``: values beyond 1 are cut.

    Returns
    -------
    (3, size, size) float32: u, v, strain.

    Raises
    ------
    ValueError
        As `optical_strain`.

    Examples
    --------
    A shift by 1.5 px to the right on a face with 100 px between the eyes is half
    of the full scale of 3 px:

    >>> import numpy as np
    >>> from mepipe.flow import flow_tensor
    >>> flow = np.zeros((2, 56, 56), np.float32)
    >>> flow[0] = 1.5
    >>> x = flow_tensor(flow, size=28, inter_ocular=100.0)
    >>> x.shape
    (3, 28, 28)
    >>> x[:, 14, 14]
    array([0.5, 0. , 0. ], dtype=float32)

    Shifts by 6 and by 12 px are more than that, and differ:

    >>> flow[0], flow[1] = 6.0, 12.0
    >>> flow_tensor(flow, size=28, inter_ocular=100.0)[:2, 14, 14].round(2)
    array([0.96, 0.98], dtype=float32)
    """
    x = sequence_tensor(
        flow[None],
        size=size,
        scale=scale,
        inter_ocular=inter_ocular,
        displacement_range=displacement_range,
        strain_range=strain_range,
        strain_sigma=strain_sigma,
        limit=limit,
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
    strain_sigma: float = 0.0,
    limit: Limit = "soft",
) -> NDArray[np.float32]:
    """Return u, v and strain of several flow fields of one clip, all with one scale.

    ``clip`` and ``minmax`` take their extremes over all fields, so that the
    course of the amplitude over time is kept.

    Parameters
    ----------
    flows
        (K, 2, H, W) float32: u and v of each field, px of the aligned face. K of 1 or more.
    size, scale, inter_ocular, displacement_range, strain_range, strain_sigma, limit
        As for `flow_tensor`.

    Returns
    -------
    (K, 3, size, size) float32. For K of 1 it equals `flow_tensor`.

    Raises
    ------
    ValueError
        If there is no field, or as `optical_strain`.

    Examples
    --------
    A motion that doubles still doubles with ``scale="clip"``:

    >>> import numpy as np
    >>> from mepipe.flow import sequence_tensor
    >>> flows = np.zeros((2, 2, 56, 56), np.float32)
    >>> flows[0, 1], flows[1, 1] = 0.5, 1.0
    >>> sequence_tensor(flows, scale="clip", inter_ocular=100.0)[:, 1, 0, 0]
    array([0.5, 1. ], dtype=float32)
    """
    x = np.stack([_reduced(flow, size, strain_sigma) for flow in flows])
    # u and v always share one scale: apart, the direction of the motion would turn. Only
    # "minmax", which repeats published code, scales them apart.
    if scale == "fixed":
        x[:, :2] /= np.float32(displacement_range * inter_ocular)
        x[:, 2] /= np.float32(strain_range)
        x = np.clip(x, -1, 1) if limit == "hard" else _softly_limited(x)
    elif scale == "clip":
        x[:, :2] = _to_unit(x[:, :2])
        x[:, 2] = _to_unit(x[:, 2])
    elif scale == "minmax":
        channels = [_to_unit(channel - channel.min()) for channel in x.swapaxes(0, 1)]
        x = np.stack(channels, axis=1)
    return x


def limited_share(x: NDArray[np.float32]) -> list[float]:
    """Return the share of the values of a soft-limited tensor that are not linear, by channel.

    Parameters
    ----------
    x
        (3, S, S) or (K, 3, S, S), as from `flow_tensor` or `sequence_tensor`.

    Returns
    -------
    Of u, v and strain, 0 to 1, to four digits.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow.tensor import limited_share
    >>> limited_share(np.stack([np.full((4, 4), value) for value in (0.1, -0.9, 0.75)]))
    [0.0, 1.0, 0.0]
    """
    shares = (np.abs(x) > KNEE).mean(axis=(-2, -1))
    return [round(float(share), 4) for share in np.atleast_2d(shares).mean(axis=0)]


def _softly_limited(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values between -1 and 1: those up to the knee as they are, larger ones bent."""
    room = np.float32(1 - KNEE)
    over = np.maximum(np.abs(x) - np.float32(KNEE), 0) / room
    # over / (1 + over) has the slope 1 at 0, and tells 10 from 20 better than an exponential,
    # which has no digits left there.
    bent = np.copysign(np.float32(KNEE) + room * over / (1 + over), x)
    return np.where(over > 0, bent, x)


def _reduced(flow: NDArray[np.float32], size: int, sigma: float) -> NDArray[np.float32]:
    """Return u, v and strain, (3, size, size), reduced by area averaging.

    The strain comes from the full field: that of a reduced field would miss what
    stretches within a cell.
    """
    import cv2

    fields = (flow[0], flow[1], optical_strain(flow, sigma))
    return np.stack(
        [cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA) for field in fields]
    ).astype(np.float32)


def _to_unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values divided by their largest magnitude. All zeros stay zero."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values

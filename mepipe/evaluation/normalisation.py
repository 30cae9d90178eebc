"""From features to the inputs of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.schema import FLOW_CHANNELS

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Normalisation:
    """How features become inputs: each clip by itself, with constants of the training clips.

    Parameters
    ----------
    recentre
        Subtract the clip's own median from u and from v, an estimate of no motion.
    scale
        (C,) factors; u and v share one, or the direction of motion would change.
    """

    recentre: bool
    scale: Floats

    @classmethod
    def of(cls, x: Floats, *, recentre: bool) -> Normalisation:
        """Return the one that brings the training clips (N, C, S, S) to unit root mean square.

        Of several maps a clip, (N, K, C, S, S), all have one scale: what rises from one to the
        next still does.
        """
        but_channels = tuple(axis for axis in range(x.ndim) if axis != x.ndim - 3)
        squares = np.mean(np.square(_centred(x, recentre), dtype=np.float64), axis=but_channels)
        squares[:FLOW_CHANNELS] = squares[:FLOW_CHANNELS].mean()
        still = squares == 0
        scale = np.where(still, 1.0, 1.0 / np.sqrt(np.where(still, 1.0, squares)))
        return cls(recentre, scale.astype(np.float32))

    def __call__(self, x: Floats) -> Floats:
        """Return inputs (N, C, S, S) for features (N, C, S, S), likewise of several maps."""
        return _centred(x, self.recentre) * self.scale[:, None, None]


def maps_of(x: Floats) -> int | None:
    """Return M for features (N, M, C, S, S), M maps a clip; None for (N, C, S, S), one map."""
    return x.shape[1] if x.ndim == 5 else None


def _centred(x: Floats, recentre: bool) -> Floats:
    if not recentre:
        return x
    x = x.copy()
    flow = x[..., :FLOW_CHANNELS, :, :]
    flow -= np.median(flow, axis=(-2, -1), keepdims=True)  # of each map by itself
    return x

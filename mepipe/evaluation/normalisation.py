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
        """Return the one that brings the training clips (N, C, S, S) to unit root mean square."""
        squares = np.mean(np.square(_centred(x, recentre), dtype=np.float64), axis=(0, 2, 3))
        squares[:FLOW_CHANNELS] = squares[:FLOW_CHANNELS].mean()
        still = squares == 0
        scale = np.where(still, 1.0, 1.0 / np.sqrt(np.where(still, 1.0, squares)))
        return cls(recentre, scale.astype(np.float32))

    def __call__(self, x: Floats) -> Floats:
        """Return inputs (N, C, S, S) for features (N, C, S, S)."""
        return _centred(x, self.recentre) * self.scale[:, None, None]


def _centred(x: Floats, recentre: bool) -> Floats:
    if not recentre:
        return x
    x = x.copy()
    x[:, :FLOW_CHANNELS] -= np.median(x[:, :FLOW_CHANNELS], axis=(2, 3), keepdims=True)
    return x

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

    First the clip is recentred, then divided by its own root mean square, then scaled.

    Parameters
    ----------
    recentre
        Subtract the clip's own median from u and from v, an estimate of no motion.
    scale
        (C,) factors; u and v share one, or the direction of motion would change.
    per_clip
        Divide u and v of a clip by their joint root mean square in that clip, and every other
        channel by its own. The size of the movement then says nothing, only its form does. A
        channel of zeros stays zero.
    """

    recentre: bool
    scale: Floats
    per_clip: bool = False

    @classmethod
    def of(cls, x: Floats, *, recentre: bool, per_clip: bool = False) -> Normalisation:
        """Return the one that brings the training clips (N, C, S, S) to unit root mean square.

        Of several maps a clip, (N, M, C, S, S), all have one scale: what rises from one to the
        next still does.
        """
        squares = _mean_squares(_prepared(x, recentre, per_clip))
        return cls(recentre, _factors(squares).astype(np.float32), per_clip)

    def __call__(self, x: Floats) -> Floats:
        """Return inputs (N, C, S, S) for features (N, C, S, S), likewise of several maps."""
        return _prepared(x, self.recentre, self.per_clip) * self.scale[:, None, None]


def _mean_squares(x: Floats) -> NDArray[np.float64]:
    """Return the mean square (C,) of each channel of (..., C, S, S)."""
    but_channels = tuple(axis for axis in range(x.ndim) if axis != x.ndim - 3)
    squares: NDArray[np.float64] = np.mean(np.square(x, dtype=np.float64), axis=but_channels)
    return squares


def _factors(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what brings channels with these mean squares (C,) to 1; 1 for channels of zeros."""
    squares = squares.copy()
    squares[:FLOW_CHANNELS] = squares[:FLOW_CHANNELS].mean()
    still = squares == 0
    return np.where(still, 1.0, 1.0 / np.sqrt(np.where(still, 1.0, squares)))


def _prepared(x: Floats, recentre: bool, per_clip: bool) -> Floats:
    """Return what follows from each clip alone."""
    x = _centred(x, recentre)
    if not per_clip:
        return x
    # One clip after the other: the order of a sum, and with it the last bit, must not depend on
    # how many clips there are. In float64, for the factor of a clip that is nearly still is large.
    return np.array([_levelled(clip) for clip in x], dtype=np.float32).reshape(x.shape)


def _levelled(clip: Floats) -> Floats:
    """Return a clip (C, S, S) or (M, C, S, S) with unit root mean square."""
    factors = _factors(_mean_squares(clip))
    levelled: Floats = (clip * factors[:, None, None]).astype(np.float32)
    return levelled


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

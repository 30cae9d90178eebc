"""A labelled set of made tensors, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.config.settings import TensorSettings
from mepipe.schema import CLASSES
from mepipe.stages.tensor import scaled_tensor
from mepipe.synthetic.expressions import draw_units
from mepipe.synthetic.fields import SIDE, draw_field

Float32 = NDArray[np.float32]

SPREAD = 0.3
"""Share of the tensors whose channels are scaled apart, as published features are (min-max)."""
FLOW_SIDE = 224  # to which lengths in the settings refer


@dataclass(frozen=True)
class MadeSet:
    """Tensors x (N, 3, S, S) float32 and their classes y (N,), numbers in `CLASSES`."""

    x: Float32
    y: NDArray[np.int64]


def make_set(
    count: int,
    seed: int,
    settings: TensorSettings,
    advance: Callable[[], None] | None = None,
    *,
    oddity: float = 1.0,
) -> MadeSet:
    """Make ``count`` tensors, the classes in turn.

    Tensor i depends on ``seed`` and i alone. They have the size and the scale of
    ``settings``, except that in a share of `SPREAD` u, v and strain are scaled
    apart: u and v of published features are min-max scaled by themselves.

    Parameters
    ----------
    count
        Tensors.
    seed
        Of all that is drawn.
    settings
        The tensor settings.
    advance
        Called after each.
    oddity
        As for `mepipe.synthetic.fields.draw_field`.
    """
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        name = CLASSES[number % len(CLASSES)]
        x = made_tensor(draw_field(draw_units(name, rng), rng, oddity), settings)
        if rng.random() < SPREAD:
            x = _spread(x)
        made.append(x)
        if advance is not None:
            advance()
    return MadeSet(np.stack(made), np.arange(count) % len(CLASSES))


def made_tensor(flow: Float32, settings: TensorSettings) -> Float32:
    """Return the tensor (3, S, S) of a made flow (2, SIDE, SIDE)."""
    smaller = {"strain_sigma": settings.strain_sigma * SIDE / FLOW_SIDE}
    x: Float32 = scaled_tensor(
        flow, settings.model_copy(update=smaller), template().inter_ocular * SIDE
    )
    return x


def _spread(x: Float32) -> Float32:
    """Return a tensor whose channels each span a range of 1, around the same zeros."""
    span = np.ptp(x, axis=(1, 2), keepdims=True)
    return np.asarray(x / np.where(span > 0, span, 1), np.float32)

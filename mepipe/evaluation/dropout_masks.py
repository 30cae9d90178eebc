"""The dropout masks of many networks, each network's from its own generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Dropped:
    """One dropout of a network: its share, the shape of a clip's inputs, their memory format."""

    p: float
    shape: tuple[int, ...]
    layout: torch.memory_format


def dropouts_of(network: torch.nn.Module, sample: Tensor) -> list[Dropped]:
    """Return the dropouts of a network in the order in which a pass calls them.

    Parameters
    ----------
    network
        It is called once, in evaluation mode, and is left as it was.
    sample
        Two clips (2, ...) as the network takes them.
    """
    import torch

    found: list[Dropped] = []

    def note(module: torch.nn.Dropout, inputs: tuple[Tensor], output: Tensor) -> None:
        del output
        (x,) = inputs
        last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        # Of several maps a clip has several rows.
        found.append(Dropped(module.p, (len(x) // len(sample), *x.shape[1:]), layout))

    hooks = [
        module.register_forward_hook(note)
        for module in network.modules()
        if isinstance(module, torch.nn.Dropout) and module.p > 0
    ]
    was_training = network.training
    with torch.no_grad():
        network.eval()(sample)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return found


def epoch_masks(
    dropped: Sequence[Dropped],
    generators: Sequence[torch.Generator],
    rows: NDArray[np.int64],
    most: int,
    dtype: torch.dtype,
    *,
    as_torch: bool,
) -> Iterator[list[Tensor]]:
    """Yield what each step of an epoch multiplies with: 0 or 1 / (1 - p), by dropout.

    Parameters
    ----------
    dropped
        The dropouts.
    generators
        One a network, on the device.
    rows
        (steps, N) how many clips each network has in each step; the masks of others are
        of no account.
    most
        B, the clips of a network in a batch.
    as_torch
        Draw what torch's dropout would draw from the generators, step by step. Otherwise a
        whole epoch is drawn in few calls, for on a GPU each call costs time.

    Yields
    ------
    (N * B, ...) for each dropout, in the order of ``dropped``.
    """
    import torch

    device = generators[0].device
    whole = [
        torch.empty(
            (len(generators), len(rows), most * one.shape[0], *one.shape[1:]),
            dtype=torch.uint8,
            device=device,
        )
        for one in dropped
    ]
    if not as_torch:
        for drawn, one in zip(whole, dropped, strict=True):
            for number, generator in enumerate(generators):
                drawn[number].bernoulli_(1 - one.p, generator=generator)
    for step, counts in enumerate(rows):
        if as_torch:
            for number, generator in enumerate(generators):
                _draw_as_torch(whole, dropped, number, step, int(counts[number]), generator)
        yield [
            drawn[:, step].flatten(0, 1).to(dtype) / max(1 - one.p, 1e-9)
            for drawn, one in zip(whole, dropped, strict=True)
        ]


def _draw_as_torch(
    whole: Sequence[Tensor],
    dropped: Sequence[Dropped],
    number: int,
    step: int,
    clips: int,
    generator: torch.Generator,
) -> None:
    """Draw the masks of one network's step in the order and layout of torch's own dropout."""
    import torch

    for drawn, one in zip(whole, dropped, strict=True):
        place = drawn[number, step]
        if one.p == 1:  # torch draws nothing then
            place.zero_()
            continue
        shape = (clips * one.shape[0], *one.shape[1:])
        noise = torch.empty(shape, memory_format=one.layout)
        place[: len(noise)] = noise.bernoulli_(1 - one.p, generator=generator)
        place[len(noise) :] = 0

"""What is random in a training beside first weights and dropout, drawn before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """The order of the clips and how each is changed, in every epoch.

    Parameters
    ----------
    order
        (E, N) the clips of each epoch in the order in which steps take them.
    mirror
        (E, N) bool: whether each clip is mirrored.
    amplitude
        (E, N) float32 factors.
    moves
        (E, N, 2) rows and columns, 0 to twice the largest shift, which is in the middle.
    """

    order: NDArray[np.int64]
    mirror: NDArray[np.bool_]
    amplitude: NDArray[np.float32]
    moves: NDArray[np.int64]

    @classmethod
    def of(cls, draw: np.random.Generator, clips: int, training: Mapping[str, Any]) -> Draws:
        """Draw for ``clips`` clips and the settings of `mepipe.evaluation.network_training.fit`."""
        epochs, largest = int(training["epochs"]), float(training["amplitude"])
        order = np.stack([draw.permutation(clips) for _ in range(epochs)])
        mirror = (draw.random((epochs, clips)) < 0.5) & bool(training["mirror"])
        change = draw.uniform(-largest, largest, (epochs, clips))
        moves = draw.integers(0, 2 * int(training["shift"]), (epochs, clips, 2), endpoint=True)
        return cls(order, mirror, (1 + change).astype(np.float32), moves)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return order, mirror, amplitude and moves as tensors."""
        import torch

        order, mirror, amplitude, moves = map(
            torch.from_numpy, (self.order, self.mirror, self.amplitude, self.moves)
        )
        return order, mirror, amplitude, moves

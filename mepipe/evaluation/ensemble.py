"""Several networks of one training as one: their probabilities are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation.network_training import Trained

Floats = NDArray[np.float32]

_STEP = 0x9E3779B97F4A7C15  # odd, so that members of neighbouring seeds never meet


@dataclass(frozen=True)
class Ensemble:
    """Networks that differ in nothing but their seeds."""

    members: Sequence[Trained]

    def predict(self, x: Floats) -> Floats:
        """Return class probabilities (N, K) float32 for features as those of the training."""
        mean: Floats = np.mean([member.predict(x) for member in self.members], axis=0)
        return mean.astype(np.float32)

    def logits(self, x: Floats) -> Floats:
        """Return the logits (M, N, V, K) float32 of M members (`Trained.logits`)."""
        return np.stack([member.logits(x) for member in self.members])

    def at_temperature(self, temperature: float) -> Ensemble:
        """Return the same networks with another temperature."""
        return Ensemble([replace(member, temperature=temperature) for member in self.members])


def member_seeds(seed: int, members: int) -> list[int]:
    """Return the seed of each member; the first is ``seed`` itself."""
    return [(seed + number * _STEP) % 2**64 for number in range(members)]

"""Features as a torch Dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from mepipe.features.features import Features


class FeatureDataset(Dataset[tuple[Any, ...]]):
    """(map, ..., y) of each clip, read when it is asked for.

    A DataLoader asks for a whole batch at a time (``__getitems__``), which is
    then read at once.
    """

    def __init__(
        self, features: Features, names: Sequence[str], transform: Callable[[Any], Any] | None
    ) -> None:
        self._features = features
        self._names = names
        self._transform = transform
        self._y = features.y

    def __len__(self) -> int:
        return len(self._y)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.__getitems__([index % len(self)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        maps = [torch.from_numpy(self._features.read(name, indices)) for name in self._names]
        labels = self._y[indices].tolist()
        samples = []
        for number, label in enumerate(labels):
            tensors: Any = tuple(one[number] for one in maps)
            if self._transform is not None:
                tensors = self._transform(tensors if len(maps) > 1 else tensors[0])
                tensors = tensors if len(maps) > 1 else (tensors,)
            samples.append((*tensors, label))
        return samples

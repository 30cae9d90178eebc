"""features.h5 as a torch Dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset


class FeatureDataset(Dataset[tuple[torch.Tensor, int]]):
    """(x, y) of each clip, read from the file when it is asked for.

    HDF5 handles cannot cross processes, so the file is opened on the first
    sample of each process and left out when the dataset is pickled.
    """

    def __init__(self, path: Path, y: NDArray[np.int64]) -> None:
        self._path = path
        self._y = y
        self._file: h5py.File | None = None

    def __len__(self) -> int:
        return len(self._y)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        if self._file is None:
            self._file = h5py.File(self._path, "r")
        row = index % len(self)
        return torch.from_numpy(self._file["x"][row]), int(self._y[row])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

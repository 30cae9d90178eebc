"""Benchmark of feeding a torch DataLoader: features.h5 against a memory-mapped array."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.cache.keys import Json
from mepipe.cache.pack import COLUMNS, Pack, write_pack
from mepipe.extras import require
from mepipe.features import load
from mepipe.schema import CLASSES

if TYPE_CHECKING:
    from torch.utils.data import Dataset

_BATCH = 64
_TEXT: Mapping[str, Json] = {"text": "", "int": 0, "float": 0.0, "bool": True}


@dataclass(frozen=True)
class Feeding:
    """Samples a second, medians over rounds, shuffled batches of 64."""

    workers: int
    features: float
    memmap: float

    @property
    def share(self) -> float:
        """The rate relative to the memory-mapped array."""
        return self.features / self.memmap


def measure(clips: int, size: int, rounds: int, workers: Sequence[int]) -> list[Feeding]:
    """Return the rates for ``clips`` random clips of (3, size, size), measured in turns."""
    require("train", "the benchmark of a DataLoader")
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path, plain = Path(folder) / "features.h5", Path(folder) / "x.dat"
        x = np.memmap(plain, "<f4", "w+", shape=(clips, 3, size, size))
        for row in x:
            row[:] = random.standard_normal((3, size, size), dtype=np.float32)
        x.flush()
        with disk.replacing(path) as output:
            write_pack(output, _pack(clips), x.shape[1:], x)
        features = load(path)
        array = _Mapped(np.memmap(plain, "<f4", "r", shape=x.shape), features.y)
        found = []
        for count in workers:
            rates: dict[str, list[float]] = {"features": [], "memmap": []}
            sources: dict[str, Any] = {"features": features.torch(), "memmap": array}
            loaders = {name: _loader(dataset, count) for name, dataset in sources.items()}
            # The first epoch is not counted: it starts the workers and verifies every row.
            for number in range(rounds + 1):
                for name, loader in loaders.items():
                    rate = _epoch(loader, clips)
                    if number:
                        rates[name].append(rate)
            found.append(Feeding(count, *(statistics.median(rates[name]) for name in rates)))
        return found


def _loader(dataset: Dataset[Any], workers: int) -> Any:
    import torch
    from torch.utils.data import DataLoader

    return DataLoader(
        dataset,
        batch_size=_BATCH,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(0),
    )


def _epoch(loader: Any, clips: int) -> float:
    started = time.perf_counter()
    seen = sum(len(y) for _, y in loader)
    if seen != clips:
        raise AssertionError(f"{seen} samples of {clips}")
    return clips / (time.perf_counter() - started)


class _Mapped:
    """The usual Dataset over a memory-mapped array."""

    def __init__(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
        self._x, self._y = x, y

    def __len__(self) -> int:
        return len(self._y)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import torch

        return torch.from_numpy(np.array(self._x[index])), int(self._y[index])


def _pack(clips: int) -> Pack:
    row: dict[str, Json] = {name: _TEXT[kind] for name, kind in COLUMNS.items()}
    rows: list[Mapping[str, Json]] = [
        {**row, "clip": f"made/c{number:06d}", "y": number % 3} for number in range(clips)
    ]
    return Pack(rows, CLASSES, {}, {})

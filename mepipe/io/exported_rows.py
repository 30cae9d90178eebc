"""What is exported: some rows of a features file, read a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError, UsageError
from mepipe.features import Features
from mepipe.schema import CHANNELS

BLOCK = 256
"""Rows that are in memory at once: 2.4 MB of 28x28 tensors."""


@dataclass(frozen=True)
class Selection:
    """The rows of a features file that are exported, in their order.

    Parameters
    ----------
    features
        What ``mepipe.load`` returns.
    rows
        Ascending row numbers.
    advance
        Called once for every row that was written.
    """

    features: Features
    rows: Sequence[int]
    advance: Callable[[], None]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column's values for these rows."""
        return self.features.columns[name][list(self.rows)]

    def blocks(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield the map ``name`` of all rows, `BLOCK` of them at a time."""
        for start in range(0, len(self.rows), BLOCK):
            yield self.features.read(name, self.rows[start : start + BLOCK])

    def tensors(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each row and its x (3, S, S), and count it.

        Raises
        ------
        BadDataError
            If one holds NaN or infinity.
        """
        row_numbers = iter(self.rows)
        for block in self.blocks("x"):
            for x in block:
                row = next(row_numbers)
                if not np.isfinite(x).all():
                    raise BadDataError(
                        f"the features of {self.features.clip[row]} hold NaN or infinity",
                        "Leave the clip out with --select, or make its features again.",
                    )
                yield row, x
                self.advance()

    def refuse_other_channels(self) -> None:
        """Raise UsageError if the channels are not u, v, strain."""
        if tuple(self.features.channels) != CHANNELS:
            raise UsageError(
                f"{self.features.name} has the channels {', '.join(self.features.channels)}, and "
                "pictures are made of u, v, strain",
                "Export it with --to npz or --to csv.",
            )

    @property
    def scale(self) -> str:
        """How x was scaled, `tensor.scale`; empty if the file does not say."""
        return str(self.features.settings.get("tensor", {}).get("scale", ""))


@dataclass(frozen=True)
class Exported:
    """What was written: ``left_out`` are the ids of clips without a class that were left out."""

    target: str
    out: Path
    clips: int
    files: int
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

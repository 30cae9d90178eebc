"""What every origin of features gives: columns in memory, and maps read by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mepipe.schema import MAPS


@dataclass(frozen=True)
class About:
    """What is known of some features without reading a map.

    Parameters
    ----------
    classes, channels
        Names of the classes 0 to K - 1; what the channels of ``x`` are.
    columns
        Every column, (N,) each.
    settings, libraries
        The settings and the versions that made the features.
    shapes
        The shape of each map that there is, clips first.
    targets
        (N, K) int64: positions of the frames that ``sequence`` and ``faces`` show
        after the onset; None where there are neither.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    settings: Mapping[str, Any]
    libraries: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    targets: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self.shapes["x"][0]


class Source(Protocol):
    """Where features come from: a file, several, or a cache."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def about(self) -> About:
        """What is known without reading a map."""

    def read(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return the given rows of a map, in that order.

        Raises
        ------
        DamageError
            If one of them is not what was written.
        """


def empty(about: About, name: str, rows: int) -> NDArray[Any]:
    """Return a place for ``rows`` rows of the map ``name``."""
    return np.empty((rows, *about.shapes[name][1:]), dtype=MAPS[name].dtype)

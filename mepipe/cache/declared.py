"""What the objects of a stage may contain. Imports no HDF5: a check of a dataset needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from mepipe.cache.objects import StoredObject

Declaration: TypeAlias = Mapping[str, tuple[str, int]]
"""(dtype, number of dimensions) of arrays, by name."""


class Declared(dict[str, tuple[str, int]]):
    """A `Declaration` that also says whether the values and arrays of an object fit its stage."""

    def __init__(
        self, arrays: Mapping[str, tuple[str, int]], fits: Callable[[StoredObject], bool]
    ) -> None:
        super().__init__(arrays)
        self.fits = fits

"""Features of a recorded run, read from the objects of its cache without a features.h5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.pack import COLUMNS, stored_column
from mepipe.cache.records import read_record, read_records, read_table
from mepipe.cache.store import Store, object_name, open_store
from mepipe.errors import DamageError, UsageError
from mepipe.features.file import checked_column
from mepipe.features.source import About, empty
from mepipe.schema import CHANNELS, MAPS, PER_TARGET


class CachedRun:
    """The tensors that a run found or made, as a `mepipe.features.source.Source`.

    Parameters
    ----------
    cache
        The cache's folder.
    run
        The run's id, a unique beginning of it, or ``latest``: the newest that got
        as far as features.

    Raises
    ------
    UsageError
        If there is no such run, or it has no features.
    DamageError
        If an object is gone or damaged; `mepipe run` makes it again.
    """

    def __init__(self, cache: Path, run: str) -> None:
        self._store: Store = open_store(cache)
        record = _record(cache, run)
        self.name = f"run {record['id']} of {cache}"
        table = read_table(cache, str(record["pack"]))
        try:
            self._open(table)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # The table is data of whoever can write to the cache.
            raise DamageError(
                f"what {self.name} says of its features is gone or damaged",
                "Run the same command again: it writes it again.",
            ) from error

    def _open(self, table: Mapping[str, Any]) -> None:
        texts = [*table["classes"], *table["libraries"].values()]
        if not isinstance(table["settings"], dict) or not all(isinstance(t, str) for t in texts):
            raise TypeError
        self._objects = {
            stage: [object_name(stage, key, digest) for key, digest in pairs]
            for stage, pairs in table["objects"].items()
        }
        columns = {
            name: checked_column(name, kind, stored_column(values, kind), len(values))
            for (name, kind), values in zip(
                COLUMNS.items(), map(table["columns"].get, COLUMNS), strict=True
            )
        }
        count = len(columns["clip"])
        lengths = [*map(len, columns.values()), *map(len, self._objects.values())]
        if any(length != count for length in lengths):
            raise ValueError
        found = {stage: self._arrays(stage, 0) for stage in self._objects}
        shapes = {
            name: (count, *found[item.stage][item.array].shape)
            for name, item in MAPS.items()
            if item.array in found.get(item.stage, ())  # a record may be older than a map
        }
        if "x" not in shapes:
            raise LookupError
        self.about = About(
            classes=tuple(table["classes"]),
            channels=CHANNELS,
            columns=columns,
            settings=table["settings"],
            libraries=table["libraries"],
            shapes=shapes,
            targets=np.array(table["targets"], np.int64) if PER_TARGET & shapes.keys() else None,
        )

    def _arrays(self, stage: str, row: int) -> Mapping[str, NDArray[Any]]:
        return self._store.read(self._objects[stage][row]).arrays

    def read(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows of a map; see `mepipe.features.source.Source.read`."""
        found = empty(self.about, name, len(rows))
        item = MAPS[name]
        for place, row in enumerate(rows.tolist()):
            values = self._arrays(item.stage, row).get(item.array)
            if values is None or (values.shape, values.dtype) != (found.shape[1:], found.dtype):
                raise DamageError(
                    f"the {name} of {self.about.columns['clip'][row]} in {self.name} is not of the "
                    "kind of the others",
                    "Run the same command again, and load that run.",
                )
            found[place] = values
        return found


def _record(cache: Path, run: str) -> Mapping[str, Any]:
    if run == "latest":
        found: Sequence[Mapping[str, Any]] = [
            next((one for one in read_records(cache) if one.get("pack")), {})
        ]
    else:
        exact = read_record(cache, run)
        found = (
            [exact]
            if exact
            else [one for one in read_records(cache) if str(one["id"]).startswith(run)]
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} runs begin with {run}", f"Give more of it: {found[0]['id']}"
        )
    if not found or not found[0]:
        raise UsageError(
            f"{cache} has no record of {'a run with features' if run == 'latest' else run}",
            "`mepipe cache status --json` lists the runs; name the cache with cache=FOLDER.",
        )
    if not found[0].get("pack"):
        raise UsageError(
            f"the run {found[0]['id']} made no features",
            "It ended early or with --until; run the same command without it.",
        )
    return found[0]

"""What run records say of earlier runs: what plans, explanations and later reports read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mepipe.cache.records import read_records, read_table
from mepipe.cache.store import ObjectName
from mepipe.pipeline.outcome import Known
from mepipe.schema import SIDE_STAGES
from mepipe.stages import STAGES
from mepipe.stages.stored_values import failure_fits, libraries_fit

# How many records a plan reads. Changes since older runs are reported as "new".
_RECORDS = 5
_DIGESTS = re.compile("([0-9a-f]{64})*")


@dataclass(frozen=True)
class Recorded:
    """One stage of one clip in a record. Long lists in ``parts`` are digests."""

    name: ObjectName
    version: int
    parts: Mapping[str, Any]


class PastRun:
    """One run record. Its tables are read when they are first needed."""

    def __init__(self, cache_root: Path, record: Mapping[str, Any]) -> None:
        self._root = cache_root
        self.record = record

    def is_whole(self) -> bool:
        """Return False if a table of the record is there and has not its shape."""
        tables = [read_table(self._root, str(self.record.get(name))) for name in ("clips", "parts")]
        clips, parts = tables
        return (clips is None or _is_clip_table(clips)) and (
            parts is None or _is_parts_table(parts, self._clips)
        )

    @cached_property
    def _clips(self) -> Mapping[str, Any]:
        found = read_table(self._root, str(self.record.get("clips")))
        return found if _is_clip_table(found) else {"clips": [], "stages": {}}

    @cached_property
    def _parts(self) -> Mapping[str, Any]:
        found = read_table(self._root, str(self.record.get("parts")))
        return found if _is_parts_table(found, self._clips) else {}

    @cached_property
    def _places(self) -> Mapping[str, Mapping[str, int]]:
        """The index of each key in the columns of its stage."""
        return {
            stage: {key: place for place, key in enumerate(_cut(columns["keys"]))}
            for stage, columns in self._clips["stages"].items()
        }

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {clip: row for row, clip in enumerate(self._clips["clips"])}

    @cached_property
    def _place_of_row(self) -> Mapping[str, Mapping[int, int]]:
        stages = self._clips["stages"].items()
        return {
            stage: {row: place for place, row in enumerate(columns["rows"])}
            for stage, columns in stages
        }

    def known(self, name: ObjectName) -> Known | None:
        """Return the content of an object according to the record, or None."""
        place = self._places.get(name.stage, {}).get(name.key)
        if place is None:
            return None
        columns = self._clips["stages"][name.stage]
        # The same key with other bytes: the object was computed again since, so the recorded
        # values need not be its values.
        if columns["objects"][place * 64 : place * 64 + 64] != name.digest:
            return None
        return Known(
            columns["values"][place],
            columns["failures"].get(str(place)),
            columns["libraries"][columns["made_by"][place]],
        )

    def recorded(self, clip: str, stage: str) -> Recorded | None:
        """Return the entry of this stage of the clip, or None."""
        place = self._place_of_row.get(stage, {}).get(self._rows.get(clip, -1))
        if place is None:
            return None
        columns = self._clips["stages"][stage]
        span = slice(place * 64, place * 64 + 64)
        parts = {
            name: column["distinct"][column["index"][place]]
            for name, column in self._parts.get(stage, {}).items()
            if column["index"][place] >= 0
        }
        name = ObjectName(stage, columns["keys"][span], columns["objects"][span])
        return Recorded(name, columns["version"], parts)

    def is_of(self, datasets: Collection[str]) -> bool:
        """Return True if the run included one of ``datasets``."""
        return not set(datasets).isdisjoint(self.record.get("roots", ()))

    def clips(self) -> Sequence[str]:
        """Return the ids of the run's clips."""
        clips: Sequence[str] = self._clips["clips"]
        return clips

    def recordings(self) -> Sequence[str]:
        """Return the names of the recordings that the run searched for movements."""
        table = read_table(self._root, str(self.record.get("recordings")))
        found = table.get("recordings") if isinstance(table, dict) else None
        if not isinstance(found, list):
            return []
        return [str(one["name"]) for one in found if isinstance(one, dict) and "name" in one]

    def motions(self) -> dict[str, ObjectName]:
        """Return the objects of the motion stage that the run found or computed, by clip."""
        table = read_table(self._root, str(self.record.get("motions")))
        if not isinstance(table, dict) or table.get("stage") not in SIDE_STAGES:
            return {}
        keys, objects = str(table.get("keys")), str(table.get("objects"))
        # As those of clips: names become paths.
        if not (_DIGESTS.fullmatch(keys) and _DIGESTS.fullmatch(objects)):
            return {}
        names = [
            ObjectName(str(table["stage"]), key, digest)
            for key, digest in zip(_cut(keys), _cut(objects), strict=False)
        ]
        clips: Any = table.get("clips")
        return dict(zip(clips, names, strict=False)) if _is_list(clips, str) else {}

    def objects(self) -> Iterator[tuple[str, ObjectName]]:
        """Yield (dataset, object) of every stage of every clip."""
        datasets = self._clips.get("dataset", ())
        for clip, name in self.motions().items():
            yield datasets[self._rows[clip]] if clip in self._rows else "", name
        for stage, columns in self._clips["stages"].items():
            names = zip(
                columns["rows"], _cut(columns["keys"]), _cut(columns["objects"]), strict=True
            )
            for row, key, digest in names:
                yield datasets[row], ObjectName(stage, key, digest)


def _is_clip_table(found: Any) -> bool:
    """Return True if a table of clips has the shape that `run_records` gives it, and valid names.

    The names of objects become paths. A manipulated record must not name a file outside the cache.
    """
    if not isinstance(found, dict) or not isinstance(found.get("stages"), dict):
        return False
    clips: Any = found.get("clips")
    if not _is_list(clips, str) or not _is_list(found.get("dataset"), str, len(clips)):
        return False
    known = {stage.name for stage in STAGES}
    return known.issuperset(found["stages"]) and all(
        _is_stage_table(columns, len(clips)) for columns in found["stages"].values()
    )


def _is_stage_table(columns: Any, clips: int) -> bool:
    if not isinstance(columns, dict) or not _is_list(columns.get("rows"), int):
        return False
    rows: list[int] = columns["rows"]
    digests: list[Any] = [columns.get("keys"), columns.get("objects")]
    failures: Any = columns.get("failures")
    libraries: Any = columns.get("libraries")
    return (
        all(0 <= row < clips for row in rows)
        and all(isinstance(one, str) and len(one) == 64 * len(rows) for one in digests)
        and all(_DIGESTS.fullmatch(one) for one in digests)
        and type(columns.get("version")) is int
        and _is_list(columns.get("values"), dict, len(rows))
        and isinstance(failures, dict)
        and all(map(failure_fits, failures.values()))
        and _is_list(libraries, dict)
        and all(map(libraries_fit, libraries))
        and _is_list(columns.get("made_by"), int, len(rows))
        and all(0 <= one < len(libraries) for one in columns["made_by"])
    )


def _is_parts_table(found: Any, clips: Mapping[str, Any]) -> bool:
    """Return True if a table of parts has the shape that `run_records` gives for these clips."""
    return isinstance(found, dict) and all(
        isinstance(columns, dict)
        and all(
            isinstance(one, dict)
            and isinstance(one.get("distinct"), list)
            and _is_list(one.get("index"), int, len(clips["stages"].get(stage, {}).get("rows", ())))
            and all(-1 <= place < len(one["distinct"]) for place in one["index"])
            for one in columns.values()
        )
        for stage, columns in found.items()
    )


def _is_list(found: Any, kind: type, length: int | None = None) -> bool:
    # `type` and not `isinstance`: True is no number of a row.
    return (
        isinstance(found, list)
        and (length is None or len(found) == length)
        and all(type(one) is kind for one in found)
    )


def _cut(digests: str) -> list[str]:
    return [digests[start : start + 64] for start in range(0, len(digests), 64)]


class History:
    """The newest earlier records, read only as far as needed.

    Runs over one of ``datasets`` come first, because many runs of another study may lie
    between two runs of this one.
    """

    def __init__(self, cache_root: Path, datasets: Collection[str]) -> None:
        ours = (run for run in _distinct(cache_root) if run.is_of(datasets))
        others = (run for run in _distinct(cache_root) if not run.is_of(datasets))
        self._waiting = chain(islice(ours, _RECORDS), islice(others, _RECORDS))
        self._runs: list[PastRun] = []

    def _newest_first(self) -> Iterator[PastRun]:
        yield from self._runs
        for run in self._waiting:
            self._runs.append(run)
            yield run

    def known(self, name: ObjectName) -> Known | None:
        """Return the content of the object ``name`` according to a record, or None."""
        return next(filter(None, (run.known(name) for run in self._newest_first())), None)

    def last(self, clip: str, stage: str) -> Recorded | None:
        """Return the newest entry of this stage of the clip, or None."""
        return next(filter(None, (run.recorded(clip, stage) for run in self._newest_first())), None)


def _distinct(cache_root: Path) -> Iterator[PastRun]:
    """Yield the runs with different results, the newest first."""
    seen: set[str] = set()
    for record in read_records(cache_root):
        # Repeated warm runs share one table. They must not fill the limit of `_RECORDS`.
        if str(record.get("clips")) not in seen:
            seen.add(str(record.get("clips")))
            yield PastRun(cache_root, record)

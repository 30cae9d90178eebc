"""Run records: what a run writes, and what later plans read from them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical
from mepipe.cache.records import (
    new_run_id,
    read_records,
    read_table,
    write_record,
    write_table,
)
from mepipe.cache.store import ObjectName
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.datasets.clip import Clip, Dataset
from mepipe.pipeline.outcome import ClipOutcome, Known, StageOutcome
from mepipe.schema import SIDE_STAGES
from mepipe.stages import STAGES
from mepipe.stages.stored_values import failure_fits, libraries_fit

# How many records a plan reads. Changes since older runs are reported as "new".
_RECORDS = 5
_DIGESTS = re.compile("([0-9a-f]{64})*")


class RunRecord:
    """The record of a running run. It is written before the first task and at the end."""

    def __init__(
        self,
        cache: Path,
        out: Path,
        inputs: Inputs,
        config: Config,
        outcomes: Mapping[str, ClipOutcome],
    ) -> None:
        self.id = new_run_id(cache)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._cache, self._inputs, self._config = cache, inputs, config
        # Not a copy: the run replaces outcomes in it as clips are computed.
        self._outcomes = outcomes
        self._state: dict[str, Any] = {
            "started": self.started,
            "finished": False,
            "out": str(out.resolve()),
        }

    def write(self) -> None:
        """Write the current state."""
        clips = [prepared.clip for prepared in self._inputs.clips]
        keep_record(
            self._cache,
            self.id,
            self._state,
            self._inputs.datasets,
            self._config,
            clips,
            self._outcomes,
        )

    def finish(self, features: str | None, report: Mapping[str, Any]) -> None:
        """Mark the run as finished, with the digest of its features and the data of its report."""
        self._state |= {"finished": True, "features": features, "report": dict(report)}

    def close(
        self,
        pack: Json | None,
        *,
        required: bool,
        recordings: Json | None = None,
        motions: Mapping[str, ObjectName] | None = None,
    ) -> None:
        """Write the record for the last time. `mepipe.load` finds the features by ``pack``.

        A report that is made later shows ``recordings``, and ``motions``: the objects of the
        motion stage, by clip.

        Raises
        ------
        NotWritableError
            If the cache cannot be written and the record is ``required``: the run computed
            something. A warm run with a read-only cache succeeds without a record.
        """
        try:
            if pack is not None:
                self._state["pack"] = write_table(self._cache, pack)
            if motions:
                self._state["motions"] = write_table(self._cache, _side_table(motions))
            if recordings is not None:
                self._state["recordings"] = write_table(self._cache, recordings)
            self.write()
        except disk.NotWritableError:
            # With stale clips the objects could not have been stored either.
            if required:
                raise


def record_motions(
    cache_root: Path, record: Mapping[str, Any], motions: Mapping[str, ObjectName]
) -> None:
    """Name in a record objects of the motion stage that were computed after its run."""
    table = write_table(cache_root, _side_table(motions))
    write_record(cache_root, str(record["id"]), {**record, "motions": table})


def keep_record(
    cache_root: Path,
    run_id: str,
    state: Mapping[str, Any],
    datasets: Sequence[Dataset],
    config: Config,
    clips: Sequence[Clip],
    outcomes: Mapping[str, ClipOutcome],
) -> None:
    """Write the record of a run: dataset folders, settings, and the objects of each clip."""
    done = [(clip, outcomes[clip.id]) for clip in clips]
    record = {
        "mepipe": __version__,
        **state,
        "roots": {dataset.name: str(dataset.root.resolve()) for dataset in datasets},
        "config": config.model_dump(mode="json", by_alias=True),
        "clips": write_table(cache_root, _clip_table(done)),
        "parts": write_table(cache_root, _parts_table(done)),
    }
    write_record(cache_root, run_id, record)


def _clip_table(done: Sequence[tuple[Clip, ClipOutcome]]) -> dict[str, Any]:
    """Return the clips and their objects by columns, which is compact and fast to read."""
    stages = {}
    for stage in STAGES:
        rows, found = _of_stage(done, stage.name)
        distinct, made_by = _once(dict(one.libraries) for one in found)
        stages[stage.name] = {
            "version": stage.version,
            "rows": rows,
            # One string of digests, 64 characters each. A JSON list would be parsed item by item.
            "keys": "".join(one.key for one in found),
            "objects": "".join(one.digest for one in found),
            "values": [one.values for one in found],
            "failures": {str(n): one.failure for n, one in enumerate(found) if one.failure},
            "libraries": distinct,
            "made_by": made_by,
        }
    return {
        "clips": [clip.id for clip, _ in done],
        "dataset": [clip.dataset for clip, _ in done],
        "subject": [clip.subject for clip, _ in done],
        "emotion": [clip.emotion for clip, _ in done],
        "stages": stages,
    }


def _side_table(objects: Mapping[str, ObjectName]) -> dict[str, Any]:
    """Return the objects of a stage beside those of every clip."""
    clips = sorted(objects)
    return {
        "stage": next(iter(objects.values())).stage,
        "clips": clips,
        "keys": "".join(objects[clip].key for clip in clips),
        "objects": "".join(objects[clip].digest for clip in clips),
    }


def _once(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct values, and the index of each value among them."""
    places: dict[str, int] = {}
    distinct: list[Any] = []
    index = []
    for value in values:
        place = places.setdefault(canonical(value), len(places))
        if place == len(distinct):
            distinct.append(value)
        index.append(place)
    return distinct, index


def _parts_table(done: Sequence[tuple[Clip, ClipOutcome]]) -> dict[str, Any]:
    """Return the parts of all keys by stage and name. Equal values are stored once."""
    table = {}
    for stage in STAGES:
        _, found = _of_stage(done, stage.name)
        columns: dict[str, dict[str, Any]] = {}
        for name in sorted({name for one in found for name in one.parts}):
            distinct, places = _once(one.parts[name] for one in found if name in one.parts)
            at = iter(places)
            # -1: the key of this clip has no such part.
            index = [next(at) if name in one.parts else -1 for one in found]
            columns[name] = {"distinct": distinct, "index": index}
        table[stage.name] = columns
    return table


def _of_stage(
    done: Sequence[tuple[Clip, ClipOutcome]], stage: str
) -> tuple[list[int], list[StageOutcome]]:
    """Return the rows of the clips that have an object of ``stage``, and these objects."""
    rows = [row for row, (_, outcome) in enumerate(done) if stage in outcome.stages]
    return rows, [done[row][1].stages[stage] for row in rows]


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
        return dict(zip(map(str, table.get("clips", ())), names, strict=False))

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
    """Return True if a table of clips has the shape that `_clip_table` gives, and valid names.

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
    """Return True if a table of parts has the shape that `_parts_table` gives for these clips."""
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

"""Run records: what a run writes. `past_runs` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical
from mepipe.cache.records import (
    new_run_id,
    write_record,
    write_table,
)
from mepipe.cache.store import ObjectName
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.datasets.clip import Clip, Dataset
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.stages import STAGES


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
        px: Mapping[str, float | None] | None = None,
    ) -> None:
        """Write the record for the last time. `mepipe.load` finds the features by ``pack``.

        A report that is made later shows ``recordings``, and ``motions``: the objects of the
        motion stage, by clip. The next run need not open the tensors that ``px`` names: the
        largest motion by the digest of a tensor (`mepipe.pipeline.out_of_range.movement_px`).

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
            if px:
                self._state["px"] = write_table(self._cache, dict(px))
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

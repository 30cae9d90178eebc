"""Fill a cache for synthetic clips without computing anything, and plan over it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mepipe.cache.objects import StoredObject
from mepipe.cache.records import compact, new_run_id
from mepipe.cache.store import ObjectName, open_store
from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.pipeline.run_records import keep_record
from mepipe.pipeline.walk import Found, keyed, walk
from mepipe.run import Run
from mepipe.stages import Stage, Upstream
from mepipe.versions import libraries

MADE_VALUES: dict[str, dict[str, Any]] = {
    "face": {
        "transforms": [[[1.0123456789, 0.0123456789, 3.2], [-0.0123456789, 1.0123456789, 5.1]]],
        "faces": 1,
        "searched": 0,
        "quality": 1.2345,
        "inter_ocular_px": 110.123,
    },
    "tensor": {},
}
"""Values of each stage as it may give them."""
# Planning opens no object. Above this number of clips the files are empty, which saves time.
_WITH_CONTENT = 2000


def _run(data: Path, cache: Path) -> Run:
    config = load_config(None, ["flow.engine=opencv"])
    context = Context(open_store(cache))
    return Run(open_datasets([str(data)]), config, context, out=cache / "none", until="tensor")


def plan_made(data: Path, cache: Path) -> int:
    """Read the dataset, plan a run over it, and return the number of stale clips."""
    return len(_run(data, cache).plan().stale)


def store_made(data: Path, cache: Path) -> None:
    """Store an object for every stage of every clip, and the record of the run."""
    run = _run(data, cache)
    store = open_store(cache)
    whole = len(run.inputs.clips) <= _WITH_CONTENT
    x = np.random.default_rng(0).random((3, 28, 28), dtype=np.float32)
    # The arrays that a report reads: a warm run writes one.
    made: dict[str, dict[str, Any]] = {
        "spot": {"curve": np.empty(0, np.float32)},
        "flow": {"uv": x[:2], "motion": np.eye(2, 3)},
        "tensor": {"x": x},
    }
    outcomes: dict[str, ClipOutcome] = {}
    for prepared in run.inputs.clips:
        clip = prepared.input

        def nothing(stage: Stage, outcome: ClipOutcome, clip: ClipInput = clip) -> Found:
            return Found(*keyed(clip, run.config, outcome, stage))

        outcome = outcomes[prepared.clip.id] = ClipOutcome(prepared.clip.id)
        for step in walk(clip, run.config, outcome, nothing):
            stage, key, parts = step.stage, step.found.key, step.found.parts
            values = MADE_VALUES.get(stage.name)
            # Spotting is computed: annotated clips need no frames, and later keys depend on it.
            if stage.name == "spot":
                upstream = Upstream(outcome.values, lambda _: {})
                values = stage.compute(clip, run.config, upstream).values
            elif stage.name == "flow":
                values = {"uv": key, "inter_ocular": 60.5}
            made_by, arrays = libraries(stage.libraries), made.get(stage.name, {})
            item = StoredObject(stage.name, stage.version, key, parts, values or {}, arrays)
            digest = hashlib.sha256(key.encode()).hexdigest()
            if whole:
                digest = store.write(item).digest
            else:
                path = store.path(ObjectName(stage.name, key, digest))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            step.outcome = StageOutcome(
                key, compact(parts), digest, values or {}, None, made_by, computed=True
            )
    run.inputs.save_indexes()
    clips = [prepared.clip for prepared in run.inputs.clips]
    state = {"started": "", "finished": True}
    keep_record(cache, new_run_id(cache), state, run.inputs.datasets, run.config, clips, outcomes)

"""One clip through its stages in a worker: what is there is used again, the rest computed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from mepipe.cache.locks import claim
from mepipe.cache.objects import StoredObject
from mepipe.cache.records import compact
from mepipe.cache.store import Store
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import ClipTask, Failure
from mepipe.config.settings import Config
from mepipe.errors import BadDataError, DamageError, UnreadableInputError
from mepipe.execution.context import Context
from mepipe.frames import is_out_of_memory
from mepipe.pipeline.outcome import ClipOutcome, Known, StageOutcome
from mepipe.pipeline.walk import Found, Lookup, Rules, Step, judge, keyed, stages_until, walk
from mepipe.stages import ARRAYS, Stage, Upstream
from mepipe.versions import libraries


def run_clip(
    task: ClipTask,
    config: Config,
    context: Context,
    until: str,
    *,
    wait: bool = True,
    parent: int = 0,
) -> ClipOutcome:
    """Take one clip through every stage that is stale, and store what it gives.

    Parameters
    ----------
    task
        The clip.
    config
        The resolved configuration.
    context
        The cache, shared with other processes, and what of it is good enough.
    until
        The last stage.
    wait
        Whether to wait for another process that is computing the same; if not,
        the outcome ends there and says so.
    parent
        The process that planned; a worker leaves Ctrl-C to it.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written.
    """
    import cv2

    # Dask's workers compute in a thread, where no signal arrives.
    in_main = threading.current_thread() is threading.main_thread()
    if parent and parent != os.getpid() and in_main:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread a worker: the clips are what runs in parallel.
    cv2.setNumThreads(1)
    store = context.store
    clip = task.open()
    outcome = ClipOutcome(task.clip, learnt=clip.frames.learnt)
    lookup, rules = _lookup(store, clip, config), Rules.of(context)
    try:
        for step in walk(clip, config, outcome, lookup, until=until, rules=rules):
            if step.verdict == "compute":
                with claim(store.lock(step.found.key), wait=wait) as free:
                    if not free:
                        outcome.busy = step.stage.name
                        return outcome
                    # Another process may have computed it in the meantime.
                    again = judge(step.stage, lookup(step.stage, outcome), rules)
                    step.outcome = again.outcome or _compute(store, clip, config, outcome, step)
                    step.found = again.found
            if step.found.name is not None:
                store.touch(step.found.name)
    except UnreadableInputError as error:
        outcome.failure = Failure.of(task.clip, _under_way(outcome, until), error)
    except Exception as error:
        stage = _under_way(outcome, until)
        if not is_out_of_memory(error):
            # Whatever else ends the run keeps its traceback; the clip is what one needs to
            # look into it.
            error.add_note(f"(clip {task.clip}, stage {stage})")
            raise
        # This clip may be too large for this machine; the others need not be.
        outcome.failure = Failure.of_memory(task.clip, stage)
    return outcome


def _under_way(outcome: ClipOutcome, until: str) -> str:
    return stages_until(until)[len(outcome.stages)].name


def _lookup(store: Store, clip: ClipInput, config: Config) -> Lookup:
    """Return a lookup that reads objects; one that is damaged goes to the quarantine."""

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        key, parts = keyed(clip, config, outcome, stage)
        name = store.find(stage.name, key)
        if name is None:
            return Found(key, parts)
        try:
            stored = store.read(name, stage.arrays)
        except DamageError:
            return Found(key, parts)
        return Found(key, parts, name, Known(stored.values, stored.failure, stored.libraries))

    return look


def _compute(
    store: Store, clip: ClipInput, config: Config, outcome: ClipOutcome, step: Step
) -> StageOutcome:
    """Compute a stage and store its object; bad data is a result like any other."""
    started = time.perf_counter()
    stage, key, parts = step.stage, step.found.key, step.found.parts
    made_by = libraries(stage.libraries)
    values: Mapping[str, Any] = {}
    arrays: Mapping[str, Any] = {}
    failure: dict[str, Any] | None = None
    upstream = Upstream(outcome.values, _arrays_of(store, outcome))
    try:
        result = stage.compute(clip, config, upstream)
        values, arrays = result.values, result.arrays
    except BadDataError as error:
        failure = {
            "error": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
        }
        if error.position is not None:
            failure["frame"] = stage.frames(clip, config, outcome.values).index(error.position)
    written = store.write(
        StoredObject(stage.name, stage.version, key, parts, values, arrays, failure, made_by)
    )
    return StageOutcome(
        key,
        compact(parts),
        written.digest,
        values,
        failure,
        made_by,
        computed=True,
        seconds=time.perf_counter() - started,
    )


def _arrays_of(store: Store, outcome: ClipOutcome) -> Callable[[str], Mapping[str, Any]]:
    """Return what reads the arrays of an earlier stage: only where a later one asks for them."""

    def arrays(stage: str) -> Mapping[str, Any]:
        return store.read(outcome.object_name(stage), ARRAYS[stage]).arrays

    return arrays

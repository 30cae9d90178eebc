"""Compute the stale stages of one clip in a worker process, and store their objects."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from mepipe.cache.keys import Json
from mepipe.cache.locks import claim
from mepipe.cache.objects import StoredObject
from mepipe.cache.records import compact
from mepipe.cache.store import ObjectName, Store
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

Made: TypeAlias = dict[ObjectName, Mapping[str, Any]]
"""The arrays of the objects that were just computed for a clip."""


def run_clip(
    task: ClipTask,
    config: Config,
    context: Context,
    until: str,
    *,
    wait: bool = True,
    parent: int = 0,
) -> ClipOutcome:
    """Compute every stale stage of one clip and store its object.

    Parameters
    ----------
    task
        The clip.
    config
        The resolved configuration.
    context
        The cache, shared with other processes, and which of its objects are reused.
    until
        The last stage.
    wait
        If True, wait for another process that computes the same object. If False, stop
        there and set ``busy`` in the outcome.
    parent
        Id of the process that planned. It handles Ctrl-C for its workers.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written.
    """
    _settle(parent)
    store = context.store
    clip = task.open()
    outcome = ClipOutcome(task.clip, learnt=clip.frames.learnt)
    lookup, rules = _lookup(store, clip, config), Rules.of(context)
    made: Made = {}
    with _told(outcome, lambda: _under_way(outcome, until)):
        for step in walk(clip, config, outcome, lookup, until=until, rules=rules):
            if step.verdict == "compute":
                # The lock saves double work. Without locks two workers write the same bytes.
                with claim(store.lock(step.found.key), wait=wait) as free:
                    if not free:
                        outcome.busy = step.stage.name
                        return outcome
                    # Another process may have computed it while this one waited for the lock.
                    found = _look(store, step.stage, step.found.key, step.found.parts)
                    again = judge(step.stage, found, rules, clip.frames.count)
                    step.found = again.found
                    step.outcome = again.outcome or _compute(
                        store, clip, config, outcome, step, made
                    )
            # Garbage collection keeps recently used objects, by their time stamp.
            if step.found.name is not None:
                store.touch(step.found.name)
    return outcome


def run_side(
    task: ClipTask,
    done: ClipOutcome,
    stage: Stage,
    config: Config,
    context: Context,
    *,
    parent: int = 0,
    clip: ClipInput | None = None,
) -> ClipOutcome:
    """Compute a stage beside those of a clip, unless its object is there, and store it.

    Parameters
    ----------
    task
        The clip.
    done
        The stages that it needs.
    stage
        One of `mepipe.stages.SIDES`.
    config, context, parent
        As for `run_clip`.
    clip
        The clip of the task, where this process has it open: it learns the digests of its frames.

    Returns
    -------
    ``done`` with the stage, or with the failure that kept it from being computed. Bad data is a
    stage whose object holds a failure.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written.
    """
    _settle(parent)
    store = context.store
    clip = clip or task.open()
    outcome = ClipOutcome(task.clip, dict(done.stages), learnt=clip.frames.learnt)
    lookup, rules = _lookup(store, clip, config), Rules.of(context)
    with _told(outcome, lambda: stage.name):
        step = judge(stage, lookup(stage, outcome), rules)
        if step.verdict == "compute":
            with claim(store.lock(step.found.key), wait=True):
                again = judge(stage, _look(store, stage, step.found.key, step.found.parts), rules)
                step.found = again.found
                step.outcome = again.outcome or _compute(store, clip, config, outcome, step, {})
        elif step.found.name is not None:
            store.touch(step.found.name)
        assert step.outcome is not None
        outcome.stages[stage.name] = step.outcome
    return outcome


@contextmanager
def _told(outcome: ClipOutcome, under_way: Callable[[], str]) -> Iterator[None]:
    """Keep in ``outcome`` the error that ends the body, if it is none of the data and no bug.

    ``under_way`` says which stage is under way.
    """
    try:
        yield
    except UnreadableInputError as error:
        outcome.failure = Failure.of(outcome.clip, under_way(), error)
    except Exception as error:
        stage = under_way()
        if not is_out_of_memory(error):
            # A bug ends the run with its traceback. The note says which clip reproduces it.
            error.add_note(f"(clip {outcome.clip}, stage {stage})")
            raise
        # Not stored, because it depends on the machine. Smaller clips may still succeed.
        outcome.failure = Failure.of_memory(outcome.clip, stage)


def _settle(parent: int) -> None:
    """Make a worker of this process: no reaction to Ctrl-C, one thread for OpenCV."""
    import cv2

    # The parent handles Ctrl-C. Dask computes in a thread, where Python allows no signal
    # handler to be set.
    in_main = threading.current_thread() is threading.main_thread()
    if parent and parent != os.getpid() and in_main:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Clips run in parallel. More threads per worker would compete for the same cores.
    cv2.setNumThreads(1)


def _under_way(outcome: ClipOutcome, until: str) -> str:
    return stages_until(until)[len(outcome.stages)].name


def _lookup(store: Store, clip: ClipInput, config: Config) -> Lookup:
    """Return a lookup that reads objects, as far as a clip is there without computing."""

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        key, parts = keyed(clip, config, outcome, stage)
        # After a stage that was just computed there is hardly ever an object, and it is looked
        # for under its lock anyway. Each look lists a folder, which is long in a large cache.
        if any(earlier.computed for earlier in outcome.stages.values()):
            return Found(key, parts)
        return _look(store, stage, key, parts)

    return look


def _look(store: Store, stage: Stage, key: str, parts: Mapping[str, Json]) -> Found:
    """Look for an object, and read it. A damaged one goes to the quarantine, if it can."""
    name = store.find(stage.name, key)
    if name is None:
        return Found(key, parts)
    try:
        stored = store.read(name, stage.arrays)
    except DamageError as error:
        return Found(key, parts, why=error.message)
    return Found(key, parts, name, Known(stored.values, stored.failure, stored.libraries))


def _compute(
    store: Store,
    clip: ClipInput,
    config: Config,
    outcome: ClipOutcome,
    step: Step,
    made: Made,
) -> StageOutcome:
    """Compute a stage and store its object. Bad data is stored as a failure.

    The arrays are added to ``made``, from which later stages take those of earlier ones.
    """
    started = time.perf_counter()
    stage, key, parts = step.stage, step.found.key, step.found.parts
    # Read before the computation, so that an update during a long stage is not recorded.
    made_by = libraries(stage.libraries)
    values: Mapping[str, Any] = {}
    arrays: Mapping[str, Any] = {}
    failure: dict[str, Any] | None = None
    upstream = Upstream(outcome.values, _arrays_of(store, outcome, made))
    try:
        result = stage.compute(clip, config, upstream)
        values, arrays = result.values, result.arrays
    except BadDataError as error:
        failure = {
            "error": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
        }
        # The index among the frames that the stage reads: the position in the clip is not part
        # of the key (see `mepipe.pipeline.walk.failure_of`).
        if error.position is not None:
            failure["frame"] = stage.frames(clip, config, outcome.values).index(error.position)
    written = store.write(
        StoredObject(stage.name, stage.version, key, parts, values, arrays, failure, made_by),
        # The lock of the key is held, so nobody has written one since.
        new=step.found.name is None and not step.found.why,
    )
    # Laid out as they are when they are read: the last bits of a sum depend on it.
    made[written] = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
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


def _arrays_of(
    store: Store, outcome: ClipOutcome, made: Made
) -> Callable[[str], Mapping[str, Any]]:
    """Return a function that gives the arrays of an earlier stage when they are needed.

    What this process has just stored is not read again.
    """

    def arrays(stage: str) -> Mapping[str, Any]:
        name = outcome.object_name(stage)
        return made[name] if name in made else store.read(name, ARRAYS[stage]).arrays

    return arrays

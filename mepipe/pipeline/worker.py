"""One clip through its stages: the same walk plans a run and does it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mepipe.cache.keys import Json, object_key
from mepipe.cache.locks import claim
from mepipe.cache.objects import StoredObject
from mepipe.cache.records import compact
from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.prepare import ClipTask, Failure
from mepipe.config.settings import Config
from mepipe.errors import BadDataError, DamageError, UnreadableInputError
from mepipe.frames import FileFacts, is_out_of_memory
from mepipe.stages import ARRAYS, STAGES, Stage, Upstream
from mepipe.versions import libraries


@dataclass(frozen=True)
class StageOutcome:
    """One stage of one clip: the object that stands for it.

    ``parts`` are what the key was made of, long lists as digests
    (`mepipe.cache.records.compact`); ``values`` are its small results;
    ``failure`` is set instead where the stage found the data bad; ``libraries``
    are the versions that made it.
    """

    key: str
    parts: Mapping[str, Json]
    digest: str
    values: Mapping[str, Any]
    failure: Mapping[str, Any] | None
    libraries: Mapping[str, str]
    computed: bool
    seconds: float = 0.0


@dataclass
class ClipOutcome:
    """What became of a clip: its stages so far, and why it ended early if it did.

    ``learnt`` is what was found of files whose digests planning did not need.
    ``busy`` names the stage that another process is computing for this very
    input, where it was not waited for.
    """

    clip: str
    stages: dict[str, StageOutcome] = field(default_factory=dict)
    failure: Failure | None = None
    learnt: Mapping[Path, FileFacts] = field(default_factory=dict)
    busy: str = ""

    @property
    def values(self) -> dict[str, Mapping[str, Any]]:
        """The small results of the stages so far."""
        return {name: stage.values for name, stage in self.stages.items()}

    def following(self, earlier: ClipOutcome | None) -> ClipOutcome:
        """Return this outcome, where what the run computed ``earlier`` still counts as computed."""
        if earlier is not None:
            for name, done in self.stages.items():
                before = earlier.stages.get(name)
                if before is not None and before.computed and before.digest == done.digest:
                    self.stages[name] = before
        return self


def selected(until: str) -> tuple[Stage, ...]:
    """Return the clip stages up to and with ``until`` (all of them for a later step)."""
    names = [stage.name for stage in STAGES]
    return STAGES[: names.index(until) + 1] if until in names else STAGES


def keyed(
    clip: ClipInput, config: Config, outcome: ClipOutcome, stage: Stage
) -> tuple[str, dict[str, Json]]:
    """Return the key of ``stage`` for a clip whose earlier stages are in ``outcome``."""
    parts = stage.parts(clip, config, outcome.values)
    return object_key(stage.name, stage.version, parts), parts


def failure_of(
    clip: ClipInput, config: Config, outcome: ClipOutcome, stage: Stage, stored: Mapping[str, Any]
) -> Failure:
    """Return a stored failure as it is told of this clip: with the file at fault."""
    message, place = stored["message"], stored.get("frame")
    if place is not None:
        position = stage.frames(clip, config, outcome.values)[place]
        message = f"{clip.frames.name(position)}: {message}"
    return Failure(outcome.clip, stage.name, stored["error"], message, stored["remedy"])


def run_clip(
    task: ClipTask,
    config: Config,
    cache_root: Path,
    until: str,
    *,
    retry_failed: bool = False,
    strict_versions: bool = False,
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
    cache_root
        The cache; shared with other processes.
    until
        The last stage.
    retry_failed
        Whether a stored failure is tried again.
    strict_versions
        Whether what other library versions made is made again.
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
    store = Store(cache_root)
    clip = task.open()
    outcome = ClipOutcome(task.clip, learnt=clip.frames.learnt)
    for stage in selected(until):
        try:
            done = _one_stage(
                store,
                clip,
                config,
                outcome,
                stage,
                retry_failed=retry_failed,
                strict_versions=strict_versions,
                wait=wait,
            )
        except UnreadableInputError as error:
            outcome.failure = Failure.of(task.clip, stage.name, error)
            return outcome
        except Exception as error:
            if is_out_of_memory(error):
                # This clip may be too large for this machine; the others need not be.
                outcome.failure = Failure.of_memory(task.clip, stage.name)
                return outcome
            # Whatever else ends the run keeps its traceback; the clip is what one needs to
            # look into it.
            error.add_note(f"(clip {task.clip}, stage {stage.name})")
            raise
        if done is None:
            outcome.busy = stage.name
            return outcome
        outcome.stages[stage.name] = done
        if done.failure is not None:
            outcome.failure = failure_of(clip, config, outcome, stage, done.failure)
            return outcome
    return outcome


def _one_stage(
    store: Store,
    clip: ClipInput,
    config: Config,
    outcome: ClipOutcome,
    stage: Stage,
    *,
    retry_failed: bool,
    strict_versions: bool,
    wait: bool,
) -> StageOutcome | None:
    """Reuse or compute one stage; None where another process is at it."""
    key, parts = keyed(clip, config, outcome, stage)
    refused = ""

    def reused() -> StageOutcome | None:
        # What is not good enough is so until another process has put something else there.
        nonlocal refused
        name = store.find(stage.name, key)
        stored = _read(store, name, stage) if name is not None and name.digest != refused else None
        if name is None or stored is None:
            return None
        failed_before = stored.failure and retry_failed
        if failed_before or (strict_versions and stored.libraries != libraries(stage.libraries)):
            refused = name.digest
            return None
        store.touch(name)
        return StageOutcome(
            key,
            compact(parts),
            name.digest,
            stored.values,
            stored.failure,
            stored.libraries,
            computed=False,
        )

    found = reused()
    if found is not None:
        return found
    with claim(store.lock(key), wait=wait) as free:
        if not free:
            return None
        # Another process may have computed it in the meantime.
        return reused() or _computed(store, clip, config, outcome, stage, key, parts)


def _computed(
    store: Store,
    clip: ClipInput,
    config: Config,
    outcome: ClipOutcome,
    stage: Stage,
    key: str,
    parts: Mapping[str, Json],
) -> StageOutcome:
    started = time.perf_counter()
    made_by = libraries(stage.libraries)
    values: Mapping[str, Any] = {}
    arrays: Mapping[str, Any] = {}
    failure: dict[str, Any] | None = None
    upstream = Upstream(outcome.values, _fetch(store, outcome))
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
        StoredObject(
            stage.name,
            stage.version,
            key,
            parts,
            values,
            arrays,
            failure,
            made_by,
        )
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


def _read(store: Store, name: ObjectName, stage: Stage) -> StoredObject | None:
    try:
        return store.read(name, stage.arrays)
    except DamageError:
        # It lies in the quarantine now; the stage is computed again.
        return None


def _fetch(store: Store, outcome: ClipOutcome) -> Callable[[str], Mapping[str, Any]]:
    def arrays(stage: str) -> Mapping[str, Any]:
        done = outcome.stages[stage]
        return store.read(ObjectName(stage, done.key, done.digest), ARRAYS[stage]).arrays

    return arrays

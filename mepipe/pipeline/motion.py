"""What the motion in each clip says, whatever is annotated: from the cache, or computed.

A clip that was spotted without marks has its curve in the object of its spot stage. For every other
clip, and for the motion of each region, there is the motion stage (`mepipe.stages.motion`). No
feature needs it, so no run computes it unless ``report.curves`` says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mepipe.cache.store import ObjectName
from mepipe.clips.clip_task import ClipTask, Failure, PreparedClip
from mepipe.clips.file_index import DigestIndex, Entry
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.errors import UnreadableInputError
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied
from mepipe.pipeline.compute import runner
from mepipe.pipeline.motion_objects import (
    MOTION,
    Motion,
    Motions,
    recorded_motions,
    spotted_objects,
)
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.walk import keyed
from mepipe.pipeline.worker import run_side
from mepipe.recordings.length import seconds_of

__all__ = [
    "MOTION",
    "Motion",
    "Motions",
    "compute_motions",
    "motion_of_clip",
    "recorded_motions",
    "stored_motions",
]

_LONG_S = 10.0  # where no clip is a recording: longer movements have frames of many


def stored_motions(
    clips: Sequence[PreparedClip],
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    context: Context,
    indexes: Mapping[str, DigestIndex],
) -> Motions:
    """Return the motion of the clips as far as it is in the cache. Nothing is computed.

    No file of a dataset is read either: a clip whose frames were never hashed has no key, and
    can have no object.

    Parameters
    ----------
    clips
        The clips of a run.
    outcomes
        The objects of their stages, by clip.
    config
        The settings of the run.
    context
        The cache.
    indexes
        The digests of each dataset's files, by its name.
    """
    names, frame_ms = spotted_objects(outcomes)
    listing = context.store.listing(MOTION.name)
    if listing:
        for prepared in clips:
            key = _key(prepared, outcomes, config, indexes)
            if key in listing:
                names[prepared.clip.id] = listing[key]
    return Motions(context.store, names, frame_ms)


def compute_motions(
    inputs: Inputs,
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    context: Context,
) -> tuple[Motions, int]:
    """Return the motion of every clip with a face. What is not in the cache is computed.

    Parameters
    ----------
    inputs
        The prepared clips, and the indexes of their files.
    outcomes
        The objects of their stages, by clip.
    config, context
        The settings, and the resources for the work.

    Returns
    -------
    The motions, and how many were computed.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written. Finished objects are kept.
    """
    known = stored_motions(inputs.clips, outcomes, config, context, inputs.indexes)
    again = context.retry_failed or context.strict_versions
    wanted = [
        prepared
        for prepared in inputs.clips
        if _has_face(prepared, outcomes, config)
        and (again or known.names.get(prepared.clip.id, _OTHER).stage != MOTION.name)
    ]
    names, failures, computed = dict(known.names), {}, 0
    if not wanted:
        return known, 0
    owners = {one.clip.id: inputs.indexes[one.clip.dataset] for one in wanted}
    tasks = [SideTask.of(one, outcomes[one.clip.id]) for one in wanted]
    if context.scheduler is not None:
        tasks = [task.anywhere() for task in tasks]
    work = partial(_compute, config=config, context=context.for_worker(), parent=os.getpid())
    context.progress.begin("motion", len(tasks))
    try:
        with runner(inputs, context) as run:
            for task, answer in run(work, tasks):
                clip = task.task.clip
                context.progress.advance()
                if isinstance(answer, WorkerDied):
                    failures[clip] = Failure(
                        clip, MOTION.name, "WorkerDied", answer.reason, answer.remedy
                    )
                    continue
                for path, facts in answer.learnt.items():
                    owners[clip].learn(path, Entry(facts))
                if MOTION.name in answer.stages:
                    names[clip] = answer.object_name(MOTION.name)
                    computed += answer.stages[MOTION.name].computed
                elif answer.failure is not None:
                    failures[clip] = answer.failure
    finally:
        context.progress.end()
        inputs.save_indexes()
    return Motions(context.store, names, known.frame_ms, failures), computed


def motion_of_clip(
    prepared: PreparedClip, outcome: ClipOutcome, config: Config, context: Context
) -> Motion | Failure:
    """Return the motion of one clip, computed in this process if it is not in the cache.

    Parameters
    ----------
    prepared
        The clip.
    outcome
        Its stages: the face at least.
    config, context
        The settings, and the cache.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written.
    """
    clip = prepared.clip.id
    if not _has_face(prepared, {clip: outcome}, config):
        message, remedy = "its face is not in the cache", "Run `mepipe run`."
        if _is_of_recording(prepared, config):
            message = "it is a movement of a recording, whose motion is measured as a whole"
            remedy = "Look at the curve of the recording."
        return outcome.failure or Failure(clip, MOTION.name, "BadDataError", message, remedy)
    one = SideTask.of(prepared, outcome)
    done = run_side(one.task, one.face, MOTION, config, context, clip=prepared.input)
    if MOTION.name not in done.stages:
        assert done.failure is not None
        return done.failure
    found = Motions(context.store, {clip: done.object_name(MOTION.name)}).found(clip)
    assert found is not None
    return found


@dataclass(frozen=True)
class SideTask:
    """A clip as a worker gets it, with its face."""

    task: ClipTask
    face: ClipOutcome

    @classmethod
    def of(cls, prepared: PreparedClip, outcome: ClipOutcome) -> SideTask:
        """Return the task of a clip whose face is known."""
        return cls(prepared.task(), ClipOutcome(prepared.clip.id, {"face": outcome.stages["face"]}))

    def anywhere(self) -> SideTask:
        """Return the task with absolute paths."""
        return SideTask(self.task.anywhere(), self.face)


_OTHER = ObjectName("", "", "")


def _compute(one: SideTask, config: Config, context: Context, parent: int) -> ClipOutcome:
    return run_side(one.task, one.face, MOTION, config, context, parent=parent)


def _has_face(prepared: PreparedClip, outcomes: Mapping[str, ClipOutcome], config: Config) -> bool:
    """Return True if the motion of a clip can be measured: it has a face, and frames of its own.

    A movement of a long recording has all frames of that. Its curve is the recording's.
    """
    outcome = outcomes.get(prepared.clip.id)
    face = outcome.stages.get("face") if outcome is not None else None
    return face is not None and face.failure is None and not _is_of_recording(prepared, config)


def _is_of_recording(prepared: PreparedClip, config: Config) -> bool:
    if not prepared.clip.recording:
        return False
    seconds = seconds_of(prepared.input)
    return seconds is not None and seconds > (config.recordings.longer_than_s or _LONG_S)


def _key(
    prepared: PreparedClip,
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    indexes: Mapping[str, DigestIndex],
) -> str:
    """Return the key of the motion of a clip; empty if a file would have to be read for it."""
    if not _has_face(prepared, outcomes, config):
        return ""
    frames, index = prepared.input.frames, indexes.get(prepared.clip.dataset)
    digests = frames.known()
    try:
        hashed = all(
            str(path) in digests or (index is not None and index.known(path) is not None)
            for path in frames.files
        )
        if not hashed:
            return ""
        return keyed(prepared.input, config, outcomes[prepared.clip.id], MOTION)[0]
    except UnreadableInputError:
        return ""

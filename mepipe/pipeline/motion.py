"""What the motion in each clip says, whatever is annotated: from the cache, or computed.

A clip that was spotted without marks has its curve in the object of its spot stage. For every other
clip, and for the motion of each region, there is the motion stage (`mepipe.stages.motion`). No
feature needs it, so no run computes it unless ``report.curves`` says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_task import ClipTask, Failure, PreparedClip
from mepipe.clips.file_index import DigestIndex, Entry
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.errors import DamageError, UnreadableInputError
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied
from mepipe.pipeline.compute import runner
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.walk import keyed
from mepipe.pipeline.worker import run_side
from mepipe.recordings.length import seconds_of
from mepipe.schema import KEY_FRAMES
from mepipe.stages import ARRAYS, SIDES

_LONG_S = 10.0  # where no clip is a recording: longer movements have frames of many

MOTION = next(stage for stage in SIDES if stage.name == "motion")


@dataclass(frozen=True)
class Motion:
    """What the motion in a clip says, whatever is annotated. Positions are 0-based frames.

    Parameters
    ----------
    onset, apex, offset
        As spotted without any mark.
    confidence
        Of each of them, 0 to 1.
    movement
        False if nothing rises above the noise: then the positions are the best candidates.
    strength
        How many times stronger the movement is than chance.
    first
        The frame of the first value of the curves.
    curve
        (N,) float32: the motion along the movement's pattern, px of the aligned face at
        ``spot.size``, as the spot stage's curve.
    vectors
        Region name -> (N, 2) float32: how far the region is from rest, x right and y down, in
        the same px. Empty where only the spot stage's curve is known.
    frame_ms
        Time from one frame to the next, ms.
    """

    onset: int
    apex: int
    offset: int
    confidence: Mapping[str, float]
    movement: bool
    strength: float
    first: int
    curve: NDArray[np.float32]
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    frame_ms: float = 0.0

    @property
    def regions(self) -> dict[str, NDArray[np.float32]]:
        """Region name -> (N,) float32: how far each region is from rest, px; 0 or more."""
        return {name: np.hypot(*one.T).astype(np.float32) for name, one in self.vectors.items()}


@dataclass(frozen=True)
class Motions(Mapping[str, Motion]):
    """The motion of clips, by their ids. An object is opened only when its clip is asked for.

    A clip whose object is damaged has no motion (`KeyError`); the next run computes it again.

    Parameters
    ----------
    store
        The cache.
    names
        The object of each clip: of the motion stage, or of the spot stage.
    frame_ms
        Time from one frame to the next, of clips whose object does not say it.
    failures
        Why a clip has none, where that was found while computing it.
    """

    store: Store
    names: Mapping[str, ObjectName]
    frame_ms: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    _read: dict[str, Motion | Failure] = field(default_factory=dict, repr=False, compare=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, clip: str) -> Motion:
        found = self.found(clip)
        if not isinstance(found, Motion):
            raise KeyError(clip)
        return found

    def found(self, clip: str) -> Motion | Failure | None:
        """Return the motion of a clip, or why it has none; None if nothing is in the cache."""
        if clip in self._read:
            return self._read[clip]
        if clip not in self.names:
            return self.failures.get(clip)
        name = self.names[clip]
        try:
            stored = self.store.read(name, ARRAYS[name.stage])
        except DamageError as error:
            found: Motion | Failure = Failure.of(clip, name.stage, error)
        else:
            found = (
                _motion(stored.values, stored.arrays, self.frame_ms.get(clip, 0.0))
                if stored.failure is None
                else Failure(
                    clip,
                    name.stage,
                    stored.failure["error"],
                    stored.failure["message"],
                    stored.failure["remedy"],
                )
            )
        self._read[clip] = found
        return found

    @property
    def computed(self) -> dict[str, ObjectName]:
        """The objects of the motion stage, by clip: what a record of the run names."""
        return {clip: name for clip, name in self.names.items() if name.stage == MOTION.name}


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
    done = _compute(SideTask.of(prepared, outcome), config, context)
    if MOTION.name not in done.stages:
        assert done.failure is not None
        return done.failure
    found = Motions(context.store, {clip: done.object_name(MOTION.name)}).found(clip)
    assert found is not None
    return found


def recorded_motions(
    store: Store, outcomes: Mapping[str, ClipOutcome], names: Mapping[str, ObjectName]
) -> Motions:
    """Return the motion of the clips of a recorded run, whose datasets may be gone.

    Parameters
    ----------
    store
        The cache.
    outcomes
        The objects of the clips' stages according to the record.
    names
        The objects of the motion stage that the record names.
    """
    spotted, frame_ms = spotted_objects(outcomes)
    return Motions(store, {**spotted, **names}, frame_ms)


def spotted_objects(
    outcomes: Mapping[str, ClipOutcome],
) -> tuple[dict[str, ObjectName], dict[str, float]]:
    """Return the spot objects of the clips that were spotted without a mark, and ms a frame."""
    names, frame_ms = {}, {}
    for clip, outcome in outcomes.items():
        spot = outcome.stages.get("spot")
        if spot is None or spot.failure is not None:
            continue
        if spot.parts.get("method") == "flow-peak" and not spot.parts.get("marks"):
            names[clip] = outcome.object_name("spot")
            frame_ms[clip] = _frame_ms(spot.parts.get("timing"))
    return names, frame_ms


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


def _compute(one: SideTask, config: Config, context: Context, parent: int = 0) -> ClipOutcome:
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


def _frame_ms(timing: Any) -> float:
    """Return the usual time between frames, ms, from the part of a key; 0 if it is unknown."""
    if not isinstance(timing, Mapping):
        return 0.0
    if timing.get("times_ms"):
        return float(np.median(np.diff(np.asarray(timing["times_ms"], np.float64))))
    return 1000.0 / float(timing["fps"]) if timing.get("fps") else 0.0


def _motion(
    values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], frame_ms: float
) -> Motion:
    regions = arrays.get("regions")
    return Motion(
        onset=int(values["onset"]),
        apex=int(values["apex"]),
        offset=int(values["offset"]),
        confidence={name: float(values[f"{name}_confidence"]) for name in KEY_FRAMES},
        movement=bool(values["movement"]),
        strength=float(values["strength"]),
        first=int(values["visible"][0]),
        curve=np.asarray(arrays["curve"], np.float32),
        vectors={}
        if regions is None
        else {
            name: np.asarray(regions[:, place], np.float32)
            for place, name in enumerate(values["regions"])
        },
        frame_ms=float(values.get("frame_ms", frame_ms)),
    )

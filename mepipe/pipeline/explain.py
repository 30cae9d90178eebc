"""Explain for each stage of a clip whether its result is reused, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mepipe.cache.keys import Json
from mepipe.cache.store import Store
from mepipe.clips.clip_task import PreparedClip
from mepipe.clips.correction_places import with_corrections_of
from mepipe.clips.inputs import Inputs, open_inputs
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset
from mepipe.errors import DamageError, UsageError
from mepipe.execution.context import Context
from mepipe.pipeline.cache_admin import past_run, past_runs
from mepipe.pipeline.outcome import ClipOutcome, Known
from mepipe.pipeline.past_runs import PastRun, Recorded
from mepipe.pipeline.reasons import reason_for
from mepipe.pipeline.walk import Found, Lookup, Rules, Step, keyed, walk
from mepipe.recordings.clips import Searched, with_movements
from mepipe.recordings.length import is_recording
from mepipe.recordings.stored import STAGE
from mepipe.stages import STAGES, Stage


@dataclass(frozen=True)
class Explanation:
    """One stage of a clip: ``state`` is hit, failed, miss, waits or unknown, ``why`` the reason."""

    stage: str
    state: str
    why: str
    key: str = ""


def find_clip(clips: Sequence[str], wanted: str) -> str:
    """Return the one id among ``clips`` (and recordings) that is ``wanted`` or ends with it.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    ending = "/" + wanted.lstrip("/")
    found = [clip for clip in clips if clip == wanted or clip.endswith(ending)]
    if wanted in found:
        return wanted
    if len(found) == 1:
        return found[0]
    some = ", ".join(found[:3])
    raise UsageError(
        f"no run has a clip {wanted!r}"
        if not found
        else f"{wanted!r} matches several clips: {some}",
        "Give the clip id as in features.h5 or failures.csv, or a unique ending of it.",
    )


def newest_with(cache: Path, clip: str, run_id: str | None) -> tuple[str, PastRun]:
    """Return (id, run) of the newest run that has ``clip``, or of the run ``run_id``.

    Raises
    ------
    UsageError
        If no run has it, or several clips have this ending.
    """
    if run_id is not None:
        one = past_run(cache, run_id)
        return str(one.record["id"]), one
    for found_id, run in past_runs(cache):
        ending = "/" + clip.lstrip("/")
        if any(one == clip or one.endswith(ending) for one in (*run.clips(), *run.recordings())):
            return found_id, run
    find_clip([], clip)
    raise AssertionError("find_clip refuses what no run has")


def explain(
    clip: str, datasets: Sequence[Dataset], config: Config, context: Context, past: PastRun
) -> list[Explanation]:
    """Return for each stage whether a run with ``config`` would reuse its result, and why.

    Parameters
    ----------
    clip
        The id: of a clip, of a recording, or of a movement of one.
    datasets
        The datasets as the readers find them now.
    config
        The resolved configuration.
    context
        The cache, and which of its objects a run would reuse.
    past
        The run to compare with. Corrections in its output folder are used, as a run would.

    Raises
    ------
    UsageError
        If the datasets no longer have this clip, or a recording this movement.
    """
    # Corrections are those of the next run into the same folder.
    config, _ = with_corrections_of(Path(str(past.record["out"])), config)
    inputs = _opened(clip, datasets, config, context)
    whole = recording_of(clip)
    if whole and not inputs.clips and not inputs.failures:
        inputs = _opened(whole, datasets, config, context)
    for failure in inputs.failures:
        return [Explanation("dataset", "failed", f"{failure.message}. {failure.remedy}")]
    if not inputs.clips:
        raise UsageError(
            f"the clip {clip} is no longer in its dataset",
            "Run `mepipe check` on the dataset. A selection or correction may exclude the clip.",
        )
    prepared, first = inputs.clips[0], []
    if is_recording(prepared, config):
        searched = with_movements(inputs, config, context, wanted=False)
        first = [_of_recording(prepared.clip.id, searched)]
        if clip == prepared.clip.id:
            return first
        if first[0].state != "hit":
            waits = (Explanation(stage.name, "waits", "for the recording") for stage in STAGES)
            return [*first, *waits]
        inputs = searched.inputs
    named = {one.clip.id: one for one in inputs.clips}
    if clip not in named:
        raise _no_movement(clip, whole, named)
    prepared = named[clip]
    outcome = ClipOutcome(clip)
    lookup = _lookup(prepared, config, context.store, past)
    steps = walk(prepared.input, config, outcome, lookup, rules=Rules.of(context))
    # All steps first: the walk sets the failure of the outcome only after the caller asks for
    # the step that follows it.
    return first + [_explained(step, outcome, past) for step in list(steps)]


def _opened(clip: str, datasets: Sequence[Dataset], config: Config, context: Context) -> Inputs:
    inputs = open_inputs(
        datasets,
        config,
        context.store.root,
        jobs=context.jobs,
        progress=context.progress,
        labelled=False,
        only=clip,
    )
    inputs.save_indexes()
    return inputs


def recording_of(clip: str) -> str:
    """Return the recording whose movement a clip may be by its id; empty if it is none.

    >>> recording_of("lab/s01/talk#12"), recording_of("lab/s01/talk"), recording_of("lab/s01/t#b")
    ('lab/s01/talk', '', '')
    """
    recording, _, number = clip.rpartition("#")
    return recording if number.isdecimal() else ""


def _of_recording(name: str, searched: Searched) -> Explanation:
    """Return what is known of a recording: the measurements of its stretches are reused, or not."""
    if searched.waiting:
        return Explanation(
            STAGE, "miss", "stretches of it were not measured yet: a run searches it first"
        )
    failed = next((one for one in searched.inputs.failures if one.clip == name), None)
    if failed is not None:
        return Explanation(STAGE, "failed", f"{failed.message}. {failed.remedy}")
    count = searched.movements
    clips = {0: "no movement", 1: f"1 movement, the clip {name}#1"}
    found = clips.get(count, f"{count} movements, the clips {name}#1 to {name}#{count}")
    return Explanation(STAGE, "hit", f"all its stretches were measured: {found}")


def _no_movement(clip: str, recording: str, known: Mapping[str, object]) -> UsageError:
    if recording in known:
        return UsageError(
            f"{recording} is one clip with these settings, so there is no {clip}",
            f"Explain {recording}, or set recordings.longer_than_s and spot.method as in the run.",
        )
    return UsageError(
        f"with these settings {recording} has {len(known)} movement(s), and there is no {clip}",
        "`events.csv` of the run has them. recordings.threshold decides how many are found.",
    )


def _explained(step: Step, outcome: ClipOutcome, past: PastRun) -> Explanation:
    stage, key = step.stage.name, step.found.key
    if step.verdict == "waits":
        return Explanation(stage, "waits", step.why.removeprefix("waits "))
    if step.verdict == "unreadable":
        return Explanation(stage, "unknown", step.why)
    if step.verdict == "compute":
        return Explanation(stage, "miss", step.why, key)
    if step.verdict == "failed" and outcome.failure is not None:
        return Explanation(
            stage, "failed", f"{outcome.failure.message}. {outcome.failure.remedy}", key
        )
    assert step.found.known is not None
    versions = step.found.known.libraries
    made = ", ".join(f"{what} {version}" for what, version in sorted(versions.items()))
    last = past.recorded(outcome.clip, stage)
    same = last is not None and last.name == step.found.name
    return Explanation(
        stage, "hit", f"{'as in that run' if same else 'an earlier result'}; made by {made}", key
    )


def _lookup(prepared: PreparedClip, config: Config, store: Store, past: PastRun) -> Lookup:
    """Return a lookup that verifies objects and gives every detail of a miss.

    Damaged objects are not moved to the quarantine: an explanation changes nothing.
    """

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        key, parts = keyed(prepared.input, config, outcome, stage)
        name, problem = store.find(stage.name, key), ""
        if name is not None:
            try:
                stored = store.check(name, stage.arrays)
            except DamageError as error:
                problem = error.message
            else:
                known = Known(stored.values, stored.failure, stored.libraries)
                return Found(key, parts, name, known)
        last = past.recorded(prepared.clip.id, stage.name)
        why = reason_for(stage, key, parts, last, damaged=bool(problem))
        why += f": {problem}" if problem else ""
        frames = _changed_frames(prepared, config, outcome, stage, parts, last, store)
        return Found(key, parts, why=why + frames)

    return look


def _changed_frames(
    prepared: PreparedClip,
    config: Config,
    outcome: ClipOutcome,
    stage: Stage,
    parts: Mapping[str, Json],
    last: Recorded | None,
    store: Store,
) -> str:
    """Return which frames of the stage differ from those of ``last``."""
    before = _frames_of(last, store)
    after = parts.get("frames")
    if before is None or not isinstance(after, list | tuple) or before == list(after):
        return ""
    if len(before) != len(after):
        return f"; {len(before)} frames were read, now {len(after)}"
    positions = stage.frames(prepared.input, config, outcome.values)
    changed = [place for place, old in enumerate(before) if old != after[place]]
    files = prepared.input.frames.files
    shown = [
        f"frame {positions[place]}"
        + ("" if prepared.input.frames.is_video else f" ({Path(files[positions[place]]).name})")
        for place in changed[:5]
    ]
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    return f"; changed: {', '.join(shown)}{more}"


def _frames_of(last: Recorded | None, store: Store) -> list[Any] | None:
    """Return the digests of all frames of ``last``. None if they are unknown."""
    if last is None:
        return None
    frames = last.parts.get("frames")
    if isinstance(frames, list):
        return frames
    # A record replaces long lists by one digest. The object itself holds the whole list.
    try:
        stored = store.check(last.name).parts.get("frames")
    except DamageError:
        return None
    return list(stored) if isinstance(stored, list) else None

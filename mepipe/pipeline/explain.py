"""Why a clip's results are reused or not, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mepipe.cache.keys import Json
from mepipe.cache.store import Store
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.prepare import PreparedClip, curate, prepare
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset
from mepipe.errors import DamageError, UnreadableInputError, UsageError
from mepipe.pipeline.cache_admin import past_run, past_runs
from mepipe.pipeline.reasons import reason_for
from mepipe.pipeline.run_records import Known, PastRun, Recorded
from mepipe.pipeline.worker import ClipOutcome, StageOutcome, failure_of, keyed, selected
from mepipe.stages import Stage


@dataclass(frozen=True)
class Explanation:
    """One stage of a clip: ``state`` is hit, failed, miss, waits or unknown; ``why`` says it."""

    stage: str
    state: str
    why: str
    key: str = ""


def find_clip(clips: Sequence[str], wanted: str) -> str:
    """Return the one id among ``clips`` that is ``wanted`` or ends with it.

    Raises
    ------
    UsageError
        If none or several do.
    """
    ending = "/" + wanted.lstrip("/")
    found = [clip for clip in clips if clip == wanted or clip.endswith(ending)]
    if wanted in found:
        return wanted
    if len(found) == 1:
        return found[0]
    some = ", ".join(found[:3])
    raise UsageError(
        f"no run knows a clip {wanted!r}" if not found else f"{wanted!r} is not unique: {some}",
        "Give the id as features.h5 and failures.csv have it, or a unique ending of it.",
    )


def newest_with(cache: Path, clip: str, run_id: str | None) -> tuple[str, PastRun]:
    """Return (id, run) of the newest run that has ``clip``; with ``run_id`` that run.

    Raises
    ------
    UsageError
        If no run has it, or several clips have this ending.
    """
    if run_id is not None:
        one = past_run(cache, run_id)
        return str(one.record["id"]), one
    for found_id, run in past_runs(cache):
        if any(one == clip or one.endswith("/" + clip.lstrip("/")) for one in run.clips()):
            return found_id, run
    find_clip([], clip)
    raise AssertionError("find_clip refuses what no run has")


def explain(
    clip: str, datasets: Sequence[Dataset], config: Config, store: Store, past: PastRun
) -> list[Explanation]:
    """Say of each stage whether a run with ``config`` would reuse it, and why.

    Parameters
    ----------
    clip
        The id.
    datasets
        What the readers find now.
    config
        The resolved configuration.
    store
        The cache.
    past
        The run that is compared with.

    Raises
    ------
    UsageError
        If the datasets have no such clip any more.
    """
    mine = [
        replace(one, clips=tuple(c for c in one.clips if c.id == clip), rejects=())
        for one in curate(datasets, config.data).datasets
    ]
    indexes = {one.name: DigestIndex(store.root, one.root) for one in mine}
    prepared = prepare(mine, indexes, config)
    for index in indexes.values():
        index.save()
    for failure in prepared.failures:
        return [Explanation("dataset", "failed", f"{failure.message}. {failure.remedy}")]
    if not prepared.clips:
        raise UsageError(
            f"the clip {clip} is no longer in its dataset",
            "Look with `mepipe check`; a selection or correction may leave it out, too.",
        )
    return _stages(prepared.clips[0], config, store, past)


def _stages(
    prepared: PreparedClip, config: Config, store: Store, past: PastRun
) -> list[Explanation]:
    outcome = ClipOutcome(prepared.clip.id)
    told: list[Explanation] = []
    for stage in selected("tensor"):
        if told and told[-1].state != "hit":
            missed = next(one.stage for one in told if one.state != "hit")
            told.append(Explanation(stage.name, "waits", f"for {missed}"))
            continue
        try:
            key, parts = keyed(prepared.input, config, outcome, stage)
        except UnreadableInputError as error:
            told.append(Explanation(stage.name, "unknown", str(error)))
            continue
        name = store.find(stage.name, key)
        known, problem = None, ""
        if name is not None:
            try:
                stored = store.check(name, stage.arrays)
                known = Known(stored.values, stored.failure, stored.libraries)
            except DamageError as error:
                problem = error.message
        last = past.recorded(prepared.clip.id, stage.name)
        if known is None or name is None:
            why = reason_for(stage, key, parts, last, damaged=bool(problem))
            why += f": {problem}" if problem else ""
            frames = _changed_frames(prepared, config, outcome, stage, parts, last, store)
            told.append(Explanation(stage.name, "miss", why + frames, key))
            continue
        outcome.stages[stage.name] = StageOutcome(
            key, parts, name.digest, known.values, known.failure, known.libraries, computed=False
        )
        if known.failure is not None:
            failure = failure_of(prepared.input, config, outcome, stage, known.failure)
            told.append(
                Explanation(stage.name, "failed", f"{failure.message}. {failure.remedy}", key)
            )
            continue
        made = ", ".join(f"{what} {version}" for what, version in sorted(known.libraries.items()))
        why = "as in that run" if last is not None and last.name == name else "an earlier result"
        told.append(Explanation(stage.name, "hit", f"{why}; made by {made}", key))
    return told


def _changed_frames(
    prepared: PreparedClip,
    config: Config,
    outcome: ClipOutcome,
    stage: Stage,
    parts: Mapping[str, Json],
    last: Recorded | None,
    store: Store,
) -> str:
    """Return which of the frames that the stage reads are not those of ``last``."""
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
    """Return the digests of all frames behind ``last``: a record has long lists as digests only."""
    if last is None:
        return None
    frames = last.parts.get("frames")
    if isinstance(frames, list):
        return frames
    try:
        kept = store.check(last.name).parts.get("frames")
    except DamageError:
        return None
    return list(kept) if isinstance(kept, list) else None

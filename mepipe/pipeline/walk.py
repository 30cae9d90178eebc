"""The only loop over the stages of a clip.

`walk` decides for each stage whether its object is reused or computed. A plan and an
explanation only read these steps. A worker computes a step and sets its outcome, so that
the walk can continue with the next stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from mepipe.cache.keys import Json, object_key
from mepipe.cache.records import compact
from mepipe.cache.store import ObjectName
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import Failure
from mepipe.config.settings import Config
from mepipe.errors import UnreadableInputError
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome, Known, StageOutcome
from mepipe.stages import STAGES, Stage
from mepipe.stages.stored_values import failure_fits, libraries_fit
from mepipe.versions import libraries, versions_differ

Verdict = Literal["reuse", "failed", "compute", "waits", "unreadable"]


@dataclass(frozen=True)
class Rules:
    """Which stored objects are reused. By default every undamaged object is."""

    retry_failed: bool = False
    strict_versions: bool = False

    @classmethod
    def of(cls, context: Context) -> Rules:
        """Return the rules that the options of ``context`` select."""
        return cls(context.retry_failed, context.strict_versions)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a lookup: the object that a stage needs, or why there is none.

    Parameters
    ----------
    key, parts
        The key of the object, and the parts it was made from. Empty if the caller needs no key.
    name, known
        The object and its content. None if no usable object exists.
    why
        Why there is none, as plans print it. Empty if the caller does not print it.
    """

    key: str = ""
    parts: Mapping[str, Json] = field(default_factory=dict)
    name: ObjectName | None = None
    known: Known | None = None
    why: str = ""


Lookup: TypeAlias = Callable[[Stage, ClipOutcome], Found]
"""Looks for the object of a stage. The outcome holds the earlier stages of the clip.

Raises `UnreadableInputError` if a file whose digest is part of the key cannot be read.
"""


@dataclass(slots=True)
class Step:
    """One stage of a clip, and the decision on it.

    Parameters
    ----------
    stage
        The stage.
    verdict
        ``reuse``: a usable object exists. ``failed``: the object records that the data
        are bad, and the clip ends here. ``compute``: no usable object exists. ``waits``:
        an earlier stage is not done, so the key is unknown. ``unreadable``: a file cannot
        be read, and the clip ends here.
    why
        Why the stage is computed, waits or cannot be read.
    found
        The answer of the lookup.
    differing
        The library versions that differ between a reused object and this installation.
    outcome
        Set for ``reuse`` and ``failed``. A caller that computes the stage sets it.
        While it is None, all later stages wait.
    """

    stage: Stage
    verdict: Verdict
    why: str = ""
    found: Found = field(default_factory=Found)
    differing: str = ""
    outcome: StageOutcome | None = None


def walk(
    clip: ClipInput | None,
    config: Config,
    outcome: ClipOutcome,
    lookup: Lookup,
    *,
    until: str = "tensor",
    rules: Rules = Rules(),
) -> Iterator[Step]:
    """Yield a step for each stage of a clip, in order, until it ends.

    Parameters
    ----------
    clip
        The clip. None if its frames are not available: then failures do not name a frame.
    config
        The resolved configuration.
    outcome
        Receives the stages that are done, and the failure if there is one.
    lookup
        Looks for objects.
    until
        The last stage that is wanted.
    rules
        Which stored objects are reused.
    """
    waits_for = ""
    for stage in stages_until(until):
        if waits_for:
            # A key contains values of earlier stages, so no key can be computed from here on.
            yield Step(stage, "waits", f"waits for {waits_for}")
            continue
        try:
            found = lookup(stage, outcome)
        except UnreadableInputError as error:
            # Not stored as a result: the file may be readable in the next run.
            outcome.failure = Failure.of(outcome.clip, stage.name, error)
            yield Step(stage, "unreadable", str(error))
            return
        step = judge(stage, found, rules, None if clip is None else clip.frames.count)
        yield step
        # The caller had control during the yield: a worker has set the outcome by now.
        if step.outcome is None:
            waits_for = stage.name
            continue
        outcome.stages[stage.name] = step.outcome
        if step.outcome.failure is not None:
            outcome.failure = failure_of(clip, config, outcome, stage, step.outcome.failure)
            return


def judge(stage: Stage, found: Found, rules: Rules, frames: int | None = None) -> Step:
    """Return the step of a stage whose key is known.

    No other function decides whether a stored object may be reused. ``frames`` is the number
    of the clip's frames, if it is known.
    """
    if found.known is None or found.name is None:
        return Step(stage, "compute", found.why, found)
    if not _fits(stage, found.known, frames):
        return Step(stage, "compute", "what is stored has values that the stage never gives", found)
    if found.known.failure and rules.retry_failed:
        return Step(stage, "compute", "failed before; it is tried again", found)
    # Versions are not part of the key: an update would make the whole cache stale. So objects
    # of other versions are reused, and reported, unless the user asks for the strict rule.
    differing = versions_differ(found.known.libraries, libraries(stage.libraries))
    if differing and rules.strict_versions:
        return Step(stage, "compute", differing, found)
    verdict: Verdict = "failed" if found.known.failure is not None else "reuse"
    outcome = StageOutcome.reused(found.name, compact(found.parts), found.known)
    return Step(stage, verdict, "", found, differing, outcome)


def _fits(stage: Stage, known: Known, frames: int | None) -> bool:
    if not (failure_fits(known.failure) and libraries_fit(known.libraries)):
        return False
    if known.failure is not None:
        return True
    return isinstance(known.values, dict) and stage.fits(known.values, frames)


def stages_until(until: str) -> tuple[Stage, ...]:
    """Return the clip stages up to and including ``until``. A later step gives all of them."""
    names = [stage.name for stage in STAGES]
    return STAGES[: names.index(until) + 1] if until in names else STAGES


def keyed(
    clip: ClipInput, config: Config, outcome: ClipOutcome, stage: Stage
) -> tuple[str, dict[str, Json]]:
    """Return the key of ``stage`` and its parts, for a clip with these earlier stages.

    Raises
    ------
    UnreadableInputError
        If a file whose digest is part of the key cannot be read.
    """
    parts = stage.parts(clip, config, outcome.values)
    return object_key(stage.name, stage.version, parts), parts


def failure_of(
    clip: ClipInput | None,
    config: Config,
    outcome: ClipOutcome,
    stage: Stage,
    stored: Mapping[str, Any],
) -> Failure:
    """Return a stored failure with the file name of the frame that caused it.

    An object stores the index of the frame among those that the stage reads. It cannot
    store a path or a position, because these are not part of its key: another clip with
    the same bytes shares the object.
    """
    place, frame = stored.get("frame"), ""
    if place is not None and clip is not None:
        positions = stage.frames(clip, config, outcome.values)
        if place < len(positions):
            frame = clip.frames.name(positions[place])
    return Failure.of_stored(outcome.clip, stage.name, stored, frame)

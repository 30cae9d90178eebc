"""The one loop over a clip's stages: whoever plans, computes, explains or draws iterates it.

`walk` decides what becomes of each stage; what is done about it is the caller's few lines.
A plan and an explanation look at the steps. A worker computes the steps that are to be
computed and hands the results back, so that the walk goes on behind them.
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
from mepipe.versions import libraries, versions_differ

Verdict = Literal["reuse", "failed", "compute", "waits", "unreadable"]


@dataclass(frozen=True)
class Rules:
    """What is good enough to be used again: by default every object that is whole."""

    retry_failed: bool = False
    strict_versions: bool = False

    @classmethod
    def of(cls, context: Context) -> Rules:
        """Return the rules that a user's options make."""
        return cls(context.retry_failed, context.strict_versions)


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup knows of the object that a stage needs.

    Parameters
    ----------
    key, parts
        The object's key, and what it was made of; empty where nobody needs them.
    name, known
        The object, and what it holds; None where there is none that can be used.
    why
        Why there is none, in a plan's words; empty where nobody will read it.
    """

    key: str = ""
    parts: Mapping[str, Json] = field(default_factory=dict)
    name: ObjectName | None = None
    known: Known | None = None
    why: str = ""


Lookup: TypeAlias = Callable[[Stage, ClipOutcome], Found]
"""Looks for the object of a stage of the clip whose earlier stages are in the outcome.

Raises `UnreadableInputError` if a file whose digest enters the key cannot be read.
"""


@dataclass(slots=True)
class Step:
    """One stage of a clip, and what becomes of it.

    Parameters
    ----------
    stage
        The stage.
    verdict
        ``reuse``: its object is there. ``failed``: it is there and says that the data
        are bad: the clip ends here. ``compute``: there is none that is good enough.
        ``waits``: an earlier stage is not done, so its key is not known. ``unreadable``:
        a file cannot be read now: the clip ends here.
    why
        Why it is computed, waits or cannot be read.
    found
        What the lookup knew.
    differing
        Which library versions differ between a reused object's and today's.
    outcome
        Set for ``reuse`` and ``failed``. Whoever computes a stage sets it, and the
        walk goes on; where it stays None, the stages behind it wait.
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
        The clip; None where its frames are not at hand, and failures name none of them.
    config
        The resolved configuration.
    outcome
        What becomes of the clip is put in here: its stages, and its failure.
    lookup
        Looks for objects.
    until
        The last stage that is wanted.
    rules
        What is good enough to be used again.
    """
    waits_for = ""
    for stage in stages_until(until):
        if waits_for:
            yield Step(stage, "waits", f"waits for {waits_for}")
            continue
        try:
            found = lookup(stage, outcome)
        except UnreadableInputError as error:
            outcome.failure = Failure.of(outcome.clip, stage.name, error)
            yield Step(stage, "unreadable", str(error))
            return
        step = judge(stage, found, rules)
        yield step
        if step.outcome is None:
            waits_for = stage.name
            continue
        outcome.stages[stage.name] = step.outcome
        if step.outcome.failure is not None:
            outcome.failure = failure_of(clip, config, outcome, stage, step.outcome.failure)
            return


def judge(stage: Stage, found: Found, rules: Rules) -> Step:
    """Return the step of a stage whose key is known: what was found is good enough, or not."""
    if found.known is None or found.name is None:
        return Step(stage, "compute", found.why, found)
    if found.known.failure and rules.retry_failed:
        return Step(stage, "compute", "failed before, tried again", found)
    differing = versions_differ(found.known.libraries, libraries(stage.libraries))
    if differing and rules.strict_versions:
        return Step(stage, "compute", differing, found)
    verdict: Verdict = "failed" if found.known.failure is not None else "reuse"
    outcome = StageOutcome.reused(found.name, compact(found.parts), found.known)
    return Step(stage, verdict, "", found, differing, outcome)


def stages_until(until: str) -> tuple[Stage, ...]:
    """Return the clip stages up to and with ``until`` (all of them for a later step)."""
    names = [stage.name for stage in STAGES]
    return STAGES[: names.index(until) + 1] if until in names else STAGES


def keyed(
    clip: ClipInput, config: Config, outcome: ClipOutcome, stage: Stage
) -> tuple[str, dict[str, Json]]:
    """Return the key of ``stage``, and what it is made of, for a clip with these earlier stages.

    Raises
    ------
    UnreadableInputError
        If a file whose digest enters the key cannot be read.
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
    """Return a stored failure in the words for this clip: with the file at fault.

    An object names a frame by its place among those that the stage reads, because no
    path and no position is in its key.
    """
    message, place = stored["message"], stored.get("frame")
    if place is not None and clip is not None:
        position = stage.frames(clip, config, outcome.values)[place]
        message = f"{clip.frames.name(position)}: {message}"
    return Failure(outcome.clip, stage.name, stored["error"], message, stored["remedy"])

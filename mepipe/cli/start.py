"""What a run says before its work: what was found, what it will compute, and how long."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mepipe.cli.terminal import say

if TYPE_CHECKING:
    from mepipe.pipeline.plan import Plan
    from mepipe.run import Run

_SHOWN = 3


def print_start(road: Run, plan: Plan) -> None:
    """Print what was found, what will be computed, and that training follows and how to stop."""
    say(f"found       {_found(road)}")
    stale = [f"{count.stage} {count.at_most}" for count in plan.counts if count.at_most]
    # A waiting stage may turn out to be cached.
    most = "at most " if any(count.at_most > count.compute for count in plan.counts) else ""
    if stale:
        say(f"to compute  {most}{', '.join(stale)}")
    told = _training(road, plan)
    if told:
        say(f"training    {told}")
    _print_replaced(road, plan)


def _found(road: Run) -> str:
    inputs = road.inputs
    clips = [prepared.clip for prepared in inputs.clips]
    people = len({clip.group for clip in clips if clip.group})
    rates = sorted({one.input.timing.fps or 0.0 for one in inputs.clips})
    named = [f"{rate:g}" if rate else "unknown" for rate in rates]
    shown = ", ".join(named[:_SHOWN]) + (", ..." if len(named) > _SHOWN else "")
    failed = f", {len(inputs.failures)} more cannot be used" if inputs.failures else ""
    return (
        f"{len(clips)} clip{'s' * (len(clips) != 1)} of "
        f"{people or 'no known'} subject{'s' * (people != 1)}, "
        f"frames per second: {shown or 'unknown'}{failed}"
    )


def _training(road: Run, plan: Plan) -> str:
    """Return what training follows. Empty if the run stops before it, or all is cached."""
    if not road.outputs.reaches("classify"):
        return ""
    if not road.outputs.most_folds():
        return "none: it needs labelled clips of two subjects and two classes"
    *_, folds = road.outputs.plan(plan)
    if not folds.at_most:
        return ""
    from mepipe.evaluation.training_time import training_seconds

    how = road.config.train
    named = f"{folds.at_most} fold{'s' * (folds.at_most != 1)} (subjects x {how.seeds} seed"
    named += f"{'s' * (how.seeds != 1)})"
    seconds = training_seconds(
        road.config.model.name,
        folds.at_most * how.members,
        len(road.inputs.clips),
        how.epochs,
        road.context.jobs,
    )
    about = "" if seconds is None else f", about {_rounded(seconds)} on {_cores(road.context.jobs)}"
    return f"follows: {road.config.model.name}, {named}{about}. To stop before it: --until pack"


def _rounded(seconds: float) -> str:
    """Return a time to one digit or two: an estimate has no more."""
    if seconds < 60:
        return f"{max(1, math.ceil(seconds / 5)) * 5} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _cores(jobs: int) -> str:
    return f"{jobs} core{'s' * (jobs != 1)}"


def _print_replaced(road: Run, plan: Plan) -> None:
    """Print which results of an earlier run in the same folder this one replaces."""
    replaced = road.outputs.replaced(plan)
    if replaced:
        say(
            f"earlier     {', '.join(replaced)} in {road.outputs.out} are of other features: "
            f"they move to {road.outputs.out / 'earlier'} until there are new ones. "
            "Another --out keeps them where they are"
        )

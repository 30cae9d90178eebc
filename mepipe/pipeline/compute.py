"""Compute the stale clips of a plan in parallel, on this machine or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from mepipe.clips.clip_task import ClipTask, Failure
from mepipe.clips.file_index import Entry
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.execution.compiling import compile_engine
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied
from mepipe.execution.runner import Runner, task_runner
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.plan import Plan
from mepipe.pipeline.worker import run_clip
from mepipe.schema import STEPS
from mepipe.stages import STAGES


def compute_clips(plan: Plan, inputs: Inputs, config: Config, context: Context, until: str) -> bool:
    """Compute the stale stages of a plan, and update the outcomes of its clips.

    Parameters
    ----------
    plan
        The stale clips, and all outcomes.
    inputs
        The prepared clips, and the indexes of their files.
    config, context
        The settings, and the resources for the work.
    until
        The last stage.

    Returns
    -------
    bool
        False if a clip failed and ``context.fail_fast`` ended the work early.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written. Finished objects are kept.
    UsageError
        If a model file is missing, or a cluster cannot be used.
    """
    tasks = [prepared.task() for prepared in plan.stale]
    if not tasks:
        return True
    if context.scheduler is not None:
        tasks = [task.anywhere() for task in tasks]
    # Checked and compiled once here. Otherwise every worker would report the same missing file,
    # or compile the same code.
    if any("face" not in plan.outcomes[task.clip].stages for task in tasks):
        check_models()
    if _flow_is_stale(plan, config, until):
        compile_engine(context.progress)
    work = partial(
        run_clip, config=config, context=context.for_worker(), until=until, parent=os.getpid()
    )
    roots = [dataset.root for dataset in inputs.datasets]
    made_by = {name for stage in STAGES for name in stage.libraries}
    with task_runner(context, roots, made_by) as run:
        title = "clips"
        busy = _rounds(run, partial(work, wait=False), title, tasks, plan, inputs, context)
        if busy:
            # The first round skips clips that another run computes, so that no worker is idle.
            # That run may be killed before it stores them: this round computes what is missing.
            title = "waiting for clips that another run is computing"
            busy = _rounds(run, partial(work, wait=True), title, busy, plan, inputs, context)
    return busy is not None


def check_models() -> None:
    """Raise `UsageError` if a face model file is missing or has the wrong digest."""
    from mepipe.assets import model_files, verified_model_path

    for model in model_files():
        verified_model_path(model.name)


def _rounds(
    run: Runner,
    work: Callable[[ClipTask], ClipOutcome],
    title: str,
    tasks: Sequence[ClipTask],
    plan: Plan,
    inputs: Inputs,
    context: Context,
) -> list[ClipTask] | None:
    """Run the tasks. Return those that another run computes, or None if it ended early."""
    owners = {p.clip.id: inputs.indexes[p.clip.dataset] for p in plan.stale}
    busy: list[ClipTask] = []
    context.progress.begin(title, len(tasks))
    try:
        for task, answer in run(work, tasks):
            outcome = answer if isinstance(answer, ClipOutcome) else _died(task, answer)
            if outcome.busy:
                busy.append(task)
            plan.outcomes[task.clip] = outcome.following(plan.outcomes.get(task.clip))
            # Workers hash files that the plan did not need. The index spares the next run this.
            for path, facts in outcome.learnt.items():
                owners[task.clip].learn(path, Entry(facts))
            context.progress.advance()
            if outcome.failure is not None and context.fail_fast:
                return None
    finally:
        context.progress.end()
        # Also after an error or Ctrl-C: hashing a large dataset again takes long.
        inputs.save_indexes()
    return busy


def _flow_is_stale(plan: Plan, config: Config, until: str) -> bool:
    wanted = config.flow.engine == "mepipe" and STEPS.index(until) >= STEPS.index("flow")
    return wanted and any("flow" not in plan.outcomes[p.clip.id].stages for p in plan.stale)


def _died(task: ClipTask, answer: object) -> ClipOutcome:
    assert isinstance(answer, WorkerDied)
    return ClipOutcome(
        task.clip,
        failure=Failure(
            task.clip,
            "worker",
            "WorkerDied",
            f"the worker process that computed only this clip ended: {answer.reason}",
            answer.remedy
            or "The clip may need more memory than is available. Run again, or exclude the clip.",
        ),
    )

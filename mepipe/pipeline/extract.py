"""The clips of a run through their stages: several at a time, on this machine or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from mepipe.clips.clip_task import ClipTask, Failure
from mepipe.clips.file_index import Entry
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.execution.compiling import compile_engine
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.plan import Plan
from mepipe.pipeline.worker import run_clip
from mepipe.schema import STEPS
from mepipe.stages import STAGES

_Runner = Callable[
    [Callable[[ClipTask], ClipOutcome], Sequence[ClipTask]],
    Iterator[tuple[ClipTask, ClipOutcome | WorkerDied]],
]


def extract_clips(plan: Plan, inputs: Inputs, config: Config, context: Context, until: str) -> bool:
    """Compute what is stale of every clip of a plan, whose outcomes are brought up to date.

    Parameters
    ----------
    plan
        What is stale.
    inputs
        Where the clips are.
    config, context
        The settings, and how the work is done.
    until
        The last stage.

    Returns
    -------
    bool
        False where a clip failed and ``context.fail_fast`` ended the work there.

    Raises
    ------
    SystemProblemError
        If the cache cannot be written. What is finished is kept.
    UsageError
        If a model file is missing, or a cluster cannot be used.
    """
    tasks = [prepared.task() for prepared in plan.stale]
    if not tasks:
        return True
    if context.scheduler is not None:
        tasks = [task.anywhere() for task in tasks]
    # What every worker needs is found and compiled here, once.
    if any("face" not in plan.outcomes[task.clip].stages for task in tasks):
        check_models()
    if _flow_is_stale(plan, config, until):
        compile_engine(context.progress)
    work = partial(
        run_clip, config=config, context=context.for_worker(), until=until, parent=os.getpid()
    )
    with _runner(inputs, context) as run:
        title = "clips"
        busy = _rounds(run, partial(work, wait=False), title, tasks, plan, inputs, context)
        if busy:
            # Another run is at these. It may end without them, so each is looked at again.
            title = "waiting for clips that another run is computing"
            busy = _rounds(run, partial(work, wait=True), title, busy, plan, inputs, context)
    return busy is not None


def check_models() -> None:
    """Find a missing or wrong model file before the workers do, each for itself."""
    from mepipe.assets import model_files, verified_model_path

    for model in model_files():
        verified_model_path(model.name)


@contextmanager
def _runner(inputs: Inputs, context: Context) -> Iterator[_Runner]:
    """Give the body what runs tasks: processes of this machine, or a cluster."""
    if context.scheduler is None:
        yield partial(run_tasks, jobs=context.jobs)
        return
    from mepipe.execution.cluster import cluster

    roots = [dataset.root.absolute() for dataset in inputs.datasets]
    libraries = {name for stage in STAGES for name in stage.libraries}
    with cluster(context.scheduler, context.cache.absolute(), roots, libraries) as workers:
        yield partial(workers.run_tasks, jobs=context.cluster_jobs)


def _rounds(
    run: _Runner,
    work: Callable[[ClipTask], ClipOutcome],
    title: str,
    tasks: Sequence[ClipTask],
    plan: Plan,
    inputs: Inputs,
    context: Context,
) -> list[ClipTask] | None:
    """Run the tasks; return those that another run is computing, or None if it ended early."""
    owners = {p.clip.id: inputs.indexes[p.clip.dataset] for p in plan.stale}
    busy: list[ClipTask] = []
    context.progress.begin(title, len(tasks))
    try:
        for task, answer in run(work, tasks):
            outcome = answer if isinstance(answer, ClipOutcome) else _died(task, answer)
            if outcome.busy:
                busy.append(task)
            plan.outcomes[task.clip] = outcome.following(plan.outcomes.get(task.clip))
            for path, facts in outcome.learnt.items():
                owners[task.clip].learn(path, Entry(facts))
            context.progress.advance()
            if outcome.failure is not None and context.fail_fast:
                return None
    finally:
        context.progress.end()
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
            f"the process that worked on this clip alone was killed: {answer.reason}",
            "It may need more memory than there is; run again, or leave the clip out.",
        ),
    )

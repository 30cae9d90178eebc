"""The whole road: dataset folders to features, results and a report.

`Run.execute` is that road in prose, and each step is one call: open the inputs, plan,
extract the clips, pack the features, evaluate, report. Only what is stale is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mepipe.cache.locks import claim
from mepipe.cache.manifest import FEATURES, REPORT, Manifest
from mepipe.cache.store import open_store
from mepipe.clips.inputs import Inputs, open_inputs
from mepipe.config.load import as_config
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset
from mepipe.datasets.registry import as_datasets
from mepipe.execution.context import Context
from mepipe.execution.progress import progress_for
from mepipe.pipeline.compute import compute_clips
from mepipe.pipeline.finish import Outputs
from mepipe.pipeline.plan import Plan, StageCount, make_plan, planning
from mepipe.pipeline.run_records import RunRecord
from mepipe.pipeline.run_result import RunResult, sum_up
from mepipe.report.report_inputs import ReportInputs, is_reported, to_record, write_if_stale


def run(
    *datasets: str | Path | Dataset,
    out: str | Path = "mepipe-out",
    config: Config | str | Path | None = None,
    settings: Sequence[str] = (),
    cache: str | Path | None = None,
    until: str = "classify",
    jobs: int | None = None,
    progress: Callable[[str, int, int], object] | None = None,
    rehash: bool = False,
    **options: Any,
) -> RunResult:
    """Take dataset folders to cached features and leave-one-subject-out results.

    Does what ``mepipe run`` does: only what is stale is computed, and everything
    finished is kept whatever happens.

    >>> import mepipe
    >>> result = mepipe.run("sample", out="study", until="pack", settings=["flow.size=96"])
    >>> result.usable, len(result.failures)
    (3, 0)
    >>> result.load().x.shape
    (3, 3, 28, 28)
    >>> again = mepipe.run("sample", out="study", until="pack", settings=["flow.size=96"])
    >>> sum(again.computed.values())
    0

    Parameters
    ----------
    datasets
        Folders of datasets or videos (``"NAME=PATH"`` gives one a name), or what
        `mepipe.read_dataset` returned.
    out
        Folder of the outputs.
    config
        A `mepipe.Config`, a mepipe.toml, or None for the defaults.
    settings
        Changes to it, as ``"tensor.size=56"``.
    cache
        Folder of the cache; None: MEPIPE_CACHE, else the user's cache folder.
    until
        The last step: a name of `mepipe.schema.STEPS`.
    jobs
        Worker processes; None: one for each core.
    progress
        Called as ``progress(title, done, total)``. None: progress goes to the logger ``mepipe``.
    rehash
        Read every file of the datasets again, whatever is known of it.
    **options
        ``device``, ``retry_failed``, ``strict_versions``, ``fail_fast``, ``scheduler``
        and ``cluster_jobs`` of `mepipe.execution.context.Context`.

    Raises
    ------
    UsageError
        If no dataset is recognised, a setting or a label is not valid, a model file is
        missing, or ``out`` holds files that mepipe did not write.
    SystemProblemError
        If the cache or ``out`` cannot be written.
    """
    from mepipe.cache.location import cache_root

    store = open_store(cache_root(Path(cache) if cache is not None else None))
    context = Context(
        store, jobs=jobs or os.cpu_count() or 1, progress=progress_for(progress), **options
    )
    road = Run(
        as_datasets(datasets),
        as_config(config, settings),
        context,
        out=Path(out),
        until=until,
        rehash=rehash,
    )
    return road.execute()


class Run:
    """One run over some datasets: `plan` it, or `execute` it.

    Parameters
    ----------
    datasets
        What the readers found.
    config
        The resolved configuration.
    context
        The cache, and how the work is done.
    out
        Folder of the outputs.
    until
        The last step, a name of `mepipe.schema.STEPS`.
    rehash
        Read every file of the datasets again.

    Raises
    ------
    UsageError
        If the device, the labels, the corrections, the selection or the model cannot be.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        config: Config,
        context: Context,
        *,
        out: Path,
        until: str = "classify",
        rehash: bool = False,
    ) -> None:
        self.config, self.context, self.until = config, context, until
        # What cannot be is told before hours of work: a device, labels, a model.
        if context.device not in {"auto", "cpu"}:
            from mepipe.evaluation.device import resolve

            resolve(context.device)
        with planning():
            self.inputs: Inputs = open_inputs(
                datasets,
                config,
                context.cache,
                jobs=context.jobs,
                progress=context.progress,
                rehash=rehash,
            )
        self.outputs = Outputs(config, self.inputs, context, out, until)
        self.network = self.outputs.describe_model()

    def plan(self) -> Plan:
        """Return what is stale and why. Computes nothing."""
        with planning():
            plan = make_plan(self.inputs.clips, self.config, self.context, self.until)
        self.inputs.save_indexes()
        return plan

    def plan_outputs(self, plan: Plan) -> tuple[StageCount, ...]:
        """Return what is to be done behind the clips: the pack, and the classifier's folds."""
        return self.outputs.plan(plan)

    def preview(self, plan: Plan) -> RunResult:
        """Return what is known of a run before anything of it is done."""
        return self._summed(RunResult(), plan)

    def execute(self, result: RunResult | None = None) -> RunResult:
        """Compute what is stale, pack it, evaluate it and report it.

        Everything finished stays in the cache whatever happens; an interrupted run is
        continued by running it again. ``result`` is filled in and returned: given one, the
        caller can say what was done even of a run that ends with an error.
        """
        result = result if result is not None else RunResult()
        self.outputs.claim()
        plan = self.plan()
        record = RunRecord(
            self.context.cache, self.outputs.out, self.inputs, self.config, plan.outcomes
        )
        if plan.stale:
            self._extract(plan, result, record)
        self._summed(result, plan)
        if result.stopped_early:
            record.close(None, required=bool(plan.stale))
            return result
        pack = self.outputs.write(plan, result, partial(self._recompute, plan, result))
        shown = self._report_inputs(plan, result, record)
        features = Manifest(self.outputs.out).made(FEATURES) if pack is not None else None
        record.finish(features, to_record(shown))
        table = None if pack is None else self.outputs.table(pack, plan)
        record.close(table, required=bool(plan.stale))
        if self.config.report.enabled and is_reported(self.until):
            write_if_stale(self.outputs.out, shown, self.context)
            result.report = self.outputs.out / REPORT
        return result

    def _extract(self, plan: Plan, result: RunResult, record: RunRecord) -> None:
        # A cache that cannot be written is told before any work, too.
        self.context.store.create()
        with claim(self.context.store.live(record.id), wait=True):
            record.write()
            try:
                whole = compute_clips(plan, self.inputs, self.config, self.context, self.until)
                result.stopped_early = not whole
            finally:
                self._summed(result, plan)
                record.write()

    def _recompute(self, plan: Plan, result: RunResult) -> None:
        """Compute anew what turned out damaged, and bring plan and result up to date."""
        fresh = self.plan()
        compute_clips(fresh, self.inputs, self.config, self.context, self.until)
        for clip, outcome in fresh.outcomes.items():
            plan.outcomes[clip] = outcome.following(plan.outcomes.get(clip))
        self._summed(result, plan)

    def _report_inputs(self, plan: Plan, result: RunResult, record: RunRecord) -> ReportInputs:
        return ReportInputs(
            config=self.config,
            outcomes=plan.outcomes,
            sources={one.clip.id: one.task() for one in self.inputs.clips},
            clips=result.clips,
            run=record.id,
            started=record.started,
            computed=result.computed,
            reused=result.reused,
            seconds=result.seconds,
            no_results=result.no_results,
        )

    def _summed(self, result: RunResult, plan: Plan) -> RunResult:
        sum_up(result, plan, self.inputs, self.until)
        result.network = self.network
        return result

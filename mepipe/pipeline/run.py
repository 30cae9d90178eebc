"""A run: datasets to features.h5, doing only what is stale."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mepipe.cache import disk
from mepipe.cache.locks import claim
from mepipe.cache.manifest import MANIFEST, REPORT, Manifest
from mepipe.cache.pack import Pack
from mepipe.cache.records import new_run_id, write_table
from mepipe.cache.store import Store, open_store
from mepipe.clips.file_index import DigestIndex, Entry
from mepipe.clips.labels import LabelScheme, classify
from mepipe.clips.prepare import ClipTask, Failure, Prepared, curate, prepare
from mepipe.clips.videos import look_into_videos
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset, Note
from mepipe.evaluation.model_settings import describe_model
from mepipe.execution.compiling import compile_engine
from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.pipeline.finish import Outputs
from mepipe.pipeline.outputs import clip_notes
from mepipe.pipeline.plan import Plan, StageCount, make_plan, planning
from mepipe.pipeline.run_records import keep_record
from mepipe.pipeline.run_report import RunOptions, RunReport
from mepipe.pipeline.worker import ClipOutcome, run_clip, selected
from mepipe.report.inputs import Told, is_reported, remembered, write_if_stale
from mepipe.schema import Progress
from mepipe.stages import STAGES

_Runner = Callable[
    [Callable[[ClipTask], ClipOutcome], Sequence[ClipTask]],
    Iterator[tuple[ClipTask, ClipOutcome | WorkerDied]],
]


class Run:
    """One run over some datasets: `plan` it, or `execute` it.

    Parameters
    ----------
    datasets
        What the readers found.
    config
        The resolved configuration.
    options
        How the run is done.
    progress
        Where it says how far it is.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        config: Config,
        options: RunOptions,
        progress: Progress,
    ) -> None:
        self.progress = progress
        self.curated = curate(datasets, config.data)
        self.datasets = datasets = self.curated.datasets
        self.config = config
        self.options = options
        # A device that is not there, or labels that cannot be, are told before any work.
        if options.device not in {"auto", "cpu"}:
            from mepipe.evaluation.device import resolve

            resolve(options.device)
        self.labels: LabelScheme = classify(datasets, config.labels.classes)
        self.store: Store = open_store(options.cache)
        self.indexes = {
            dataset.name: DigestIndex(options.cache, dataset.root, rehash=options.rehash)
            for dataset in datasets
        }
        look_into_videos(datasets, self.indexes, options.jobs, progress)
        with planning():
            self.prepared: Prepared = prepare(datasets, self.indexes, config)
        self.network = ""
        if options.until == "classify" and self._most_folds():
            # A model that cannot be is told before hours of work, too.
            self.network = describe_model(config.model, config.tensor.size)

    def plan(self) -> Plan:
        """Return what is stale and why. Computes nothing."""
        with planning():
            plan = make_plan(
                self.prepared.clips,
                self.config,
                self.store,
                self.options.until,
                retry_failed=self.options.retry_failed,
                strict_versions=self.options.strict_versions,
            )
        self.save_indexes()
        return plan

    def plan_outputs(self, plan: Plan) -> tuple[StageCount, ...]:
        """Return what is to be done behind the clips: the pack, and the classifier's folds."""
        return self._outputs().plan(plan, self._most_folds())

    def _outputs(self) -> Outputs:
        return Outputs(
            self.config, self.options, self.curated, self.prepared, self.labels, self.store
        )

    def _most_folds(self) -> int:
        """Return the number of folds if every labelled clip turns out usable."""
        clips = [prepared.clip for prepared in self.prepared.clips]
        labelled = [clip for clip in clips if clip.group and self.labels.index(clip) >= 0]
        people = {clip.group for clip in labelled}
        present = {self.labels.index(clip) for clip in labelled}
        return len(people) * self.config.train.seeds if min(len(people), len(present)) > 1 else 0

    def save_indexes(self) -> None:
        """Keep what was learnt of the datasets' files."""
        for index in self.indexes.values():
            index.save()

    def execute(self, report: RunReport | None = None) -> RunReport:
        """Compute what is stale, pack it, and classify it.

        Everything finished stays in the cache whatever happens; an interrupted
        run is continued by running the same command again. ``report`` is filled
        in and returned: given one, the caller can say what was done even of a
        run that ends with an error.
        """
        report = report if report is not None else RunReport()
        # An output folder that cannot be is better known before hours of work.
        disk.make_folder(self.options.out)
        files = self._outputs().files()
        Manifest(self.options.out).claim(files)
        disk.sweep_stray(self.options.out, of={*files, MANIFEST})
        plan = self.plan()
        run_id = new_run_id(self.options.cache)
        state: dict[str, Any] = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "finished": False,
            "out": str(self.options.out.resolve()),
        }
        told: Told | None = None
        packed: Pack | None = None

        def record() -> None:
            clips = [prepared.clip for prepared in self.prepared.clips]
            keep_record(
                self.options.cache, run_id, state, self.datasets, self.config, clips, plan.outcomes
            )

        if plan.stale:
            # A cache that cannot be written is told before any work, too.
            self.store.create()
            with claim(self.store.live(run_id), wait=True):
                self._work(plan, report, record)
        self._sum_up(plan, report)
        if not report.stopped_early:
            again = partial(self._recompute, plan, report)
            outputs = self._outputs()
            features, packed = outputs.write(plan, report, self.progress, again)
            told = self._told(plan, report, run_id, state["started"])
            state |= {"finished": True, "features": features, "report": remembered(told)}
        try:
            if packed is not None:
                state["pack"] = write_table(self.options.cache, outputs.table(packed, plan))
            record()
        except disk.NotWritableError:
            # A cache that is only read from cannot remember who read from it.
            if plan.stale:
                raise
        if told is not None and self.config.report.enabled and is_reported(self.options.until):
            out = self.options.out
            write_if_stale(out, Manifest(out), told, self.store, self.options.jobs, self.progress)
            report.page = out / REPORT
        return report

    def _told(self, plan: Plan, report: RunReport, run_id: str, started: str) -> Told:
        return Told(
            config=self.config,
            outcomes=plan.outcomes,
            sources={one.clip.id: one.task() for one in self.prepared.clips},
            clips=report.clips,
            run=run_id,
            started=started,
            computed=report.computed,
            reused=report.reused,
            seconds=report.seconds,
            no_results=report.no_results,
        )

    def _work(self, plan: Plan, report: RunReport, record: Callable[[], None]) -> None:
        record()
        try:
            self._compute(plan, report)
        finally:
            self._sum_up(plan, report)
            record()

    def _recompute(self, plan: Plan, report: RunReport) -> None:
        """Compute anew what turned out damaged, and bring plan and report up to date."""
        self._compute(fresh := self.plan(), report)
        for clip, outcome in fresh.outcomes.items():
            plan.outcomes[clip] = outcome.following(plan.outcomes.get(clip))
        self._sum_up(plan, report)

    def preview(self, plan: Plan) -> RunReport:
        """Return what is known of a run before anything of it is done."""
        report = RunReport()
        self._sum_up(plan, report)
        return report

    def _compute(self, plan: Plan, report: RunReport) -> None:
        tasks = [prepared.task() for prepared in plan.stale]
        if not tasks:
            return
        if self.options.scheduler is not None:
            tasks = [task.anywhere() for task in tasks]
        work = partial(
            run_clip,
            config=self.config,
            cache_root=self.options.cache.absolute(),
            until=self.options.until,
            retry_failed=self.options.retry_failed,
            strict_versions=self.options.strict_versions,
            parent=os.getpid(),
        )
        if any("face" not in plan.outcomes[task.clip].stages for task in tasks):
            _check_models()
        self._compile_kernels(plan)
        busy: list[ClipTask] = []
        with self._runner() as run:
            self._do(run, partial(work, wait=False), "clips", tasks, busy, plan, report)
            if busy and not report.stopped_early:
                # Another run is at these. It may end without them, so each is looked at again.
                title = "waiting for clips that another run is computing"
                self._do(run, partial(work, wait=True), title, busy, [], plan, report)

    @contextmanager
    def _runner(self) -> Iterator[_Runner]:
        """Give the body what runs tasks: processes of this machine, or a cluster."""
        if self.options.scheduler is None:
            yield partial(run_tasks, jobs=self.options.jobs)
            return
        from mepipe.execution.cluster import cluster

        roots = [dataset.root.absolute() for dataset in self.datasets]
        with cluster(self.options.scheduler, self.options.cache.absolute(), roots) as workers:
            yield partial(workers.run_tasks, jobs=self.options.cluster_jobs)

    def _do(
        self,
        run: _Runner,
        work: Callable[[ClipTask], ClipOutcome],
        title: str,
        tasks: Sequence[ClipTask],
        busy: list[ClipTask],
        plan: Plan,
        report: RunReport,
    ) -> None:
        """Run the tasks; those that another run is computing are put into ``busy``."""
        owners = {p.clip.id: self.indexes[p.clip.dataset] for p in plan.stale}
        self.progress.begin(title, len(tasks))
        try:
            for task, answer in run(work, tasks):
                outcome = answer if isinstance(answer, ClipOutcome) else _died(task, answer)
                if outcome.busy:
                    busy.append(task)
                plan.outcomes[task.clip] = outcome.following(plan.outcomes.get(task.clip))
                for path, facts in outcome.learnt.items():
                    owners[task.clip].learn(path, Entry(facts))
                self.progress.advance()
                if outcome.failure is not None and self.options.fail_fast:
                    report.stopped_early = True
                    break
        finally:
            self.progress.end()
            self.save_indexes()

    def _compile_kernels(self, plan: Plan) -> None:
        """Compile the flow engine here, once, rather than in every worker."""
        wanted = self.config.flow.engine == "mepipe" and self.options.until not in {"face", "spot"}
        if not wanted or all("flow" in plan.outcomes[p.clip.id].stages for p in plan.stale):
            return
        compile_engine(self.progress)

    def _sum_up(self, plan: Plan, report: RunReport) -> None:
        """Bring the report up to date with the clips' outcomes."""
        outcomes = plan.outcomes.values()
        report.clips = len(self.prepared.clips) + len(self.prepared.failures)
        report.network = self.network
        for name in (stage.name for stage in STAGES):
            done = [outcome.stages[name] for outcome in outcomes if name in outcome.stages]
            report.computed[name] = sum(stage.computed for stage in done)
            report.reused[name] = len(done) - report.computed[name]
            report.seconds[name] = sum(stage.seconds for stage in done)
        report.failed = sorted(
            [*self.prepared.failures, *_failures(plan.outcomes)], key=lambda failure: failure.clip
        )
        last = selected(self.options.until)[-1].name
        report.usable = sum(
            outcome.failure is None and last in outcome.stages for outcome in outcomes
        )
        report.notes = [
            *self.curated.notes,
            *self.prepared.notes,
            *self.labels.notes,
            *clip_notes(self.prepared.clips, plan.outcomes),
            *(
                Note(None, f"{count} result(s) reused that other versions made: {what}")
                for what, count in sorted(plan.other_versions.items())
            ),
        ]


def _check_models() -> None:
    """Find a missing or wrong model file here, once, rather than in every worker."""
    from mepipe.assets import model_files, verified_model_path

    for model in model_files():
        verified_model_path(model.name)


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


def _failures(outcomes: Mapping[str, ClipOutcome]) -> list[Failure]:
    return [outcome.failure for outcome in outcomes.values() if outcome.failure is not None]

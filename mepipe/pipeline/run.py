"""A run: datasets to features.h5, doing only what is stale."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.records import new_run_id, write_record
from mepipe.cache.store import Store, open_store
from mepipe.config.settings import Config
from mepipe.datasets.labels import LabelScheme, classify
from mepipe.datasets.model import Dataset, Note
from mepipe.errors import DamageError
from mepipe.pipeline.index import DigestIndex
from mepipe.pipeline.model import STEPS, Progress, RunOptions, RunReport
from mepipe.pipeline.outputs import (
    FEATURES,
    RESULTS,
    Manifest,
    build_pack,
    failures_csv,
    notes_csv,
    pack_bytes,
    pack_key,
)
from mepipe.pipeline.parallel import WorkerDied, run_tasks
from mepipe.pipeline.plan import Plan, StageCount, make_plan
from mepipe.pipeline.prepare import ClipTask, Failure, Prepared, PreparedClip, prepare
from mepipe.pipeline.work import ClipOutcome, run_clip, selected
from mepipe.stages import STAGES


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
    """

    def __init__(self, datasets: Sequence[Dataset], config: Config, options: RunOptions) -> None:
        self.datasets = datasets
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
        self.prepared: Prepared = prepare(datasets, self.indexes, config)

    def plan(self) -> Plan:
        """Return what is stale and why. Computes nothing."""
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
        if STEPS.index(self.options.until) < STEPS.index("pack"):
            return ()
        pack, folds = StageCount("pack"), StageCount("classify")
        counts = (pack, folds) if self.options.until == "classify" else (pack,)
        waits = next((count.stage for count in plan.counts if count.compute), "")
        rows = build_pack(self.prepared.clips, plan.outcomes, self.labels, self.config)
        manifest = Manifest(self.options.out)
        if waits:
            pack.at_most, pack.reasons[f"waits for {waits}"] = 1, 1
        elif rows.rows and (why := manifest.why_stale(FEATURES, pack_key(rows))):
            waits, pack.compute, pack.at_most, pack.reasons[why] = "pack", 1, 1, 1
        elif rows.rows:
            pack.reuse = 1
        if waits:
            folds.at_most = self._most_folds()
            folds.reasons[f"waits for {waits}"] = folds.at_most
        elif rows.rows and self.options.until == "classify":
            from mepipe.pipeline.classify import count_folds

            folds.compute, folds.reuse = count_folds(
                self.config, self.options, self.store, manifest
            )
            folds.at_most = folds.compute
            if folds.compute:
                folds.reasons["new, or settings changed"] = folds.compute
        return counts

    def _most_folds(self) -> int:
        """Return the number of folds if every labelled clip turns out usable."""
        clips = [prepared.clip for prepared in self.prepared.clips]
        labelled = [c for c in clips if c.group and self.labels.index(c.dataset, c.emotion) >= 0]
        people = {clip.group for clip in labelled}
        present = {self.labels.index(clip.dataset, clip.emotion) for clip in labelled}
        return len(people) * self.config.train.seeds if min(len(people), len(present)) > 1 else 0

    def save_indexes(self) -> None:
        """Keep what was learnt of the datasets' files."""
        for index in self.indexes.values():
            index.save()

    def execute(self, progress: Progress, report: RunReport | None = None) -> RunReport:
        """Compute what is stale, pack it, and classify it.

        Everything finished stays in the cache whatever happens; an interrupted
        run is continued by running the same command again. ``report`` is filled
        in and returned: given one, the caller can say what was done even of a
        run that ends with an error.
        """
        report = report if report is not None else RunReport()
        # An output folder that cannot be is better known before hours of work.
        disk.make_folder(self.options.out)
        plan = self.plan()
        run_id, started = new_run_id(), datetime.now(UTC).isoformat(timespec="seconds")
        record = partial(self._write_record, run_id, started, plan.outcomes)
        if plan.stale:
            record(finished=False)
        try:
            self._compute(plan, report, progress)
        except BaseException:
            self._sum_up(plan, report)
            record(finished=False)
            raise
        self._sum_up(plan, report)
        record(finished=True)
        if not report.stopped_early:
            self._finish(plan, report, progress)
        return report

    def preview(self, plan: Plan) -> RunReport:
        """Return what is known of a run before anything of it is done."""
        report = RunReport()
        self._sum_up(plan, report)
        return report

    def _compute(self, plan: Plan, report: RunReport, progress: Progress) -> None:
        tasks = [prepared.task() for prepared in plan.stale]
        if not tasks:
            return
        work = partial(
            run_clip,
            config=self.config,
            cache_root=self.options.cache,
            until=self.options.until,
            retry_failed=self.options.retry_failed,
            strict_versions=self.options.strict_versions,
            parent=os.getpid(),
        )
        if any("face" not in plan.outcomes[task.clip].stages for task in tasks):
            _check_models()
        progress.begin("clips", len(tasks))
        try:
            for task, answer in run_tasks(work, tasks, self.options.jobs):
                outcome = answer if isinstance(answer, ClipOutcome) else _died(task, answer)
                plan.outcomes[task.clip] = outcome
                progress.advance()
                if outcome.failure is not None and self.options.fail_fast:
                    report.stopped_early = True
                    break
        finally:
            progress.end()

    def _sum_up(self, plan: Plan, report: RunReport) -> None:
        """Bring the report up to date with the clips' outcomes."""
        outcomes = plan.outcomes.values()
        report.clips = len(self.prepared.clips) + len(self.prepared.failures)
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
            *self.prepared.notes,
            *_face_notes(self.prepared.clips, plan.outcomes),
            *(
                Note(None, f"{count} result(s) reused that other versions made: {what}")
                for what, count in sorted(plan.other_versions.items())
            ),
        ]

    def _finish(self, plan: Plan, report: RunReport, progress: Progress) -> None:
        manifest = Manifest(self.options.out)
        for file, data in (
            ("failures.csv", failures_csv(report.failed)),
            ("notes.csv", notes_csv(report.notes)),
        ):
            manifest.write_if_stale(file, hashlib.sha256(data).hexdigest(), data)
        if STEPS.index(self.options.until) < STEPS.index("pack") or report.usable == 0:
            return
        self._pack(plan, report, manifest, progress)
        if self.options.until == "classify":
            from mepipe.pipeline.classify import classify_features

            classify_features(self.config, self.options, self.store, manifest, report, progress)

    def _pack(self, plan: Plan, report: RunReport, manifest: Manifest, progress: Progress) -> None:
        started = time.perf_counter()
        for last_try in (False, True):
            pack = build_pack(self.prepared.clips, plan.outcomes, self.labels, self.config)
            key = pack_key(pack)
            report.features = self.options.out / FEATURES
            if manifest.is_current(FEATURES, key):
                report.reused["pack"] += 1
                return
            try:
                data = pack_bytes(pack, plan.outcomes, self.store)
            except DamageError:
                # The damaged object is in the quarantine now: compute it anew, once.
                if last_try:
                    raise
                self._compute(fresh := self.plan(), report, progress)
                plan.outcomes.update(fresh.outcomes)
                self._sum_up(plan, report)
                continue
            # Results of other features must not stand beside these, whatever comes next.
            for file in RESULTS:
                manifest.drop(file)
            manifest.write(FEATURES, key, data)
            report.computed["pack"] += 1
            report.seconds["pack"] += time.perf_counter() - started
            return

    def _write_record(
        self, run_id: str, started: str, outcomes: Mapping[str, ClipOutcome], *, finished: bool
    ) -> None:
        versions = {stage.name: stage.version for stage in STAGES}
        clips = {prepared.clip.id: prepared.clip for prepared in self.prepared.clips}
        write_record(
            self.options.cache,
            run_id,
            {
                "started": started,
                "finished": finished,
                "mepipe": __version__,
                "roots": {dataset.name: str(dataset.root) for dataset in self.datasets},
                "config": self.config.model_dump(mode="json", by_alias=True),
                "clips": {
                    clip: {
                        "dataset": clips[clip].dataset,
                        "subject": clips[clip].subject,
                        "emotion": clips[clip].emotion,
                        "stages": {
                            name: {
                                "version": versions[name],
                                "key": stage.key,
                                "object": stage.digest,
                                "parts": stage.parts,
                                "values": stage.values,
                                "failure": stage.failure,
                                "libraries": stage.libraries,
                            }
                            for name, stage in outcome.stages.items()
                        },
                    }
                    for clip, outcome in outcomes.items()
                },
            },
        )


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


def _face_notes(clips: Sequence[PreparedClip], outcomes: Mapping[str, ClipOutcome]) -> list[Note]:
    frames = {prepared.clip.id: prepared.input.frames.count for prepared in clips}
    notes = []
    for clip, outcome in sorted(outcomes.items()):
        face, spot = outcome.values.get("face"), outcome.values.get("spot")
        if face and face["faces"] > 1:
            notes.append(
                Note(clip, f"{face['faces']} faces: the larger and more central one is used")
            )
        if spot and "visible" in spot and spot["visible"] != [0, frames[clip]]:
            first, stop = spot["visible"]
            notes.append(
                Note(clip, f"the face is seen in frames {first} to {stop - 1} only: those are used")
            )
        if spot and not spot["movement"]:
            notes.append(Note(clip, "no movement above the noise: the best candidate is used"))
    return notes

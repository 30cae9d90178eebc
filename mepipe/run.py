"""The whole run: dataset folders to features, results and a report.

`Run` has its steps in order. Creating it opens the inputs; `Run.execute` plans, computes the
stale clips, packs the features, evaluates and reports, each in one call. Only what is stale
is done.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mepipe.cache.disk import make_folder
from mepipe.cache.locks import claim, locks_work
from mepipe.cache.manifest import FEATURES, REPORT, Manifest
from mepipe.cache.store import open_store
from mepipe.clips.correction_places import with_corrections_of
from mepipe.clips.inputs import open_inputs
from mepipe.config.load import as_config
from mepipe.config.settings import Config
from mepipe.datasets.clip import Dataset
from mepipe.datasets.registry import as_datasets
from mepipe.evaluation.device import require_device
from mepipe.execution.context import Context
from mepipe.execution.progress import progress_for
from mepipe.pipeline.compute import compute_clips
from mepipe.pipeline.finish import Outputs
from mepipe.pipeline.motion import Motions, compute_motions, stored_motions
from mepipe.pipeline.plan import Plan, make_plan
from mepipe.pipeline.run_records import RunRecord
from mepipe.pipeline.run_result import RunResult, sum_up
from mepipe.pipeline.worth_a_look import keep_doubts
from mepipe.recordings.clips import with_movements
from mepipe.report.recordings import to_table
from mepipe.report.report_inputs import ReportInputs, is_reported, to_record, write_if_stale

_LOG = logging.getLogger("mepipe")


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
    """One run over some datasets: `plan` it, or `execute` it. Parameters as for `run`.

    Raises
    ------
    UsageError
        If the device, the labels, the corrections, the selection or the model is not valid.
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
        search: bool = True,
    ) -> None:
        # Corrections that lie in the output folder are used without being asked for.
        config, self.beside = with_corrections_of(out, config)
        self.config, self.context, self.until = config, context, until
        # Everything that can be wrong with the request is reported before hours of work.
        require_device(context.device)
        inputs = open_inputs(
            datasets,
            config,
            context.cache,
            jobs=context.jobs,
            progress=context.progress,
            rehash=rehash,
        )
        inputs = replace(inputs, notes=(*self.beside, *inputs.notes))
        # Each movement of a recording is a clip of its own.
        self.searched = with_movements(inputs, config, context, wanted=search)
        self.inputs = self.searched.inputs
        self.outputs = Outputs(config, self.inputs, context, out, until, self.searched.recordings)
        self.network = self.outputs.describe_model()

    def plan(self) -> Plan:
        """Return what is stale and why. Computes nothing."""
        plan = make_plan(self.inputs.clips, self.config, self.context, self.until)
        self.inputs.save_indexes()
        return plan

    def count_recordings(self, result: RunResult) -> RunResult:
        """Note in ``result`` how many recordings and movements there are, and return it."""
        result.recordings = len(self.searched.recordings)
        result.movements = self.searched.movements
        return result

    def execute(
        self, result: RunResult | None = None, *, tell: Callable[[Plan], object] | None = None
    ) -> RunResult:
        """Compute what is stale, pack it, evaluate it and report it.

        Finished work stays in the cache whatever happens. To continue an interrupted run,
        run it again. ``result`` is filled in and returned: a caller that passes one knows
        what was done even if the run ends with an error. ``tell`` is called with the plan
        before the work begins.
        """
        result = result if result is not None else RunResult()
        result.network = self.network
        self.count_recordings(result)
        out = self.outputs.out
        # 1. The output folder must be writable and must not hold files of somebody else.
        self.outputs.claim()
        # 2. What is stale?
        plan = self.plan()
        if tell is not None:
            tell(plan)
        record = RunRecord(self.context.cache, out, self.inputs, self.config, plan.outcomes)
        # 3. Take the stale clips through their stages.
        if plan.stale:
            self._compute(plan, result, record)
        sum_up(result, plan, self.inputs, self.until)
        if result.stopped_early:
            record.close(None, required=True)
            return result
        # 4. Pack the tensors into features.h5.
        px = self.outputs.movement_px(plan)
        pack = self.outputs.pack(plan, result, px, recompute=partial(self._repair, plan, result))
        # 5. Evaluate the classifier on that file.
        if pack is not None:
            self.outputs.evaluate(result)
        # 6. Compare the annotation with the motion, from the cache or computed if asked for.
        motions, fresh = self._motions(plan, record)
        result.computed["motion"] = fresh
        result.doubts = keep_doubts(
            Manifest(out), plan.outcomes, motions, [(note.clip, note.text) for note in result.notes]
        )
        # 7. Record what the run was made of: the next plan opens no object because of it.
        found = self.searched.recordings
        shown = ReportInputs.of(self.config, self.inputs, plan, result, record, found, motions)
        features = Manifest(out).made(FEATURES) if pack is not None else None
        record.finish(features, to_record(shown))
        table = self.outputs.table(pack, plan) if pack is not None else None
        record.close(
            table,
            required=bool(plan.stale or fresh),
            recordings=to_table(shown.recordings),
            motions=motions.computed,
            px=px,
        )
        # 8. The page for people.
        if self.config.report.enabled and is_reported(self.until):
            write_if_stale(out, shown, self.context)
            result.report = out / REPORT
        return result

    def _compute(self, plan: Plan, result: RunResult, record: RunRecord) -> None:
        # A cache that cannot be written is reported before any work, too.
        self.context.store.create()
        live = self.context.store.live(record.id)
        make_folder(live.parent)
        if not locks_work(live.parent):
            _LOG.warning(
                "the file system of the cache %s has no locks: two runs at once may compute the "
                "same clip twice, and `mepipe cache gc` cannot see a run that is running",
                self.context.cache,
            )
        # While this lock is held, `cache gc` removes nothing that this run has written.
        with claim(live, wait=True):
            record.write()
            try:
                whole = compute_clips(plan, self.inputs, self.config, self.context, self.until)
                result.stopped_early = not whole
            finally:
                sum_up(result, plan, self.inputs, self.until)
                record.write()

    def _motions(self, plan: Plan, record: RunRecord) -> tuple[Motions, int]:
        """Return the motion of the clips, and of how many it was computed now."""
        config, context, inputs = self.config, self.context, self.inputs
        if config.report.curves == "spotted":
            return stored_motions(inputs.clips, plan.outcomes, config, context, inputs.indexes), 0
        with claim(context.store.live(record.id), wait=True):
            return compute_motions(inputs, plan.outcomes, config, context)

    def _repair(self, plan: Plan, result: RunResult) -> None:
        """Compute again the objects that were found damaged, and update plan and result."""
        fresh = self.plan()
        compute_clips(fresh, self.inputs, self.config, self.context, self.until)
        for clip, outcome in fresh.outcomes.items():
            plan.outcomes[clip] = outcome.following(plan.outcomes.get(clip))
        sum_up(result, plan, self.inputs, self.until)

"""What a run leaves behind its clips: the tables, features.h5, and the classifier's results."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from mepipe.cache.keys import Json
from mepipe.cache.manifest import FEATURES, REPORT, RESULTS, TABLES, Manifest
from mepipe.cache.pack import Pack
from mepipe.cache.store import Store
from mepipe.clips.labels import LabelScheme
from mepipe.clips.prepare import Curated, Prepared
from mepipe.config.settings import Config
from mepipe.errors import DamageError
from mepipe.pipeline.outputs import (
    build_pack,
    failures_csv,
    notes_csv,
    pack_key,
    pack_table,
    write_features,
)
from mepipe.pipeline.plan import Plan, StageCount
from mepipe.pipeline.run_report import RunOptions, RunReport
from mepipe.schema import STEPS, Progress


@dataclass(frozen=True)
class Outputs:
    """What the outputs of a run are made of, apart from its clips' objects."""

    config: Config
    options: RunOptions
    curated: Curated
    prepared: Prepared
    labels: LabelScheme
    store: Store

    def files(self) -> tuple[str, ...]:
        """Return the names of the files that this run may write into its output folder."""
        reach = STEPS.index(self.options.until)
        packed = reach >= STEPS.index("pack")
        return (
            *TABLES,
            *((FEATURES,) if packed else ()),
            *(RESULTS if self.options.until == "classify" else ()),
            *((REPORT,) if packed and self.config.report.enabled else ()),
        )

    def plan(self, plan: Plan, most_folds: int) -> tuple[StageCount, ...]:
        """Return what is to be done behind the clips: the pack, and the classifier's folds.

        There are ``most_folds`` of these if every labelled clip turns out usable.
        """
        manifest = Manifest(self.options.out)
        manifest.require_own(self.files())
        if STEPS.index(self.options.until) < STEPS.index("pack"):
            return ()
        pack, folds = StageCount("pack"), StageCount("classify")
        counts = (pack, folds) if self.options.until == "classify" else (pack,)
        waits = next((count.stage for count in plan.counts if count.compute), "")
        rows = self._rows(plan)
        if waits:
            pack.at_most, pack.reasons[f"waits for {waits}"] = 1, 1
        elif rows.rows and (why := manifest.why_stale(FEATURES, pack_key(rows))):
            waits, pack.compute, pack.at_most, pack.reasons[why] = "pack", 1, 1, 1
        elif rows.rows:
            pack.reuse = 1
        if waits:
            folds.at_most = most_folds
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

    def _rows(self, plan: Plan) -> Pack:
        corrections = self.curated.corrections
        return build_pack(self.prepared.clips, plan.outcomes, self.labels, self.config, corrections)

    def table(self, pack: Pack, plan: Plan) -> Json:
        """Return what the run's record keeps of its features."""
        return pack_table(pack, plan.outcomes, self.config)

    def write(
        self, plan: Plan, report: RunReport, progress: Progress, recompute: Callable[[], None]
    ) -> tuple[str | None, Pack | None]:
        """Write the outputs; return the digest of features.h5 and its rows, where there is one.

        ``recompute`` brings plan and report up to date once objects turned out damaged.
        """
        manifest = Manifest(self.options.out)
        for file, data in (
            ("failures.csv", failures_csv(report.failed)),
            ("notes.csv", notes_csv(report.notes)),
        ):
            manifest.write_if_stale(file, hashlib.sha256(data).hexdigest(), data)
        if STEPS.index(self.options.until) < STEPS.index("pack"):
            return None, None
        if report.usable == 0:
            for file in (FEATURES, *RESULTS):
                manifest.drop(file)
            return None, None
        pack = self._pack(plan, report, manifest, recompute)
        if self.options.until == "classify":
            from mepipe.pipeline.classify import classify_features

            classify_features(self.config, self.options, self.store, manifest, report, progress)
        return manifest.digest(FEATURES), pack

    def _pack(
        self, plan: Plan, report: RunReport, manifest: Manifest, recompute: Callable[[], None]
    ) -> Pack:
        started = time.perf_counter()
        last_try = False
        while True:
            pack = self._rows(plan)
            key = pack_key(pack)
            report.features = self.options.out / FEATURES
            if manifest.is_current(FEATURES, key):
                report.reused["pack"] += 1
                return pack
            # Results of other features must not stand beside these, whatever comes next.
            for file in RESULTS:
                manifest.drop(file)
            try:
                write_features(manifest, key, pack, plan.outcomes, self.store)
            except DamageError:
                # The damaged object is in the quarantine now: compute it anew, once.
                if last_try:
                    raise
                recompute()
                last_try = True
                continue
            report.computed["pack"] += 1
            report.seconds["pack"] += time.perf_counter() - started
            return pack

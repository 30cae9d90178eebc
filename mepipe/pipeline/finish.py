"""The outputs of a run: the tables, features.h5, and the classifier results."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mepipe.cache import disk
from mepipe.cache.keys import Json
from mepipe.cache.manifest import (
    EARLIER,
    FEATURES,
    MANIFEST,
    REPORT,
    RESULTS,
    TABLES,
    WORTH_A_LOOK,
    Manifest,
)
from mepipe.cache.pack import Pack
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.errors import DamageError
from mepipe.execution.context import Context
from mepipe.extras import require
from mepipe.pipeline.out_of_range import movement_px, out_of_range, range_notes
from mepipe.pipeline.outputs import (
    build_pack,
    failures_csv,
    notes_csv,
    pack_key,
    pack_table,
    write_features,
)
from mepipe.pipeline.plan import Plan, StageCount
from mepipe.pipeline.run_result import RunResult
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.tables import events_csv
from mepipe.recordings.written import EVENTS, spotted_key
from mepipe.schema import CHANNELS, STEPS

_FEATURES_ALONE = "Or compute the features without training: --until pack"


@dataclass(frozen=True)
class Outputs:
    """The outputs of a run: their inputs, and the folder ``out`` that they are written to.

    ``until`` is the last step of the run, ``recordings`` what was found in its recordings.
    """

    config: Config
    inputs: Inputs
    context: Context
    out: Path
    until: str
    recordings: tuple[RecordingEvents, ...] = ()

    def reaches(self, step: str) -> bool:
        """Return True if the run goes as far as ``step``."""
        return STEPS.index(self.until) >= STEPS.index(step)

    def files(self) -> tuple[str, ...]:
        """Return the names of the files that this run may write."""
        return (
            *TABLES,
            WORTH_A_LOOK,
            *((EVENTS,) if self.recordings else ()),
            *((FEATURES,) if self.reaches("pack") else ()),
            *(RESULTS if self.reaches("classify") else ()),
            *((REPORT,) if self.reaches("pack") and self.config.report.enabled else ()),
        )

    def claim(self) -> None:
        """Create the folder and check that the outputs can be written there.

        A run calls this before any computation, which can take hours.

        Raises
        ------
        UsageError
            If a file that mepipe did not write has the name of an output, or a table cannot hold
            the name of a recording.
        SystemProblemError
            If the folder cannot be created or written.
        """
        _ = self._events  # its error is told before the work
        disk.make_folder(self.out)
        files = self.files()
        manifest = Manifest(self.out)
        manifest.require_own(f"{EARLIER}/{file}" for file in (FEATURES, *RESULTS))
        manifest.claim(files)
        # Only partial files with the names of outputs: other programs may use this folder.
        disk.sweep_stray(self.out, of={*files, MANIFEST})

    def most_folds(self) -> int:
        """Return the number of folds if every labelled clip is usable."""
        labels, clips = self.inputs.labels, [prepared.clip for prepared in self.inputs.clips]
        labelled = [clip for clip in clips if clip.group and labels.index(clip) >= 0]
        # Groups, not subjects: two datasets can use one subject name for different people.
        people = {clip.group for clip in labelled}
        present = {labels.index(clip) for clip in labelled}
        return len(people) * self.config.train.seeds if min(len(people), len(present)) > 1 else 0

    def describe_model(self) -> str:
        """Return one line that describes the classifier. Empty if none will be trained.

        Raises
        ------
        UsageError
            If there is no such model, or it does not fit the tensors; if the map that it reads
            is not packed; if there are no such weights to start from; if what trains is not
            installed.
        """
        if not self.reaches("classify"):
            return ""
        from mepipe.evaluation.model_settings import describe_model, model_of, packed_maps
        from mepipe.evaluation.starting_weights import Start

        maps = packed_maps(self.config)
        if not self.most_folds():
            return ""
        require("train", "training", otherwise=_FEATURES_ALONE)
        start = Start.of(self.config.train)
        if start is not None:  # known now, and not after hours of flow
            side = self.config.tensor.size
            start.require_network(
                model_of(self.config.model),
                shape=(*([] if maps is None else [maps]), len(CHANNELS), side, side),
                channels=CHANNELS,
                classes=self.inputs.labels.classes,
                reads=self.config.model.map,
            )
        return describe_model(self.config.model, self.config.tensor.size, maps)

    def replaced(self, plan: Plan) -> list[str]:
        """Return the results of an earlier run that are of other features than this run's."""
        manifest = Manifest(self.out)
        present = manifest.kept(RESULTS)
        if not present or not self.reaches("pack"):
            return []
        if any(count.compute for count in plan.counts):
            return present
        return [] if manifest.is_current(FEATURES, pack_key(self._rows(plan))) else present

    def plan(self, plan: Plan) -> tuple[StageCount, ...]:
        """Return the plan of the pack and of the classifier folds.

        Raises
        ------
        UsageError
            As `claim`. Nothing is written.
        """
        manifest = Manifest(self.out)
        manifest.require_own(self.files())
        if not self.reaches("pack"):
            return ()
        pack, folds = StageCount("pack"), StageCount("classify")
        waits = next((count.stage for count in plan.counts if count.compute), "")
        rows = self._rows(plan)
        if waits:
            pack.at_most, pack.reasons[f"waits for {waits}"] = 1, 1
        elif rows.rows and (why := manifest.why_stale(FEATURES, pack_key(rows))):
            waits, pack.compute, pack.at_most, pack.reasons[why] = "pack", 1, 1, 1
        elif rows.rows:
            pack.reuse = 1
        if not self.reaches("classify"):
            return (pack,)
        if waits:
            folds.at_most = self.most_folds()
            folds.reasons[f"waits for {waits}"] = folds.at_most
        elif rows.rows:
            from mepipe.pipeline.classify import count_folds

            folds.compute, folds.reuse = count_folds(self.config, self.context, self.out)
            folds.at_most = folds.compute
            if folds.compute:
                folds.reasons["new, or settings changed"] = folds.compute
        return (pack, folds)

    @cached_property
    def _events(self) -> bytes:
        return events_csv(self.recordings).encode()

    def _rows(self, plan: Plan) -> Pack:
        inputs = self.inputs
        return build_pack(
            inputs.clips, plan.outcomes, inputs.labels, self.config, inputs.corrections
        )

    def table(self, pack: Pack, plan: Plan) -> Json:
        """Return the table of the features for the run record."""
        return pack_table(pack, plan.outcomes, self.config)

    def movement_px(self, plan: Plan) -> dict[str, float | None]:
        """Return how large the movements are that may be no micro-expressions, by tensor."""
        return movement_px(self.inputs.clips, plan.outcomes, self.config, self.context.store)

    def pack(
        self,
        plan: Plan,
        result: RunResult,
        px: Mapping[str, float | None],
        recompute: Callable[[], None],
    ) -> Pack | None:
        """Write the tables and features.h5. Return its rows, or None if it was not written.

        ``px`` is that of `movement_px`. ``recompute`` is called if objects are damaged. It updates
        the plan and the result.
        """
        manifest = Manifest(self.out)
        result.out_of_range = out_of_range(self.inputs.clips, plan.outcomes, self.config, px)
        for file, data in (
            ("failures.csv", failures_csv(result.failures)),
            ("notes.csv", notes_csv([*result.notes, *range_notes(result.out_of_range)])),
        ):
            manifest.write_if_stale(file, hashlib.sha256(data).hexdigest(), data)
        if self.recordings:
            data = self._events
            manifest.write_if_stale(EVENTS, hashlib.sha256(data).hexdigest(), data)
        elif not manifest.is_current(EVENTS, spotted_key(EVENTS)):
            # Of an earlier run. What `mepipe spot` wrote here is no output of a run, and stays.
            manifest.drop(EVENTS)
        if not self.reaches("pack"):
            return None
        # Features and results of an earlier run must not look like those of this one.
        if result.usable == 0:
            manifest.set_aside((FEATURES, *RESULTS))
            return None
        return self._pack(plan, result, manifest, recompute)

    def evaluate(self, result: RunResult) -> None:
        """Train and evaluate the classifier on features.h5, if the run goes as far as that."""
        if self.reaches("classify"):
            from mepipe.pipeline.classify import classify_features

            classify_features(self.config, self.context, self.out, Manifest(self.out), result)

    def _pack(
        self, plan: Plan, result: RunResult, manifest: Manifest, recompute: Callable[[], None]
    ) -> Pack:
        started = time.perf_counter()
        last_try = False
        while True:
            pack = self._rows(plan)
            key = pack_key(pack)
            result.features = self.out / FEATURES
            if manifest.is_current(FEATURES, key):
                result.reused["pack"] += 1
                return pack
            # Moved before the new features are written: after a crash at any point, results of
            # other features must not lie beside them.
            manifest.set_aside(RESULTS)
            try:
                write_features(manifest, key, pack, plan.outcomes, self.context.store)
            except DamageError:
                # The damaged objects are in the quarantine now, so a second plan finds them
                # missing. Damage after that is a failing disk, and ends the run.
                if last_try:
                    raise
                recompute()
                last_try = True
                continue
            result.computed["pack"] += 1
            result.seconds["pack"] += time.perf_counter() - started
            return pack

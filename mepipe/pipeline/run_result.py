"""The result of a run: counts, failures, and the paths of its outputs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.cache.manifest import WORTH_A_LOOK
from mepipe.clips.clip_task import Failure
from mepipe.clips.inputs import Inputs
from mepipe.datasets.clip import Note
from mepipe.micro import Extent
from mepipe.pipeline.outputs import clip_notes
from mepipe.pipeline.plan import Plan
from mepipe.pipeline.walk import stages_until
from mepipe.recordings.written import EVENTS
from mepipe.schema import CLIP_STAGES

if TYPE_CHECKING:
    from mepipe.features import Features
    from mepipe.pipeline.worth_a_look import Doubt


@dataclass
class RunResult:
    """The counts, failures, notes and outputs of a run.

    Parameters
    ----------
    clips, usable
        How many clips there are, and how many can be used.
    computed, reused, seconds
        By step (`mepipe.schema.STEPS`). ``seconds`` are summed over workers.
    failures
        The clips that cannot be used, each with its stage, the problem and the remedy.
    notes
        Remarks on the other clips and on the datasets.
    features
        The features file. None if no clip is usable or the run ended before it.
    results
        The content of results.json. None if nothing was evaluated: then ``no_results``
        gives the reason.
    network
        The cells of the pyramid of the network, or a description of another model.
    report
        The report as a web page. None if none was made.
    recordings, movements
        How many recordings were searched, and the movements found in them, which are clips.
    stopped_early
        True if a failure ended the run (``fail_fast``).
    doubts
        The clips that are worth a look, the worst first, and why.
    out_of_range
        The movements that are longer or larger than a micro-expression, by clip: the classes do
        not apply to them.
    """

    clips: int = 0
    usable: int = 0
    computed: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: list[Failure] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    features: Path | None = None
    results: Mapping[str, Any] | None = None
    network: str = ""
    no_results: str = ""
    report: Path | None = None
    stopped_early: bool = False
    recordings: int = 0
    movements: int = 0
    doubts: tuple[Doubt, ...] = ()
    out_of_range: dict[str, Extent] = field(default_factory=dict)

    def load(self) -> Features:
        """Return the features that the run wrote.

        Raises
        ------
        NothingUsableError
            If it wrote none.
        """
        from mepipe.errors import NothingUsableError
        from mepipe.features import load

        if self.features is None:
            raise NothingUsableError(
                f"the run made no features: {self.usable} of {self.clips} clips are usable",
                "Check `failures`, and run without `until`.",
            )
        return load(self.features)

    @property
    def paths(self) -> dict[str, Path]:
        """The existing outputs by name: features, results, predictions, report, ..."""
        if self.features is None:
            return {}
        out = self.features.parent
        names = {
            "features": self.features.name,
            "results": "results.json",
            "predictions": "predictions.csv",
            "confusion": "confusion.png",
            "failures": "failures.csv",
            "notes": "notes.csv",
            "worth_a_look": WORTH_A_LOOK,
            "events": EVENTS,
            "report": "report.html",
        }
        return {name: out / file for name, file in names.items() if (out / file).is_file()}


def sum_up(result: RunResult, plan: Plan, inputs: Inputs, until: str) -> RunResult:
    """Update ``result`` with the outcomes of the clips, and return it."""
    outcomes = plan.outcomes.values()
    result.clips = len(inputs.clips) + len(inputs.failures)
    for name in CLIP_STAGES:
        done = [outcome.stages[name] for outcome in outcomes if name in outcome.stages]
        result.computed[name] = sum(stage.computed for stage in done)
        result.reused[name] = len(done) - result.computed[name]
        result.seconds[name] = sum(stage.seconds for stage in done)
    failed = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    result.failures = sorted([*inputs.failures, *failed], key=lambda failure: failure.clip)
    # Usable: the last stage that was asked for is done, and no stage failed.
    last = stages_until(until)[-1].name
    result.usable = sum(outcome.failure is None and last in outcome.stages for outcome in outcomes)
    result.notes = [
        *inputs.notes,
        *clip_notes(inputs.clips, plan.outcomes),
        *(
            Note(None, f"{count} reused result(s) were made by other library versions: {what}")
            for what, count in sorted(plan.other_versions.items())
        ),
    ]
    return result

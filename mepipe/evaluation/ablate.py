"""The paper's study on other features: every variant of the pyramid, on the same folds."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mepipe.cache.keys import object_key
from mepipe.cache.manifest import Manifest
from mepipe.errors import UsageError
from mepipe.evaluation.chance_level import chance_text, level_alone
from mepipe.evaluation.comparison import holm, paired_bootstrap
from mepipe.evaluation.evaluate import Evaluation, evaluate, jobs_of
from mepipe.evaluation.evaluation_result import EvaluationResult
from mepipe.evaluation.fold_cache import VERSION, Source
from mepipe.evaluation.results import subject_confusions
from mepipe.evaluation.variants import Variant, variants
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.networks.pyramid import plan
from mepipe.networks.registry import build
from mepipe.viz.ablation import AblationRow, ablation_markdown, ablation_png

FILES = ("ablation.json", "ablation.md", "ablation.png")


@dataclass(frozen=True)
class AblationResult:
    """The rows of the study, and what all of them share.

    Parameters
    ----------
    rows
        The baseline first: the model with its settings unchanged.
    computed, reused
        Folds trained, and found stored.
    chance
        What shuffled labels reach: the same for all rows, for they have the same folds.
    ci_note
        What is to be said of the intervals, as `mepipe.evaluation.metrics.interval_note`.
    """

    rows: tuple[AblationRow, ...]
    computed: int
    reused: int
    chance: Mapping[str, Any]
    ci_note: str | None = None

    @property
    def notes(self) -> list[str]:
        """What is said under the table."""
        above = self.chance["uf1"]["p95"]
        below = [f"{row.study}: {row.name}" for row in self.rows if row.uf1 <= above]
        notes = [chance_text(self.chance)]
        if below:
            notes.append(f"UF1 not above chance: {', '.join(below)}")
        return notes + ([self.ci_note] if self.ci_note else [])


def ablate(
    features: Features,
    source: Source,
    evaluation: Evaluation,
    context: Context,
    *,
    only: Collection[str] = (),
    report_row: Callable[[AblationRow], None] = lambda row: None,
) -> AblationResult:
    """Evaluate every variant that fits, each on the same folds.

    Finished folds are stored, so an interrupted study continues where it stopped.

    Parameters
    ----------
    features, source
        The features, and their file as it was hashed.
    evaluation
        The baseline's settings, the protocol and the seeds.
    context
        How it is done, as for `mepipe.evaluation.evaluate.evaluate`.
    only
        The studies of `mepipe.evaluation.variants.variants` that are made. Empty: all.
    report_row
        Called with each row when it is done.

    Raises
    ------
    UsageError, BadDataError, SystemProblemError
        As `mepipe.evaluation.evaluate.evaluate`.
    """
    if evaluation.train.init is not None:
        raise UsageError(
            f"an ablation varies the network, and the weights of {evaluation.train.init} "
            "(train.init) are those of one network",
            "Leave train.init out.",
        )
    model = evaluation.model.model_copy(update={"name": "spp", "options": {}})
    rows: list[AblationRow] = []
    first: EvaluationResult | None = None
    computed = reused = 0
    chosen = variants(features.shape[2], model.model_dump(), only)
    for number, variant in enumerate(chosen, start=1):
        one = replace(evaluation, model=model.model_copy(update=dict(variant.change)))
        done = evaluate(
            features,
            source,
            one,
            jobs_of(features, one),
            context,
            title=f"{number}/{len(chosen)} {variant.study}: {variant.name}",
        )
        computed, reused = computed + done.computed, reused + done.reused
        first = first or done
        rows.append(_row(variant, done, first))
        report_row(rows[-1])
    assert first is not None  # the baseline always fits
    # The rows are of the same subjects, so either all were tested or none.
    corrected = iter(holm([row.p for row in rows if row.p is not None]))
    whole = [row if row.p is None else replace(row, p_holm=next(corrected)) for row in rows]
    shared = {name: first.content[name] for name in ("chance", "ci_note")}
    return AblationResult(tuple(whole), computed, reused, **shared)


def _row(variant: Variant, done: EvaluationResult, first: EvaluationResult) -> AblationRow:
    figures = done.content
    bounds = figures["ci"]["uf1"]
    difference, p = None, None
    if done is not first:
        uf1, _ = paired_bootstrap(subject_confusions(done.pooled), subject_confusions(first.pooled))
        difference, p = (uf1.value, uf1.low, uf1.high), uf1.p
    return AblationRow(
        variant.study,
        variant.name,
        _parameters(figures),
        float(figures["uf1"]),
        float(figures["uar"]),
        None if bounds is None else (float(bounds[0]), float(bounds[1])),
        difference,
        p,
        cells=_cells(figures),
    )


def _cells(figures: Mapping[str, Any]) -> str:
    settings = figures["settings"]["model"]
    if settings["name"] != "spp" or not settings["kernels"]:
        return ""
    pyramid = plan(
        figures["shape"][-1],
        settings["kernels"],
        settings["position"],
        settings["mode"],
        settings["cells"],
    )
    return ", ".join(map(str, pyramid.cells))


def _parameters(figures: Mapping[str, Any]) -> int:
    settings = figures["settings"]["model"]
    *maps, channels, size, _ = figures["shape"]
    network = build(
        **settings,
        channels=channels,
        size=size,
        classes=len(figures["classes"]),
        maps=maps[0] if maps else None,
    )
    return sum(parameter.numel() for parameter in network.parameters())


def write_ablation(
    manifest: Manifest, result: AblationResult, evaluation: Evaluation, digest: str, protocol: str
) -> None:
    """Write ablation.json, ablation.md and ablation.png."""
    key = object_key("ablation", VERSION, {"evaluation": evaluation.key(digest)})
    content = {
        "schema": 1,
        "protocol": protocol,
        "features": digest,
        "chosen_on": "the tested subjects: the best row is no estimate of its own figure",
        "chance": level_alone(result.chance),
        "ci_note": result.ci_note,
        "rows": [row.as_json() for row in result.rows],
    }
    page = ablation_markdown(result.rows, protocol, result.notes)
    manifest.write("ablation.md", key, page.encode())
    manifest.write("ablation.png", key, ablation_png(result.rows, protocol))
    manifest.write("ablation.json", key, json.dumps(content, indent=1).encode())

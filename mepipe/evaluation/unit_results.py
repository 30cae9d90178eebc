"""Figures of predicted action units, as results.json, as predictions.csv and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.evaluation import unit_metrics as metrics
from mepipe.evaluation.folds import FoldPrediction
from mepipe.evaluation.results import PROBABILITY, Table, join, table_csv, text
from mepipe.evaluation.unit_labels import UnitClips
from mepipe.features.splits import LabelledClips

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
KIND = "action-units"
"""What ``kind`` of results.json says; results of classes have no such key."""
FILES = ("results.json", "predictions.csv")
BORDER = 0.5
"""A unit is predicted where its probability is above this."""
COLUMNS = ("clip", "dataset", "group", "seed")


@dataclass(frozen=True)
class UnitPredictions:
    """Every prediction: ``probabilities`` is (R, N, U) for R seeds, N clips and U units."""

    labels: UnitClips
    seeds: tuple[int, ...]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Return which units were predicted (R, N, U)."""
        return self.probabilities > BORDER

    def counts(self, rows: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.int64]:
        """Return TP, FP and FN of each seed and unit, (R, U, 3), of the chosen clips."""
        return metrics.unit_counts(self.labels.has[rows], self.predicted[:, rows])


def join_units(labels: UnitClips, predictions: Sequence[FoldPrediction]) -> UnitPredictions:
    """Return the predictions of all folds and seeds, joined by clip id; errors as `join`."""
    clips = labels.clips
    outputs = LabelledClips(clips.clip, clips.dataset, clips.group, clips.y, labels.names)
    joined = join(outputs, predictions)
    return UnitPredictions(labels, joined.seeds, joined.probabilities)


def unit_results(
    predictions: UnitPredictions, *, model: str, protocol: str, elapsed_s: float
) -> dict[str, Any]:
    """Return the content of results.json.

    Figures are means over the seeds of figures from counts pooled over the folds; ``tp``,
    ``fp`` and ``fn`` are summed over the seeds. ``ci`` is the 95 % interval of ``mean_f1``
    over resampled subjects, None where these are too few, ``ci_note`` what is to be said of it.
    """
    labels, counts = predictions.labels, predictions.counts()
    clips = labels.clips
    groups, datasets = np.array(clips.group), np.array(clips.dataset)
    people = sorted(set(clips.group))
    interval, note = metrics.unit_bootstrap(
        np.stack([predictions.counts(groups == person) for person in people])
    )
    f1, always = metrics.binary_f1(counts).mean(axis=0), metrics.always_f1(labels.has)
    totals = counts.sum(axis=0)
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "mean_f1": float(f1.mean()),
        "ci": None if interval is None else list(interval),
        "ci_note": note or None,
        "per_unit": {
            name: {
                "clips": count.clips,
                "subjects": count.subjects,
                "f1": float(f1[number]),
                "f1_always": float(always[number]),
                **dict(zip(("tp", "fp", "fn"), totals[number].tolist(), strict=True)),
            }
            for number, (name, count) in enumerate(zip(labels.names, labels.counts, strict=True))
        },
        "per_dataset": {
            name: _of_dataset(predictions, datasets == name) for name in sorted(set(datasets))
        },
        "per_seed": [
            {"seed": seed, "mean_f1": float(metrics.mean_f1(one))}
            for seed, one in zip(predictions.seeds, counts, strict=True)
        ],
        "floors": {"always": {"mean_f1": float(always.mean())}},
        "model": model,
        "protocol": protocol,
        "elapsed_s": round(elapsed_s, 3),
        "clips": len(clips),
        "subjects": len(people),
        "units": list(labels.units),
        "units_left_out": [
            {"unit": one.unit, "clips": one.clips, "subjects": one.subjects, "why": why}
            for one, why in labels.left_out
        ],
        "left_out": {
            "uncoded": len(labels.uncoded),
            "unknown_person": len(labels.unknown_person),
        },
    }


def _of_dataset(predictions: UnitPredictions, rows: NDArray[np.bool_]) -> dict[str, Any]:
    mean = float(metrics.mean_f1(predictions.counts(rows)).mean())
    present = predictions.labels.has[rows].sum(axis=0)
    return {
        "clips": int(rows.sum()),
        # JSON has no NaN.
        "mean_f1": None if np.isnan(mean) else mean,
        "absent_units": [
            unit for unit, there in zip(predictions.labels.units, present, strict=True) if not there
        ],
    }


def unit_table(predictions: UnitPredictions) -> pd.DataFrame:
    """Return a row for each seed and clip.

    ``AU4`` is 1 where the clip has the unit, ``p_AU4`` the probability that the model gives.
    """
    import pandas as pd

    labels, seeds = predictions.labels, predictions.seeds
    clips, names = labels.clips, labels.names
    facts = (
        clips.clip * len(seeds),
        clips.dataset * len(seeds),
        clips.group * len(seeds),
        np.repeat(seeds, len(clips)),
    )
    has = np.tile(labels.has.astype(np.int64), (len(seeds), 1))
    probabilities = predictions.probabilities.reshape(-1, len(names))
    return pd.DataFrame(
        {
            **dict(zip(COLUMNS, facts, strict=True)),
            **dict(zip(names, has.T, strict=True)),
            **{
                f"{PROBABILITY}{name}": column
                for name, column in zip(names, probabilities.T, strict=True)
            },
        }
    )


def unit_csv(predictions: UnitPredictions) -> str:
    """Return predictions.csv: the same text for the same predictions."""
    return table_csv(unit_table(predictions))


def unit_screen(content: Mapping[str, Any]) -> Table:
    """Return the table of the figures for the screen: the mean, each unit, with notes."""
    interval = content["ci"]
    bounds = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    floor = text(content["floors"]["always"]["mean_f1"])
    rows: list[tuple[str, ...]] = [
        ("mean", "", "", f"{text(content['mean_f1'])}{bounds}", floor, "", "", "")
    ]
    rows += [
        (
            name,
            *(str(one[key]) for key in ("clips", "subjects")),
            *(text(one[key]) for key in ("f1", "f1_always")),
            *(str(one[key]) for key in ("tp", "fp", "fn")),
        )
        for name, one in content["per_unit"].items()
    ]
    header = ("unit", "clips with it", "subjects", "F1 [95 %]", "(always)", "TP", "FP", "FN")
    return Table(header, tuple(rows), tuple(_notes(content)))


def _notes(content: Mapping[str, Any]) -> list[str]:
    notes = [content["ci_note"]] if content["ci_note"] else []
    if len(content["per_dataset"]) > 1:
        for name, one in content["per_dataset"].items():
            absent = ", ".join(map(str, one["absent_units"]))
            notes.append(
                f"{name}: mean F1 {text(one['mean_f1']) or 'undefined'} of {one['clips']} clips"
                + (f"; no clips with {absent}, which its mean leaves out" if absent else "")
            )
    useless = [
        unit
        for unit, one in content["per_unit"].items()
        if one["f1"] is not None and one["f1"] <= one["f1_always"]
    ]
    if useless:
        notes.append(f"not above answering the unit for every clip: {', '.join(useless)}")
    by_reason: dict[str, list[str]] = {}
    for one in content["units_left_out"]:
        by_reason.setdefault(one["why"], []).append(f"{one['unit']} ({one['clips']})")
    notes += [
        f"units left out, with their clips: {', '.join(units)}: {why}"
        for why, units in by_reason.items()
    ]
    reasons = {
        "uncoded": "without action units in the sheet (not coded, which is not none)",
        "unknown_person": "of an unknown person",
    }
    notes += [
        f"{content['left_out'][key]} clip(s) {reason} were left out"
        for key, reason in reasons.items()
        if content["left_out"][key]
    ]
    return notes


def refuse_units(content: Mapping[str, Any], place: Path) -> None:
    """Raise UsageError if results are those of action units where classes are needed."""
    if content.get("kind") == KIND:
        raise UsageError(
            f"{place} holds the results of action units, and classes are needed here",
            "Give a folder of `mepipe evaluate` without --units.",
        )


@dataclass(frozen=True, repr=False)
class UnitResult:
    """The figures and predictions of an evaluation of action units.

    Parameters
    ----------
    content
        Everything that results.json holds (``docs/reference/json.md``).
    pooled
        Every prediction, as arrays.
    computed, reused
        Folds that were trained for this result, and folds found in the cache.
    about
        The model in a line.
    out
        The folder that the files were written to; None if none were.
    """

    content: Mapping[str, Any]
    pooled: UnitPredictions
    computed: int
    reused: int
    about: str = ""
    out: Path | None = None

    def __repr__(self) -> str:
        content = self.content
        return (
            f"<UnitResult {content['model']}, {content['protocol']}: mean F1 {self.mean_f1:.3f} of "
            f"{len(content['units'])} units, {content['clips']} clips of {content['subjects']} "
            "subjects>"
        )

    @property
    def mean_f1(self) -> float:
        """The mean over units of the binary F1, 0 to 1."""
        return float(self.content["mean_f1"])

    @property
    def ci(self) -> tuple[float, float] | None:
        """The 95 % interval of ``mean_f1`` over resampled subjects; None where they are too few."""
        interval = self.content["ci"]
        return None if interval is None else (float(interval[0]), float(interval[1]))

    @property
    def per_unit(self) -> Mapping[str, Mapping[str, Any]]:
        """By unit (``AU4``): clips and subjects with it, F1, TP, FP, FN (summed over seeds)."""
        return dict(self.content["per_unit"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """``per_unit`` as a DataFrame, a row a unit."""
        import pandas as pd

        return pd.DataFrame.from_dict(dict(self.per_unit), orient="index")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each clip and seed, with the columns of predictions.csv."""
        return unit_table(self.pooled)

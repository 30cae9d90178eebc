"""Figures of predictions, as results.json, as predictions.csv and as the printed table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.datasets.csv_tables import csv_text
from mepipe.evaluation import metrics
from mepipe.evaluation.chance_level import CHANCE_ROWS, not_above
from mepipe.evaluation.folds import FoldPrediction
from mepipe.features.splits import LabelledClips, LeftOut

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1

# The columns of predictions.csv, and how those of the classes begin.
COLUMNS = ("clip", "dataset", "group", "seed", "y", "label", "predicted", "predicted_label")
PROBABILITY = "p_"


@dataclass(frozen=True)
class Predictions:
    """Every prediction of an evaluation: ``probabilities`` is (R, N, K) for R seeds and N clips."""

    clips: LabelledClips
    seeds: tuple[int, ...]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Return the predicted classes (R, N); of equal probabilities the first."""
        predicted: NDArray[np.int64] = np.argmax(self.probabilities, axis=2)
        return predicted

    def most_predicted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for each clip the class that most seeds predicted, and how many did (N,).

        Of equally frequent classes it is the first, so that no order of the seeds matters.
        """
        classes = len(self.clips.classes)
        counts = np.stack([(self.predicted == one).sum(axis=0) for one in range(classes)])
        return np.argmax(counts, axis=0).astype(np.int64), counts.max(axis=0).astype(np.int64)

    def confusion_of_clips(self) -> NDArray[np.int64]:
        """Return the confusion matrix (K, K) in which each clip counts once."""
        voted, _ = self.most_predicted()
        return np.asarray(metrics.confusion(self.clips.y, voted, len(self.clips.classes)), np.int64)

    def confusions(self, rows: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.int64]:
        """Return one confusion matrix a seed, (R, K, K), of the chosen clips."""
        classes = len(self.clips.classes)
        return np.stack(
            [
                metrics.confusion(self.clips.y[rows], predicted[rows], classes)
                for predicted in self.predicted
            ]
        )


def join(clips: LabelledClips, predictions: Sequence[FoldPrediction]) -> Predictions:
    """Return the predictions of all folds and seeds, joined by clip id.

    Raises
    ------
    ValueError
        Unless every clip was predicted exactly once per seed.
    """
    # Rows of the features file may come in any order, and folds are done in any order: only
    # the clip id says which prediction is whose.
    seeds = tuple(sorted({prediction.seed for prediction in predictions}))
    row = {clip: number for number, clip in enumerate(clips.clip)}
    run = {seed: number for number, seed in enumerate(seeds)}
    table = np.full((len(seeds), len(clips), len(clips.classes)), np.nan, dtype=np.float32)
    for prediction in predictions:
        for clip, probabilities in zip(prediction.clip, prediction.probabilities, strict=True):
            place = table[run[prediction.seed], row[clip]]
            if not np.isnan(place).all():
                raise ValueError(f"the clip {clip} was predicted twice, seed {prediction.seed}")
            place[:] = probabilities
    if np.isnan(table).any():
        number, missing = np.argwhere(np.isnan(table))[0, :2]
        raise ValueError(f"no prediction of {clips.clip[missing]}, seed {seeds[number]}")
    return Predictions(clips, seeds, table)


def results(
    predictions: Predictions,
    *,
    model: str,
    protocol: str,
    elapsed_s: float,
    left_out: LeftOut | None = None,
) -> dict[str, Any]:
    """Return the content of results.json.

    Figures are means over the seeds of figures from pooled counts. ``ci`` holds
    95 % intervals over resampled subjects, None where these are too few, and
    ``ci_note`` what is to be said of them. ``confusion`` is summed over the seeds.
    """
    clips = predictions.clips
    confusions = predictions.confusions()
    left_out = left_out or LeftOut()
    return {
        "schema": SCHEMA,
        **pooled_figures(predictions),
        "per_seed": [
            {"seed": seed, **_figures(one[None])}
            for seed, one in zip(predictions.seeds, confusions, strict=True)
        ],
        "floors": {"largest class": _figures(metrics.largest_class(confusions[0])[None])},
        "model": model,
        "protocol": protocol,
        "elapsed_s": round(elapsed_s, 3),
        "clips": len(clips),
        "subjects": len(set(clips.group)),
        "classes": list(clips.classes),
        "confusion": confusions.sum(axis=0).tolist(),
        "left_out": {
            "unlabelled": len(left_out.unlabelled),
            "unknown_person": len(left_out.unknown_person),
        },
    }


def pooled_figures(predictions: Predictions) -> dict[str, Any]:
    """Return UF1, UAR and accuracy with intervals, by dataset and by class, as plain values."""
    clips, confusions = predictions.clips, predictions.confusions()
    interval = metrics.subject_bootstrap(subject_confusions(predictions))
    datasets = np.array(clips.dataset)
    f1, recall = metrics.class_f1(confusions), metrics.class_recall(confusions)
    precision = np.nan_to_num(metrics.class_precision(confusions))
    truth = confusions[0].sum(axis=1)
    return {
        **_figures(confusions),
        "ci": {
            name: None if bounds is None else list(bounds)
            for name, bounds in (("uf1", interval.uf1), ("uar", interval.uar))
        },
        "ci_note": interval.note or None,
        "per_dataset": {
            name: _of_dataset(predictions, datasets == name) for name in sorted(set(clips.dataset))
        },
        "per_class": {
            name: {
                "clips": int(truth[number]),
                "f1": _mean(f1[:, number]),
                "recall": _mean(recall[:, number]),
                "precision": _mean(precision[:, number]) if truth[number] else None,
            }
            for number, name in enumerate(clips.classes)
        },
    }


def subject_confusions(predictions: Predictions) -> NDArray[np.int64]:
    """Return the confusion matrix of each subject and seed (G, R, K, K), subjects sorted."""
    # By the person and not by the dataset's subject: one person may be in several collections.
    groups = np.array(predictions.clips.group)
    return np.stack([predictions.confusions(groups == group) for group in sorted(set(groups))])


def _figures(confusions: NDArray[np.int64]) -> dict[str, float | None]:
    return {
        "uf1": _mean(metrics.uf1(confusions)),
        "uar": _mean(metrics.uar(confusions)),
        "accuracy": _mean(metrics.accuracy(confusions)),
    }


def _of_dataset(predictions: Predictions, rows: NDArray[np.bool_]) -> dict[str, Any]:
    confusions = predictions.confusions(rows)
    return {
        "clips": int(rows.sum()),
        **_figures(confusions),
        # No mean of this dataset includes these: it has no such clip.
        "absent_classes": list(metrics.absent(confusions[0], predictions.clips.classes)),
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    """Return the mean over seeds, None where it is undefined (JSON has no NaN)."""
    value = float(np.mean(values))
    return None if np.isnan(value) else value


def predictions_table(predictions: Predictions) -> pd.DataFrame:
    """Return a row for each seed and clip, with the columns of predictions.csv."""
    import pandas as pd

    clips, seeds = predictions.clips, predictions.seeds
    names = np.array(clips.classes, dtype=object)
    y, predicted = np.tile(clips.y, len(seeds)), predictions.predicted.ravel()
    facts = {
        "clip": clips.clip * len(seeds),
        "dataset": clips.dataset * len(seeds),
        "group": clips.group * len(seeds),
        "seed": np.repeat(seeds, len(clips)),
        "y": y,
        "label": names[y],
        "predicted": predicted,
        "predicted_label": names[predicted],
    }
    columns = predictions.probabilities.reshape(-1, len(names)).T
    probabilities = {
        f"{PROBABILITY}{name}": column for name, column in zip(names, columns, strict=True)
    }
    return pd.DataFrame({**facts, **probabilities})


def predictions_csv(predictions: Predictions) -> str:
    """Return predictions.csv: a row per clip and seed, the same text for the same predictions."""
    return table_csv(predictions_table(predictions))


def table_csv(table: pd.DataFrame) -> str:
    """Return a table of predictions as .csv; floats have six digits."""
    names = [str(name) for name in table.columns]
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    return csv_text(names, rows, floats=".6f")


@dataclass(frozen=True)
class Table:
    """A table for the screen: text only."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def screen_table(content: Mapping[str, Any]) -> Table:
    """Return the table of `results`' figures: all, each dataset, the floors; with notes."""
    interval = content["ci"]
    rows: list[tuple[str, ...]] = [
        (
            "all",
            str(content["clips"]),
            with_interval(content["uf1"], interval["uf1"]),
            with_interval(content["uar"], interval["uar"]),
            text(content["accuracy"]),
        )
    ]
    if len(content["per_dataset"]) > 1:
        rows += [_row(name, one) for name, one in content["per_dataset"].items()]
    rows += [_row(f"({name})", one, content) for name, one in content["floors"].items()]
    notes = []
    # Results of an earlier version have neither.
    if content.get("chance"):
        rows += [
            _row(name, {key: content["chance"][key][level] for key in ("uf1", "uar")}, content)
            for name, level in CHANCE_ROWS.items()
        ]
        notes += not_above(content)
    if content.get("ci_note"):
        notes.append(content["ci_note"])
    notes += [
        f"{name}: no clips of {', '.join(one['absent_classes'])}; its means leave that out"
        for name, one in content["per_dataset"].items()
        if one["absent_classes"]
    ]
    reasons = {
        "unlabelled": "without a class (unlabelled, or outside the classes)",
        "unknown_person": "of an unknown person",
    }
    notes += [
        f"{content['left_out'][key]} clip(s) {reason} were left out"
        for key, reason in reasons.items()
        if content["left_out"][key]
    ]
    return Table(("", "clips", "UF1 [95 %]", "UAR [95 %]", "accuracy"), tuple(rows), tuple(notes))


def _row(
    name: str, figures: Mapping[str, Any], whole: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    clips = str((whole or figures)["clips"])
    return (name, clips, *(text(figures.get(key)) for key in ("uf1", "uar", "accuracy")))


def with_interval(value: float | None, bounds: Sequence[float] | None) -> str:
    """Return a figure and its 95 % interval, if there is one, as tables show them."""
    # Two digits: the bounds themselves are no more certain than that.
    return text(value) + ("" if bounds is None else f" [{bounds[0]:.2f}, {bounds[1]:.2f}]")


def text(value: float | None) -> str:
    """Return a figure as tables show it; empty where it is undefined."""
    return "" if value is None else f"{value:.3f}"

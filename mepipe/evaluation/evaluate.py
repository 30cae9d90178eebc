"""From a features file to results: the same way for a run, an evaluation and an ablation."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mepipe.cache.keys import Json, object_key
from mepipe.cache.manifest import Manifest
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import UsageError
from mepipe.evaluation.batched_folds import is_batched
from mepipe.evaluation.chance_level import chance_content, chance_level
from mepipe.evaluation.evaluation_result import EvaluationResult
from mepipe.evaluation.fold_cache import VERSION, Source, train_folds
from mepipe.evaluation.folds import FoldJob, fold_jobs
from mepipe.evaluation.model_settings import (
    check_map,
    model_of,
    needs_recentring,
    training_of,
    trains_network,
    tuning_grid,
)
from mepipe.evaluation.starting_weights import Start
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.features.protocols import protocol_notes
from mepipe.features.splits import LabelledClips, LeftOut, select_clips
from mepipe.networks.registry import code_digest
from mepipe.plausible import one_class_each, one_class_text
from mepipe.schema import protocol_words

CONTENT = 2
"""Raised when results.json says more than before: it is then written again, from stored folds."""


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated and how: with the features, all that decides the results.

    Parameters
    ----------
    model, train
        The settings.
    protocol
        A key of `mepipe.schema.PROTOCOLS`.
    k
        Folds of kfold.
    select
        ``COLUMN=VALUE[,VALUE...]`` conditions; all must hold.
    tune
        Choose settings on inner splits of each fold's training persons.
    device
        As the user gave it.
    """

    model: ModelSettings
    train: TrainSettings
    protocol: str = "loso"
    k: int = 10
    select: tuple[str, ...] = ()
    tune: bool = False
    device: str = "auto"

    def key(self, digest: str) -> str:
        """Return the key of the results for the features with that digest."""
        parts: dict[str, Json] = {
            "content": CONTENT,
            "features": digest,
            "model": model_of(self.model),
            "code": code_digest(self.model.name),
            "recentre": self.model.recentre,
            # Of the weights that all start from, their digest counts and not their place.
            "train": training_of(self.train, leave_out={"init"}),
            "protocol": self.protocol,
            "k": self.k,
            "select": list(self.select),
            "tune": self.tune,
            "device": self.device,
        }
        start = Start.of(self.train)
        if start is not None:
            parts["start"] = start.sha256
        if self.model.map != "x":
            parts["map"] = self.model.map
        return object_key("results", VERSION, parts)


@dataclass(frozen=True)
class Jobs:
    """The folds to train, the clips they evaluate, and those they leave out."""

    jobs: Sequence[FoldJob]
    clips: LabelledClips
    left_out: LeftOut


def labelled(features: Features, select: Sequence[str]) -> LabelledClips:
    """Return the clips for which every condition of ``select`` holds; errors as `select_clips`."""
    clips = LabelledClips.of(features)
    columns = {name: values.tolist() for name, values in features.columns.items()}
    return select_clips(clips, columns, select) if select else clips


def jobs_of(features: Features, evaluation: Evaluation, clips: LabelledClips | None = None) -> Jobs:
    """Return the folds to train, of these clips or of those selected; imports no torch.

    Raises
    ------
    UsageError
        If the clips do not allow the protocol, settings do not fit the model, or the features
        do not have the map that it reads.
    """
    check_map(evaluation.model, features)
    clips = labelled(features, evaluation.select) if clips is None else clips
    model, train = model_of(evaluation.model), evaluation.train
    candidates = tuning_grid(evaluation.model, train) if evaluation.tune else ()
    # An estimator reads no training settings, so they are not in its keys.
    training = training_of(train) if trains_network(evaluation.model.name) else {}
    start = Start.of(train)
    if start is not None:
        training = start.training_for(features, model, training, evaluation.model.map)
        start.refuse_known(clips)
        start.refuse_choices(candidates)
    classed = {clip for clip, y in zip(clips.clip, clips.y, strict=True) if y >= 0}
    check_duplicate_recordings(features, classed)
    jobs, kept, left_out = fold_jobs(
        clips,
        model=model,
        training=training,
        seeds=range(train.seed, train.seed + train.seeds),
        protocol=evaluation.protocol,
        k=evaluation.k,
        recentre=needs_recentring(evaluation.model, features),
        candidates=candidates,
        code=code_digest(evaluation.model.name),
        start=start,
        reads=evaluation.model.map,
    )
    return Jobs(jobs, kept, left_out)


def check_duplicate_recordings(features: Features, clips: set[str]) -> None:
    """Raise UsageError if one recording stands under two persons among these clips.

    It would be in the training set of the fold that tests it.
    """
    seen: dict[str, int] = {}
    columns = features.columns
    for row, digest in enumerate(columns["object"].tolist()):
        if columns["clip"][row] not in clips:
            continue
        first = seen.setdefault(digest, row)
        if columns["group"][first] != columns["group"][row]:
            raise UsageError(
                f"{columns['clip'][first]} and {columns['clip'][row]} are one recording under "
                "two persons, so no subject can be left out",
                "Give each recording once.",
            )


def one_class_notes(clips: LabelledClips) -> list[str]:
    """Return a warning for each dataset whose persons have clips of one class only."""
    by_dataset: dict[str, list[tuple[str, str]]] = {}
    for dataset, person, y in zip(clips.dataset, clips.group, clips.y, strict=True):
        by_dataset.setdefault(dataset, []).append((person, clips.classes[y]))
    found = {dataset: one_class_each(some) for dataset, some in sorted(by_dataset.items())}
    return [one_class_text(dataset, people) for dataset, people in found.items() if people]


def on_device(work: Jobs, evaluation: Evaluation) -> Jobs:
    """Return the work with its device in place, and how it is trained; an estimator has none.

    Raises
    ------
    UsageError
        If the device is not there.
    """
    if not trains_network(evaluation.model.name):
        return work
    from mepipe.evaluation.device import resolve

    device = resolve(evaluation.device)
    there = [replace(job, device=device) for job in work.jobs]
    way = evaluation.train.batched
    return replace(work, jobs=[replace(job, batched=is_batched(job, way)) for job in there])


def evaluate(
    features: Features,
    source: Source,
    evaluation: Evaluation,
    work: Jobs,
    context: Context,
    *,
    again: bool = False,
    title: str = "folds",
) -> EvaluationResult:
    """Train every fold that the cache lacks, and return the figures of all, beside chance.

    Parameters
    ----------
    features, source
        The features, and their file as it was hashed.
    evaluation, work
        What is asked, and what `jobs_of` makes of it.
    context
        How it is done. Its ``device`` is not read: the device that trains is part
        of the key of the results, and so of ``evaluation``.
    again, title
        As for `mepipe.evaluation.fold_cache.train_folds`.

    Raises
    ------
    UsageError
        If the device is not there; if training diverges.
    BadDataError
        If a clip's features are not finite.
    SystemProblemError
        As `mepipe.evaluation.fold_cache.train_folds`.
    """
    from mepipe.evaluation import results as tables

    work = on_device(work, evaluation)
    started = time.perf_counter()
    predictions, computed = train_folds(work.jobs, source, context, again=again, title=title)
    joined = tables.join(work.clips, predictions)
    start = work.jobs[0].start
    content = tables.results(
        joined,
        model=evaluation.model.name,
        protocol=evaluation.protocol,
        elapsed_s=time.perf_counter() - started,
        left_out=work.left_out,
    )
    level = chance_level(work.jobs, work.clips, features, source, context, again=again)
    content |= {
        "chance": chance_content(level, content),
        "folds": len(work.jobs),
        "notes": [
            *protocol_notes(work.clips, evaluation.protocol),
            *one_class_notes(work.clips),
            *([start.note] if start is not None else []),
        ],
        "features": source.digest,
        "shape": list(features.shape_of(work.jobs[0].reads)[1:]),
        "select": list(evaluation.select),
        "device": work.jobs[0].device,
        "settings": settings_of(work.jobs[0]),
        "k": evaluation.k if evaluation.protocol == "kfold" else None,
        "tuned": _count_choices(predictions) if evaluation.tune else None,
    }
    return EvaluationResult(content, joined, computed, len(work.jobs) - computed)


def settings_of(job: FoldJob) -> dict[str, Any]:
    """Return the settings of results: how the folds were trained."""
    return {
        "model": dict(job.model),
        "training": dict(job.training),
        "recentre": job.recentre,
        "code": job.code,
        **({} if job.start is None else {"start": job.start.sha256}),
        "map": job.reads,
    }


def _count_choices(predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """Return in how many folds each candidate was chosen, the most frequent first."""
    counts: dict[str, int] = {}
    for prediction in predictions:
        text = json.dumps(prediction.chosen or {}, sort_keys=True)
        counts[text] = counts.get(text, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"choice": json.loads(text), "folds": count} for text, count in ordered]


def write_results(manifest: Manifest, key: str, result: EvaluationResult) -> None:
    """Write results.json, predictions.csv and confusion.png, all for ``key``."""
    from mepipe.evaluation.results import predictions_csv
    from mepipe.viz.confusion import confusion_png

    content = result.content
    picture = confusion_png(
        result.pooled.confusion_of_clips(),
        content["classes"],
        uf1=content["uf1"],
        uar=content["uar"],
        name=f"{content['model']}, {protocol_words(content['protocol']).title}",
        runs=len(content["per_seed"]),
    )
    manifest.write("predictions.csv", key, predictions_csv(result.pooled).encode())
    manifest.write("confusion.png", key, picture)
    manifest.write("results.json", key, json.dumps(content, indent=1, ensure_ascii=False).encode())

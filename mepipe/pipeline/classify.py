"""The classifier stage: features.h5 to leave-one-subject-out results, fold by fold."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mepipe.cache import disk
from mepipe.cache.keys import Json, canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store
from mepipe.config.settings import Config
from mepipe.errors import DamageError, SystemProblemError, UsageError
from mepipe.evaluation.loso import FoldJob, FoldPrediction, fold_jobs
from mepipe.evaluation.splits import LabelledClips, LeftOut
from mepipe.features import Features
from mepipe.pipeline.model import Progress, RunOptions, RunReport
from mepipe.pipeline.outputs import FEATURES, RESULTS, Manifest
from mepipe.pipeline.parallel import WorkerDied, run_tasks
from mepipe.pipeline.work import libraries

STAGE = "classify"
VERSION = 1
PROTOCOL = "loso"
_LIBRARIES = ("numpy", "torch")


@dataclass(frozen=True)
class FoldTask:
    """One fold to train in any process: where the features and the cache are."""

    job: FoldJob
    key: str
    features: Path
    cache: Path


def classify_features(
    config: Config,
    options: RunOptions,
    store: Store,
    manifest: Manifest,
    report: RunReport,
    progress: Progress,
) -> None:
    """Train and evaluate leave-one-subject-out, keeping every finished fold.

    Where the labels do not allow it (one subject, one class), ``report.no_results``
    says so and earlier result files are removed: they would be of other features.
    """
    out = options.out
    digest = manifest.digest(FEATURES)
    key = _results_key(config, options, digest)
    if all(manifest.is_current(file, key) for file in RESULTS):
        data = disk.read_bytes(out / "results.json")
        report.results = json.loads(data or b"null")
        # One fold per person and seed: as many as the first run counted.
        report.reused[STAGE] += report.results["folds"] if report.results else 0
        return
    features = Features(out / FEATURES)
    clips = LabelledClips.of(features)
    try:
        _refuse_twins(features)
        # Whether there can be folds, before torch is imported to find the device.
        _jobs(config, clips, "cpu")
    except UsageError as error:
        report.no_results = str(error)
        for file in RESULTS:
            manifest.drop(file)
        return
    from mepipe.evaluation.device import resolve

    jobs, kept, left_out = _jobs(config, clips, resolve(options.device))
    started = time.perf_counter()
    predictions = _predictions(options, store, jobs, digest, report, progress)
    from mepipe.evaluation import results as tables

    joined = tables.join(kept, predictions)
    content = tables.results(
        joined,
        model=config.model.name,
        protocol=PROTOCOL,
        elapsed_s=time.perf_counter() - started,
        left_out=left_out,
    )
    content["folds"] = len(jobs)
    report.results = content
    report.seconds[STAGE] += time.perf_counter() - started
    from mepipe.report.confusion import confusion_png

    picture = confusion_png(
        np.array(content["confusion"]),
        features.classes,
        uf1=content["uf1"],
        uar=content["uar"],
        name=f"{config.model.name}, leave one subject out",
        runs=config.train.seeds,
    )
    manifest.write("predictions.csv", key, tables.predictions_csv(joined).encode())
    manifest.write("confusion.png", key, picture)
    manifest.write("results.json", key, json.dumps(content, indent=1).encode())


def count_folds(
    config: Config, options: RunOptions, store: Store, manifest: Manifest
) -> tuple[int, int]:
    """Return how many folds of the current features.h5 are to be trained, and how many are kept."""
    digest = manifest.digest(FEATURES)
    key = _results_key(config, options, digest)
    if all(manifest.is_current(file, key) for file in RESULTS):
        return 0, int(json.loads(disk.read_bytes(options.out / "results.json") or b"")["folds"])
    features = Features(options.out / FEATURES)
    clips = LabelledClips.of(features)
    try:
        _refuse_twins(features)
        _jobs(config, clips, "cpu")
    except UsageError:
        return 0, 0
    from mepipe.evaluation.device import resolve

    jobs, _, _ = _jobs(config, clips, resolve(options.device))
    listing = store.listing(STAGE)
    kept = sum(object_key(STAGE, VERSION, fold_parts(job, digest)) in listing for job in jobs)
    return len(jobs) - kept, kept


def _refuse_twins(features: Features) -> None:
    """Refuse one recording under two persons: it would be learnt before it is tested."""
    seen: dict[str, int] = {}
    columns = features.columns
    for row, digest in enumerate(columns["object"].tolist()):
        first = seen.setdefault(digest, row)
        if columns["group"][first] != columns["group"][row]:
            raise UsageError(
                f"{columns['clip'][first]} and {columns['clip'][row]} are one recording under "
                "two persons, so no subject can be left out",
                "Give each recording once.",
            )


def _results_key(config: Config, options: RunOptions, digest: str) -> str:
    parts: dict[str, Json] = {
        "features": digest,
        "model": config.model.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
        "device": options.device,
    }
    return object_key("results", VERSION, parts)


def _jobs(
    config: Config, clips: LabelledClips, device: str
) -> tuple[list[FoldJob], LabelledClips, LeftOut]:
    train = config.train
    return fold_jobs(
        clips,
        model=config.model.model_dump(mode="json", exclude={"recentre"}),
        training=train.model_dump(mode="json", exclude={"seed", "seeds"}),
        seeds=range(train.seed, train.seed + train.seeds),
        recentre=_recentre(config),
        device=device,
    )


def _recentre(config: Config) -> bool:
    choice = config.model.recentre
    return choice == "always" or (choice == "auto" and config.tensor.scale == "minmax")


def _predictions(
    options: RunOptions,
    store: Store,
    jobs: list[FoldJob],
    digest: str,
    report: RunReport,
    progress: Progress,
) -> list[FoldPrediction]:
    """Return the prediction of every job, training only those that the cache lacks."""
    listing = store.listing(STAGE)
    found: list[FoldPrediction] = []
    missing: list[FoldTask] = []
    for job in jobs:
        key = object_key(STAGE, VERSION, fold_parts(job, digest))
        known = _stored(options, store, job, listing.get(key))
        if known is not None:
            found.append(known)
        else:
            missing.append(FoldTask(job, key, options.out / FEATURES, options.cache))
    report.reused[STAGE] += len(found)
    report.computed[STAGE] += len(missing)
    # A GPU takes the folds one after the other: they would only share it.
    workers = options.jobs if not missing or missing[0].job.device == "cpu" else 1
    if missing:
        progress.begin("folds", len(missing))
    try:
        for _, answer in run_tasks(partial(_train, digest=digest), missing, workers):
            if isinstance(answer, WorkerDied):
                raise SystemProblemError(
                    f"the process that trained a fold was killed: {answer.reason}",
                    "Free some memory, or use fewer --jobs; finished folds are kept.",
                )
            found.append(answer)
            progress.advance()
    finally:
        if missing:
            progress.end()
    return found


def fold_parts(job: FoldJob, features_digest: str) -> dict[str, Any]:
    """Return all that decides a fold's prediction, for its key."""
    return {"features": features_digest, "job": job.identity()}


def _stored(
    options: RunOptions, store: Store, job: FoldJob, name: ObjectName | None
) -> FoldPrediction | None:
    if name is None:
        return None
    try:
        stored = store.read(name)
    except DamageError:
        return None
    if options.strict_versions and stored.libraries != libraries(_LIBRARIES):
        return None
    return FoldPrediction(job.fold, job.seed, job.test, stored.arrays["probabilities"])


def _train(task: FoldTask, digest: str) -> FoldPrediction:
    """Train one fold and store what it predicts."""
    import torch

    from mepipe.evaluation.loso import run_fold

    # Sums over threads depend on their number; folds are what runs in parallel.
    torch.set_num_threads(1)

    prediction = run_fold(task.job, Features(task.features))
    # JSON gives lists for tuples; the stored parts are what the key was made of.
    parts = json.loads(canonical(fold_parts(task.job, digest)))
    Store(task.cache).write(
        StoredObject(
            STAGE,
            VERSION,
            task.key,
            parts,
            {"clips": list(prediction.clip)},
            {"probabilities": prediction.probabilities},
            None,
            libraries(_LIBRARIES),
        )
    )
    return prediction

"""The classifier stage of a run: features.h5 to leave-one-subject-out results."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mepipe.cache import disk
from mepipe.cache.manifest import FEATURES, RESULTS, Manifest
from mepipe.config.settings import Config
from mepipe.errors import UsageError
from mepipe.evaluation.evaluate import (
    Evaluation,
    evaluate,
    jobs_of,
    on_device,
    write_results,
)
from mepipe.evaluation.fold_cache import STAGE, Source, count_cached
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.pipeline.run_result import RunResult


def classify_features(
    config: Config, context: Context, out: Path, manifest: Manifest, result: RunResult
) -> None:
    """Train and evaluate leave-one-subject-out, keeping every finished fold.

    Where the labels do not allow it (one subject, one class), ``result.no_results``
    says so and earlier result files are removed: they would be of other features.
    """
    digest = manifest.digest(FEATURES)
    evaluation = _evaluation(config, context)
    key = evaluation.key(digest)
    if all(manifest.is_current(file, key) for file in RESULTS):
        data = disk.read_bytes(out / "results.json")
        result.results = json.loads(data or b"null")
        # One fold per person and seed: as many as the first run counted.
        result.reused[STAGE] += result.results["folds"] if result.results else 0
        return
    features = Features(out / FEATURES)
    try:
        work = jobs_of(features, evaluation)
    except UsageError as error:
        result.no_results = str(error)
        for file in RESULTS:
            manifest.drop(file)
        return
    started = time.perf_counter()
    evaluated = evaluate(
        features,
        Source(features.path, digest, manifest.stat(FEATURES)),
        evaluation,
        work,
        context,
    )
    result.computed[STAGE] += evaluated.computed
    result.reused[STAGE] += evaluated.reused
    result.results = evaluated.content
    result.seconds[STAGE] += time.perf_counter() - started
    write_results(manifest, key, evaluated)


def count_folds(config: Config, context: Context, out: Path) -> tuple[int, int]:
    """Return how many folds of the current features.h5 are to be trained, and how many are kept."""
    manifest = Manifest(out)
    digest = manifest.digest(FEATURES)
    evaluation = _evaluation(config, context)
    key = evaluation.key(digest)
    if all(manifest.is_current(file, key) for file in RESULTS):
        return 0, int(json.loads(disk.read_bytes(out / "results.json") or b"")["folds"])
    features = Features(out / FEATURES)
    try:
        work = jobs_of(features, evaluation)
    except UsageError:
        return 0, 0
    jobs = on_device(work, evaluation).jobs
    there = count_cached(jobs, digest, context.store)
    return len(jobs) - there, there


def _evaluation(config: Config, context: Context) -> Evaluation:
    """Return what a run evaluates."""
    return Evaluation(config.model, config.train, device=context.device)

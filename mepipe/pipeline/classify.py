"""The classifier step of a run: from features.h5 to leave-one-subject-out results."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from mepipe.evaluation.results_file import SHOWN, parsed_results
from mepipe.execution.cluster_start import RefusedError
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.pipeline.run_result import RunResult

_LOG = logging.getLogger("mepipe")
_COUNTED = ("folds", "notes")  # since the first results that have the key of today's


def classify_features(
    config: Config, context: Context, out: Path, manifest: Manifest, result: RunResult
) -> None:
    """Train and evaluate leave-one-subject-out. Every finished fold is cached.

    With a cluster, the folds are trained there, if its workers see the features.

    If the labels do not allow it (one subject, one class), ``result.no_results`` gives the
    reason. Earlier result files are then removed, because they belong to other features.
    """
    digest = manifest.digest(FEATURES)
    evaluation = _evaluation(config, context)
    key = evaluation.key(digest)
    kept = _kept_results(out, manifest, key)
    if kept is not None:
        result.results = kept
        # One fold per person and seed, as the run that wrote the results counted them.
        result.reused[STAGE] += kept["folds"]
        return
    features = Features(out / FEATURES)
    try:
        work = jobs_of(features, evaluation)
    except UsageError as error:
        # The features are still valid, so too few subjects or classes do not end the run.
        result.no_results = str(error)
        manifest.set_aside(RESULTS)
        return
    started = time.perf_counter()
    source = Source(features.path, digest, manifest.stat(FEATURES))
    here = replace(context, scheduler=None)
    # A cluster trains on CPUs, and a GPU of this machine is faster.
    far = on_device(work, evaluation).jobs[0].device == "cpu"
    try:
        evaluated = evaluate(features, source, evaluation, work, context if far else here)
    except RefusedError as error:
        # The clips are done, and the folder of the output need not be shared.
        _LOG.warning("the folds are trained on this machine: %s", error.message)
        evaluated = evaluate(features, source, evaluation, work, here)
    result.computed[STAGE] += evaluated.computed
    result.reused[STAGE] += evaluated.reused
    result.results = evaluated.content
    result.seconds[STAGE] += time.perf_counter() - started
    write_results(manifest, key, evaluated)
    manifest.drop_earlier((FEATURES, *RESULTS))


def count_folds(config: Config, context: Context, out: Path) -> tuple[int, int]:
    """Return how many folds of the current features.h5 are to train, and how many are cached."""
    manifest = Manifest(out)
    digest = manifest.digest(FEATURES)
    evaluation = _evaluation(config, context)
    key = evaluation.key(digest)
    kept = _kept_results(out, manifest, key)
    if kept is not None:
        return 0, int(kept["folds"])
    features = Features(out / FEATURES)
    try:
        work = jobs_of(features, evaluation)
    except UsageError:
        return 0, 0
    jobs = on_device(work, evaluation).jobs
    # The device is part of a fold's key: it decides the last bits of the weights.
    there = count_cached(jobs, digest, context.store)
    return len(jobs) - there, there


def _kept_results(out: Path, manifest: Manifest, key: str) -> Mapping[str, Any] | None:
    """Return the results in the folder if they are current and as they were written, else None."""
    found = {file: manifest.read_if_current(file, key) for file in RESULTS}
    if None in found.values():
        return None
    try:
        return parsed_results(out / RESULTS[0], found[RESULTS[0]] or b"", (*SHOWN, *_COUNTED))
    except UsageError:
        return None  # edited, and its digest with it: evaluated again


def _evaluation(config: Config, context: Context) -> Evaluation:
    """Return the evaluation that a run makes."""
    return Evaluation(config.model, config.train, device=context.device)

"""Training folds over worker processes, keeping each that is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mepipe.cache.keys import canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store
from mepipe.errors import DamageError, SystemProblemError, UsageError
from mepipe.evaluation.folds import FoldJob, FoldPrediction
from mepipe.features import Features
from mepipe.pipeline.model import Progress
from mepipe.pipeline.parallel import WorkerDied, run_tasks
from mepipe.pipeline.work import libraries

STAGE = "classify"
VERSION = 2
_LIBRARIES = ("numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class FoldTask:
    """One fold to train in any process: where the features and the cache are."""

    job: FoldJob
    key: str
    features: Path
    stat: tuple[int, int]
    cache: Path


def trained(
    jobs: Sequence[FoldJob],
    features: Path,
    digest: str,
    *,
    store: Store,
    workers: int,
    progress: Progress,
    strict_versions: bool = False,
    again: bool = False,
    title: str = "folds",
) -> tuple[list[FoldPrediction], int]:
    """Return the prediction of every job, and how many had to be trained.

    Parameters
    ----------
    jobs
        The folds.
    features, digest
        The features file and its sha256.
    store
        Where finished folds are kept.
    workers
        Processes; a GPU takes the folds one after the other.
    strict_versions
        Train again what other library versions trained.
    again
        Train everything again.
    title
        What the progress is called.

    Raises
    ------
    SystemProblemError
        If a worker was killed, or a fold cannot be stored; finished folds are kept.
    """
    stat = _stat(features)
    if file_digest(features) != digest:
        raise _changed(features)
    listing = store.listing(STAGE)
    found: list[FoldPrediction] = []
    missing: list[FoldTask] = []
    for job in jobs:
        key = fold_key(job, digest)
        name = None if again else listing.get(key)
        known = _stored(store, job, name, strict_versions=strict_versions)
        if known is not None:
            found.append(known)
        else:
            missing.append(FoldTask(job, key, features, stat, store.root))
    if not missing:
        return found, 0
    # A GPU takes the folds one after the other: they would only share it.
    workers = workers if missing[0].job.device == "cpu" else 1
    progress.begin(title, len(missing))
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
        progress.end()
    return found, len(missing)


def kept(jobs: Sequence[FoldJob], digest: str, store: Store) -> int:
    """Return how many of the jobs the cache holds already."""
    listing = store.listing(STAGE)
    return sum(fold_key(job, digest) in listing for job in jobs)


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "`mepipe run DATASET` writes features.h5.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _changed(path: Path) -> SystemProblemError:
    return SystemProblemError(
        f"{path} changed while it was evaluated", "Run the same command again."
    )


def fold_parts(job: FoldJob, features_digest: str) -> dict[str, Any]:
    """Return all that decides a fold's prediction, for its key."""
    return {"features": features_digest, "job": job.identity()}


def fold_key(job: FoldJob, features_digest: str) -> str:
    """Return the key of a fold's prediction."""
    return object_key(STAGE, VERSION, fold_parts(job, features_digest))


def _stored(
    store: Store, job: FoldJob, name: ObjectName | None, *, strict_versions: bool
) -> FoldPrediction | None:
    if name is None:
        return None
    try:
        stored = store.read(name)
    except DamageError:
        return None
    if strict_versions and stored.libraries != libraries(_LIBRARIES):
        return None
    return FoldPrediction(
        job.fold, job.seed, job.test, stored.arrays["probabilities"], stored.values["chosen"]
    )


def _train(task: FoldTask, digest: str) -> FoldPrediction:
    """Train one fold and store what it predicts."""
    from mepipe.evaluation.folds import run_fold

    prediction = run_fold(task.job, Features(task.features))
    if _stat(task.features) != task.stat:
        raise _changed(task.features)
    # JSON gives lists for tuples; the stored parts are what the key was made of.
    parts = json.loads(canonical(fold_parts(task.job, digest)))
    Store(task.cache).write(
        StoredObject(
            STAGE,
            VERSION,
            task.key,
            parts,
            {"clips": list(prediction.clip), "chosen": prediction.chosen},
            {"probabilities": prediction.probabilities},
            None,
            libraries(_LIBRARIES),
        )
    )
    return prediction

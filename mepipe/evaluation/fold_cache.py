"""Train folds in worker processes or on a cluster; each finished fold is stored in the cache."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mepipe.cache.keys import canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store
from mepipe.errors import DamageError, SystemProblemError, UsageError
from mepipe.evaluation.batched_folds import batches_of, run_batched
from mepipe.evaluation.folds import FoldJob, FoldPrediction
from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied
from mepipe.execution.runner import task_runner
from mepipe.features import Features
from mepipe.features.file import refuse_no_file
from mepipe.networks.registry import is_own
from mepipe.versions import libraries

STAGE = "classify"
VERSION = 2
ARRAYS = {"probabilities": ("f4", 2)}
_LIBRARIES = ("numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Source:
    """A features file as it was when it was hashed: sha256, size and time stamp (ns)."""

    path: Path
    digest: str
    stat: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> Source:
        """Hash the file at ``path``.

        Raises
        ------
        UsageError
            If there is no such file.
        """
        refuse_no_file(path)
        stat = _stat(path)
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest(), stat)

    def refuse_changed(self) -> None:
        """Raise SystemProblemError if it is another file by now."""
        if _stat(self.path) != self.stat:
            raise SystemProblemError(
                f"{self.path} changed while it was evaluated", "Run the same command again."
            )


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@dataclass(frozen=True)
class FoldTask:
    """One fold to train in any process: where the features and the cache are."""

    job: FoldJob
    key: str
    features: Source
    cache: Path
    modules: str = ""
    """A folder where a user's own model may be; empty: the process knows it."""

    def anywhere(self) -> FoldTask:
        """Return the task for a process in any folder, of any machine that sees the same paths."""
        start = self.job.start
        if start is not None:
            start = replace(start, path=start.path.absolute())
        return FoldTask(
            replace(self.job, start=start),
            self.key,
            replace(self.features, path=self.features.path.absolute()),
            self.cache.absolute(),
            str(Path.cwd()) if is_own(str(self.job.model["name"])) else "",
        )

    def start_file(self) -> list[Path]:
        """Return the file of the weights that training starts from, if there is one."""
        return [] if self.job.start is None else [self.job.start.path]


def train_folds(
    jobs: Sequence[FoldJob],
    features: Source,
    context: Context,
    *,
    again: bool = False,
    title: str = "folds",
) -> tuple[list[FoldPrediction], int]:
    """Return the prediction of every job, and how many folds were trained for it.

    Parameters
    ----------
    jobs
        The folds.
    features
        The features file.
    context
        How many processes train, and where finished folds are stored.
    again
        Train every fold again, also the stored ones.
    title
        The title of the progress bar.

    Raises
    ------
    SystemProblemError
        If a worker was killed, the features file changed, or a fold cannot be
        stored. Finished folds stay stored.
    """
    features.refuse_changed()
    store = context.store
    listing = store.listing(STAGE)
    found: list[FoldPrediction] = []
    missing: list[FoldTask] = []
    for job in jobs:
        key = fold_key(job, features.digest)
        name = None if again else listing.get(key)
        known = _stored(store, job, name, strict_versions=context.strict_versions)
        if known is not None:
            found.append(known)
        else:
            missing.append(FoldTask(job, key, features, store.root))
    if not missing:
        return found, 0
    context.progress.begin(title, len(missing))
    try:
        for prediction in _trained(missing, context):
            found.append(prediction)
            context.progress.advance()
    finally:
        context.progress.end()
    return found, len(missing)


def _trained(tasks: Sequence[FoldTask], context: Context) -> Iterator[FoldPrediction]:
    """Train the folds, in batches or one by one, and yield each that is finished and stored."""
    far = context.scheduler is not None
    device = tasks[0].job.device
    if far and device != "cpu":
        raise UsageError(
            f"folds on a Dask cluster are trained on CPUs, and the device is {device}",
            "Add --device cpu, or leave --backend dask out.",
        )
    if far:
        tasks = [task.anywhere() for task in tasks]
    together = {(task.job.fold, task.job.seed): task for task in tasks if task.job.batched}
    units = [[task] for task in tasks if not task.job.batched]
    # On a GPU the folds are trained one after the other: in parallel they would only share it.
    context = context if device == "cpu" else replace(context, jobs=1)
    for some in batches_of([task.job for task in together.values()]):
        unit = [together[job.fold, job.seed] for job in some]
        if far or context.jobs > 1:
            units.append(unit)
        else:  # here each fold is seen as soon as it is stored
            yield from _train_batch(unit)
    if not units:
        return
    seen = [tasks[0].features.path, *tasks[0].start_file()]
    with task_runner(context, seen, _LIBRARIES) as run:
        for _, answer in run(_train, units):
            if isinstance(answer, WorkerDied):
                raise SystemProblemError(
                    f"the process that trained a fold was killed: {answer.reason}",
                    answer.remedy
                    or "Free some memory, or use fewer --jobs; finished folds are kept.",
                )
            yield from answer


def count_cached(jobs: Sequence[FoldJob], digest: str, store: Store) -> int:
    """Return how many of the jobs have a stored prediction."""
    listing = store.listing(STAGE)
    return sum(fold_key(job, digest) in listing for job in jobs)


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
        stored = store.read(name, ARRAYS)
    except DamageError:
        return None  # trained again, like one that is not there
    if strict_versions and stored.libraries != libraries(_LIBRARIES):
        return None
    found, chosen = stored.arrays.get("probabilities"), stored.values.get("chosen")
    if (
        found is None
        or found.shape != (len(job.test), job.classes)
        or not np.isfinite(found).all()
        or not isinstance(chosen, dict | None)
    ):
        return None  # whoever wrote it: no fold of these clips was predicted so
    return FoldPrediction(job.fold, job.seed, job.test, found, chosen)


def _train(unit: Sequence[FoldTask]) -> list[FoldPrediction]:
    """Train a fold, or those of a batch, and store what they predict."""
    from mepipe.evaluation.folds import run_fold

    here = unit[0].modules
    if here and here not in sys.path:
        sys.path.append(here)  # last: a file of the user's hides nothing
    if unit[0].job.batched:
        return list(_train_batch(unit))
    (task,) = unit
    return [_store(task, run_fold(task.job, Features(task.features.path)))]


def _train_batch(unit: Sequence[FoldTask]) -> Iterator[FoldPrediction]:
    """Train the folds of a batch; each is stored as soon as it is finished."""
    task_of = {(task.job.fold, task.job.seed): task for task in unit}
    features = Features(unit[0].features.path)
    for prediction in run_batched([task.job for task in unit], features):
        yield _store(task_of[prediction.fold, prediction.seed], prediction)


def _store(task: FoldTask, prediction: FoldPrediction) -> FoldPrediction:
    task.features.refuse_changed()
    # The key is made of JSON, which knows lists and no tuples: the stored parts are those.
    parts = json.loads(canonical(fold_parts(task.job, task.features.digest)))
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

"""Folds whose networks are trained as one batch: all folds, seeds and members together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import SystemProblemError
from mepipe.evaluation.folds import (
    FoldJob,
    FoldPrediction,
    features_for,
    finished,
    rows_of,
    training_seed,
)
from mepipe.evaluation.network_training import steps_of
from mepipe.networks.registry import MODELS, is_own

if TYPE_CHECKING:
    from mepipe.evaluation.batched_training import Lot
    from mepipe.features import Features

_LOG = logging.getLogger("mepipe")

CPU_NETWORKS = 8
"""Networks of a batch on a CPU, where more are no faster and only take memory."""

DEVICES = ("cpu", "cuda")


def is_batched(job: FoldJob, way: str) -> bool:
    """Return True if the networks of a job are trained in a batch.

    Parameters
    ----------
    job
        Its ``device`` is resolved.
    way
        The setting ``train.batched``. "auto": on a GPU; on a CPU a batch is no faster
        (docs/evaluation.md has the times).

    Your own models, estimators, jobs that choose among candidates or learn action units, and
    those with a step of one clip are trained fold by fold in any case.
    """
    name = str(job.model["name"])
    if way == "never" or (way == "auto" and job.device == "cpu"):
        return False
    if is_own(name) or MODELS[name].kind != "network" or job.candidates or job.units:
        return False
    return job.device in DEVICES and len(job.train) // steps_of(len(job.train), job.training) > 1


def batches_of(jobs: Sequence[FoldJob]) -> list[list[FoldJob]]:
    """Return the jobs that one process trains together: all on a GPU, `CPU_NETWORKS` on a CPU.

    On a GPU memory alone decides how many networks are trained at once (`run_batched`).
    """
    if not jobs or jobs[0].device != "cpu":
        return [list(jobs)] if jobs else []
    most = max(1, CPU_NETWORKS // _members(jobs[0]))
    return [
        some[start : start + most]
        for some in _with_equal_steps(jobs)
        for start in range(0, len(some), most)
    ]


def run_batched(jobs: Sequence[FoldJob], features: Features) -> Iterator[FoldPrediction]:
    """Train the networks of all jobs together, and yield what each job predicts.

    As many networks are trained at once as memory allows: all at first, half as many where
    that is too much, and so on; the logger ``mepipe`` says so. Labels of a job's test clips
    are not read for it. On a CPU predictions have the same bits whatever other jobs there
    are, and differ from those of `mepipe.evaluation.folds.run_fold` in rounding.

    Raises
    ------
    BadDataError, UsageError
        As `mepipe.evaluation.folds.run_fold`.
    SystemProblemError
        If there is no memory for one network.
    """
    clips = sorted({clip for job in jobs for clip in (*job.train, *job.test)})
    x = features_for(features, clips, jobs[0].reads)
    y = np.asarray(features.y)[rows_of(features, clips)].astype(np.int64)
    row = {clip: number for number, clip in enumerate(clips)}
    most = sum(_members(job) for job in jobs)
    for some in _with_equal_steps(jobs):
        lots = [(job, lot) for job in some for lot in _lots(job, row)]
        found: dict[tuple[str, int], list[NDArray[np.float32]]] = {}
        while lots:
            now, lots = lots[:most], lots[most:]
            answers = _trained(x, y, [lot for _, lot in now], some[0])
            if answers is None:
                most, lots = _fewer(len(now)), now + lots
                continue
            for (job, _), answer in zip(now, answers, strict=True):
                mine = found.setdefault((job.fold, job.seed), [])
                mine.append(answer)
                if len(mine) == _members(job):
                    mean = np.mean(found.pop((job.fold, job.seed)), axis=0).astype(np.float32)
                    yield finished(job, mean)


def _trained(
    x: NDArray[np.float32], y: NDArray[np.int64], lots: Sequence[Lot], job: FoldJob
) -> list[NDArray[np.float32]] | None:
    """Return what the network of each lot predicts; None if memory ran out."""
    from mepipe.evaluation.batched_training import is_out_of_memory, train_batch

    try:
        return train_batch(
            x,
            y,
            lots,
            classes=job.classes,
            model=job.model,
            training=job.training,
            recentre=job.recentre,
            device=job.device,
        )
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    if job.device == "cuda":  # what the failed batch held
        import torch

        torch.cuda.empty_cache()
    return None


def _fewer(networks: int) -> int:
    if networks == 1:
        raise SystemProblemError(
            "there is not enough memory to train one network",
            "Lower train.batch or model.width, or train on another device (--device cpu).",
        )
    half = -(-networks // 2)
    _LOG.warning("no memory for %d networks at once: going on with %d", networks, half)
    return half


def _lots(job: FoldJob, row: dict[str, int]) -> list[Lot]:
    from mepipe.evaluation.batched_training import Lot
    from mepipe.evaluation.ensemble import member_seeds

    train, test = (np.array([row[clip] for clip in some], int) for some in (job.train, job.test))
    seeds = member_seeds(training_seed(job.seed, job.fold), _members(job))
    # As in `mepipe.evaluation.fitting.fit`, one network of the start after the other.
    weights = [None] if job.start is None else job.start.weights()
    return [
        Lot(train, test, seed, weights[number % len(weights)]) for number, seed in enumerate(seeds)
    ]


def _members(job: FoldJob) -> int:
    return int(job.training.get("members", 1))


def _with_equal_steps(jobs: Sequence[FoldJob]) -> list[list[FoldJob]]:
    """Return the jobs grouped by their steps an epoch; networks of a batch share a schedule."""

    def steps(job: FoldJob) -> int:
        return steps_of(len(job.train), job.training)

    return [list(some) for _, some in groupby(sorted(jobs, key=steps), key=steps)]

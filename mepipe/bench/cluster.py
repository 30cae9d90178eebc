"""Benchmark of a run on a Dask cluster: what the machine where you call does for each clip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from mepipe.bench.cache import forget_peak, make_clips, own_peak_mb
from mepipe.bench.made_stages import SIZE, run_made_clip
from mepipe.bench.started_cluster import started_cluster
from mepipe.errors import SystemProblemError
from mepipe.extras import require

WORKERS = (1, 2, 4)
_PHASES = ("before", "computing", "after")
_FIRST = 4  # clips for each worker that pay for what is loaded once
_CHILD = """
import json, sys
from mepipe.bench.cluster import take_run
from mepipe.execution.orphans import end_with
told = json.loads(sys.argv[1])
end_with(told.pop("parent"))
print(json.dumps(take_run(**told)))
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of the clock, and of the CPU (user and system) of one process."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class ClusterRun:
    """What a run over ``clips`` clips cost, up to features.h5.

    Parameters
    ----------
    clips, workers
        How many.
    dask
        False if the workers were processes of this machine, without Dask.
    before
        Of the parent, where the command is called: opening the dataset, planning, the record
        of the plan, connecting.
    computing
        Of the parent, from the first clip that is sent to the last that is back.
    after
        Of the parent: the pack, the tables, the record.
    peak_mb
        Most memory of the parent in all of it, MB.
    scheduler_cpu_s, workers_cpu_s
        CPU seconds of the scheduler, and of all workers together. None without Dask.
    """

    clips: int
    workers: int
    dask: bool
    before: Spent
    computing: Spent
    after: Spent
    peak_mb: float
    scheduler_cpu_s: float | None
    workers_cpu_s: float | None

    @property
    def clips_a_second(self) -> float:
        """Clips a second of the clock while they are computed."""
        return self.clips / self.computing.wall_s


def measure(
    clips: int,
    workers: Sequence[int] = WORKERS,
    *,
    real: bool = False,
    size: int = SIZE,
    local: bool = False,
) -> Generator[ClusterRun]:
    """Yield a cold run over ``clips`` made clips with each number of workers.

    Scheduler, workers and the command are processes of this machine. Nothing of them is left when
    the iterator is closed, nor of the clips and the cache.

    Parameters
    ----------
    clips
        How many.
    workers
        How many; each number is measured.
    real, size
        As for `mepipe.bench.growth.measure`.
    local
        Also measure as many workers of ``--jobs``, without Dask.

    Raises
    ------
    UsageError
        If Dask is not installed, or for ``real`` what makes pictures of a face.
    SystemProblemError
        If the cluster does not start, or the run fails.
    """
    require("dask", "mepipe bench cluster")
    from mepipe.flow.engine import compile_all

    with tempfile.TemporaryDirectory(prefix="mepipe-bench-") as scratch:
        data, first = Path(scratch) / "data", Path(scratch) / "first"
        make, few = make_clips, _FIRST * max(workers)
        if real:
            from mepipe.bench.tiny_clips import make_tiny_clips

            make = make_tiny_clips
        # A run asks for compiled code whatever its stages do.
        compile_all()
        make(first, few)
        make(data, clips)
        for count in workers:
            for dask in (True, False) if local else (True,):
                work = Path(scratch) / "work"
                work.mkdir()
                told = {
                    "data": str(data), "first": str(first), "work": str(work), "jobs": count,
                    "size": None if real else size,
                }  # fmt: skip
                with ExitStack() as cluster:
                    if dask:
                        told["address"] = cluster.enter_context(started_cluster(work, count))
                    found = _child(told)
                # The next one finds an empty disk.
                shutil.rmtree(work)
                before, computing, after = (Spent(**found.pop(name)) for name in _PHASES)
                yield ClusterRun(clips, count, dask, before, computing, after, **found)


def _child(told: dict[str, Any]) -> dict[str, Any]:
    """Return what `take_run` returns in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps({**told, "parent": os.getpid()})],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        # Ctrl-C reaches this process alone, and it ends the other.
        process_group=0,
    )
    if done.returncode:
        raise SystemProblemError(
            f"the run that was measured failed: {done.stderr.strip()[-500:]}",
            "Free space where temporary files are, or take fewer --clips or a smaller --size.",
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def take_run(
    data: str, first: str, work: str, jobs: int, size: int | None, address: str | None = None
) -> dict[str, Any]:
    """Run over the clips of ``data``, after those of ``first``, and return what it cost.

    Parameters
    ----------
    data, first, work
        Folders; the caches and the outputs lie in ``work``.
    jobs
        Workers, where there is no cluster.
    size
        Side of the made flow, px; None for real stages.
    address
        Of the scheduler.

    Returns
    -------
    dict
        The fields of `ClusterRun`, but for those that the caller knows, as JSON has them.
    """
    from unittest.mock import patch

    from mepipe.pipeline import compute

    with ExitStack() as made:
        if size is not None:
            # Tasks name what a worker calls.
            made.enter_context(patch.object(compute, "run_clip", partial(run_made_clip, size=size)))
        take = partial(_take, work=Path(work), jobs=jobs, address=address)
        take(Path(first))
        return take(Path(data))


def _take(data: Path, *, work: Path, jobs: int, address: str | None) -> dict[str, Any]:
    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.run import Run

    phases = _Phases()
    cache, out = work / f"cache of {data.name}", work / f"out of {data.name}"
    context = Context(open_store(cache), jobs=jobs, progress=phases, scheduler=address)
    earlier = _others_cpu_s(address)
    forget_peak()
    began = _now()
    config = load_config(None, ["report.enabled=false"])
    run = Run(open_datasets([str(data)]), config, context, out=out, until="pack")
    result = run.execute()
    ended = _now()
    assert result.usable == result.computed["tensor"] == len(run.inputs.clips)
    spent = dict(zip(_PHASES, phases.spent(began, ended), strict=True))
    cost: dict[str, Any] = {name: asdict(one) for name, one in spent.items()}
    cost["peak_mb"] = own_peak_mb()
    later = _others_cpu_s(address)
    for name, before, after in zip(
        ("scheduler_cpu_s", "workers_cpu_s"), earlier, later, strict=True
    ):
        cost[name] = None if before is None or after is None else after - before
    return cost


def _now() -> Spent:
    return Spent(time.perf_counter(), time.process_time())


class _Phases:
    """A `mepipe.schema.Progress` that notes when the clips begin and when they end."""

    def __init__(self) -> None:
        self._title = ""
        self._began: Spent | None = None
        self._ended: Spent | None = None

    def begin(self, title: str, total: int) -> None:
        self._title = title
        if title == "clips":
            self._began = _now()

    def advance(self) -> None: ...

    def end(self) -> None:
        if self._title == "clips":
            self._ended = _now()

    def spent(self, began: Spent, ended: Spent) -> list[Spent]:
        """Return what was spent before the clips, with them, and after them."""
        assert self._began is not None
        assert self._ended is not None
        times = [began, self._began, self._ended, ended]
        return [
            Spent(later.wall_s - earlier.wall_s, later.cpu_s - earlier.cpu_s)
            for earlier, later in pairwise(times)
        ]


@contextmanager
def _client(address: str) -> Iterator[Any]:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        yield client


def _others_cpu_s(address: str | None) -> tuple[float | None, float | None]:
    """Return the CPU seconds that the scheduler, and all workers together, have taken so far."""
    if address is None:
        return None, None
    with _client(address) as client:
        return client.run_on_scheduler(_cpu_s), sum(client.run(_cpu_s).values())


def _cpu_s() -> float:
    return time.process_time()

"""Run independent tasks on the workers of an existing Dask cluster.

Only paths and ids are sent. The cache and the datasets must be on shared storage, under
the same path on every worker. A probe file in the cache checks this before each task.
"""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mepipe import __version__
from mepipe.cache import disk
from mepipe.errors import SystemProblemError, UsageError
from mepipe.execution.processes import WorkerDied, one_thread
from mepipe.extras import require
from mepipe.versions import libraries as installed

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_TIMEOUT_S = 10
# Tasks per worker thread at the scheduler. With two, a worker that finishes a task has its next
# one already.
_AHEAD = 2


@contextmanager
def cluster(
    address: str, cache: Path, roots: Sequence[Path], libraries: Collection[str]
) -> Iterator[Cluster]:
    """Connect to the scheduler at ``address``, and check its workers.

    Parameters
    ----------
    address
        ``tcp://HOST:PORT`` of a running scheduler.
    cache
        The cache, absolute.
    roots
        The datasets' folders, absolute.
    libraries
        The distributions whose versions decide a result. They must be equal on all workers.

    Raises
    ------
    UsageError
        If Dask is not installed, there is no such scheduler, or it has no workers; or
        if they have other versions, or cannot read the cache or a dataset.
    """
    require("dask", "--backend dask")
    from distributed import Client

    try:
        client = Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"there is no Dask scheduler at {address}: {error}",
            "Start one (`dask scheduler`) and workers (`dask worker ADDRESS --nthreads 1`). "
            "Give the address that the scheduler prints.",
        ) from error
    # Its random content proves that a worker sees this cache, not a local folder of that path.
    probe = cache / "tmp" / f"probe-{secrets.token_hex(8)}"
    with client:
        disk.make_folder(probe.parent)
        disk.write_atomic(probe, probe.name.encode())
        try:
            _check(client, probe, roots, tuple(sorted({*libraries, "h5py"})))
            yield Cluster(client, probe)
        finally:
            disk.remove(probe)


class Cluster:
    """A checked cluster. `cluster` creates it."""

    def __init__(self, client: Client, probe: Path) -> None:
        self._client = client
        self._probe = probe

    def run_tasks(
        self, function: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int | None = None
    ) -> Iterator[tuple[Task, Answer | WorkerDied]]:
        """Yield (task, answer) as tasks finish, like `mepipe.execution.processes.run_tasks`.

        Parameters
        ----------
        function, tasks
            Picklable and small.
        jobs
            Largest number of tasks at the cluster. None: twice the number of its threads.
        """
        suspects: list[Task] = []
        for task, answer in self._under_way(function, tasks, jobs):
            if isinstance(answer, WorkerDied):
                suspects.append(task)
            else:
                yield task, answer
        # Dask also reports the tasks that only shared a worker with the one at fault. Run alone,
        # only that one fails again.
        for task in suspects:
            yield from self._under_way(function, [task], 1)

    def _under_way(
        self, function: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int | None
    ) -> Iterator[tuple[Task, Answer | WorkerDied]]:
        from distributed import KilledWorker, as_completed

        waiting = iter(tasks)
        running: dict[Future, Task] = {}
        done = as_completed(loop=self._client.loop, raise_errors=False)

        def fill() -> None:
            threads = sum(self._client.nthreads().values())
            most = jobs or max(1, threads) * _AHEAD
            while len(running) < most:
                task = next(waiting, None)
                if task is None:
                    return
                future = self._client.submit(_with_probe, function, task, self._probe, pure=False)
                running[future] = task
                done.add(future)

        try:
            fill()
            while running:
                future = next(done)
                task = running.pop(future)
                error = future.exception() if future.status == "error" else None
                if isinstance(error, KilledWorker):
                    yield task, WorkerDied(str(error).split(". ")[0])
                else:
                    answer: Answer = future.result()
                    yield task, answer
                # Otherwise the scheduler keeps every answer until the end.
                future.release()
                fill()
        finally:
            # Also when the caller stops early (--fail-fast, Ctrl-C).
            self._client.cancel(list(running))


def _sees(probe: Path) -> bool:
    return disk.read_bytes(probe) == probe.name.encode()


def _with_probe(function: Callable[[Task], Answer], task: Task, probe: Path) -> Answer:
    # Workers may join after `_check`.
    if not _sees(probe):
        raise SystemProblemError(
            f"the Dask worker on {platform.node()} does not see the cache at {probe.parents[1]}",
            "Put the cache and the datasets on storage that all workers share.",
        )
    return one_thread(function, task)


def _check(client: Client, probe: Path, roots: Sequence[Path], libraries: tuple[str, ...]) -> None:
    # Workers that were just started, or restarted after a crash, need some seconds to join.
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=_TIMEOUT_S)
    threads = client.nthreads()
    if not threads:
        raise UsageError(
            f"the Dask scheduler {client.scheduler.address} has no workers",
            f"Start some: dask worker {client.scheduler.address} --nthreads 1",
        )
    if max(threads.values()) > 1:
        raise UsageError(
            "a Dask worker has several threads, but face detection needs one thread per process",
            "Start more workers (--nworkers), each with --nthreads 1.",
        )
    try:
        found: Mapping[str, Any] = client.run(_facts, probe, list(roots), libraries)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a Dask worker cannot import {error.name}",
            "Install mepipe in the workers' environment.",
        ) from error
    here = versions(libraries)
    for worker, facts in sorted(found.items()):
        different = [
            f"{name} {facts['versions'].get(name)} instead of {version}"
            for name, version in here.items()
            if facts["versions"].get(name) != version
        ]
        if different:
            raise UsageError(
                f"the Dask worker {worker} has other versions: {', '.join(different)}",
                "Install the same versions on all workers: a result must not depend on the machine "
                "that computes it.",
            )
        if facts["unseen"]:
            raise UsageError(
                f"the Dask worker {worker} does not see {', '.join(facts['unseen'])}",
                "Put the cache and the datasets on shared storage, under the same path everywhere.",
            )


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Return the versions that decide a result: of mepipe, Python and the libraries."""
    return {
        "mepipe": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **installed(libraries),
    }


def _facts(probe: Path, roots: Sequence[Path], libraries: tuple[str, ...]) -> dict[str, Any]:
    """Return the versions of a worker and the folders that it cannot read. Runs on the worker."""
    unseen = [str(root) for root in roots if not os.access(root, os.R_OK)]
    if not _sees(probe):
        unseen.append(str(probe.parents[1]))
    return {"versions": versions(libraries), "unseen": unseen}

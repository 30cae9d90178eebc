"""Run independent tasks on the workers of an existing Dask cluster.

Only paths and ids are sent. The cache and the datasets must be on shared storage, under
the same path on every worker. A probe file in the cache checks this before each task, on the worker
that runs it, with its versions and threads: workers of an elastic cluster join late.
"""

from __future__ import annotations

import logging
import pickle
import queue
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mepipe.cache import disk
from mepipe.errors import MepipeError, SystemProblemError
from mepipe.execution.cluster_start import (
    CANCELLED,
    TIMEOUT_S,
    RefusedError,
    check_workers,
    connected,
    is_reachable,
    refused,
)
from mepipe.execution.cluster_workers import Demands, by_value, guarded, versions
from mepipe.execution.processes import WorkerDied
from mepipe.extras import require

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_LOG = logging.getLogger("mepipe")
_LOOK_S = 2  # between two looks whether scheduler and workers are still there
_WITHOUT_WORKERS_S = 30  # a worker that is restarted comes back within
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
        If Dask is not installed.
    RefusedError
        If there is no such scheduler, or it has no workers; or if they have other versions, or
        cannot read the cache or a dataset.
    """
    require("dask", "--backend dask")
    from distributed import Client

    client = connected(Client, address)
    # Its random content proves that a worker sees this cache, not a local folder of that path.
    probe = cache / "tmp" / f"probe-{secrets.token_hex(8)}"
    names = tuple(sorted({*libraries, "h5py"}))
    demands: Demands = {
        "versions": versions(names),
        "libraries": names,
        "probe": str(probe),
        "roots": [str(root) for root in roots],
    }
    with _closing(client):
        disk.make_folder(probe.parent)
        disk.write_atomic(probe, probe.name.encode())
        try:
            check_workers(client, demands)
            yield Cluster(client, address, demands)
        finally:
            disk.remove(probe)


@contextmanager
def _closing(client: Client) -> Iterator[None]:
    try:
        yield
    finally:
        # Of a scheduler that is gone nobody can take leave.
        with suppress(Exception):
            client.close(timeout=TIMEOUT_S)


class Cluster:
    """A checked cluster. `cluster` creates it.

    Workers may join and leave while it works. What is asked of all workers at the start, each
    task asks of the worker that it lands on, before anything else.
    """

    def __init__(self, client: Client, address: str, demands: Demands) -> None:
        self._client = client
        self._address = address
        self._demands = demands
        self._unfit: dict[str, str] = {}
        self._guarded = by_value(guarded)
        self._alone_since: float | None = None
        self._alive: list[str] = []
        self._looked = 0.0

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

        Raises
        ------
        SystemProblemError
            If the scheduler is gone, or no worker was there for a while.
        RefusedError
            If only workers are left that cannot be used.
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
        waiting = list(reversed(tasks))
        running: dict[Future, _Sent[Task]] = {}
        ready: queue.SimpleQueue[Future] = queue.SimpleQueue()

        def fill() -> None:
            if not waiting:
                return
            fit = self._fit_workers()
            most = jobs or max(1, len(fit)) * _AHEAD
            while waiting and len(running) < most:
                task = waiting.pop()
                # Named only where others are not to be used: a worker that joins is welcome.
                only = tuple(fit) if self._unfit else ()
                future = self._submit(function, task, only)
                running[future] = _Sent(task, only)
                future.add_done_callback(ready.put)

        try:
            with self._lost():
                fill()
            while running:
                future = self._next(ready, running, waiting)
                if future is None:
                    with self._lost():
                        fill()
                    continue
                sent = running.pop(future, None)
                if sent is None:  # it was given to another worker meanwhile
                    continue
                with self._lost():
                    answer = self._answer(future)
                    self._alone_since = None
                    # Otherwise the scheduler keeps every answer until the end.
                    future.release()
                    if isinstance(answer, _Unfit):
                        self._leave_out(answer)
                        waiting.append(sent.task)
                    fill()
                if not isinstance(answer, _Unfit):
                    yield sent.task, answer
        finally:
            # Also when the caller stops early (--fail-fast, Ctrl-C).
            with suppress(Exception):
                self._client.cancel(list(running))

    def _submit(
        self, function: Callable[[Task], Answer], task: Task, only: Sequence[str]
    ) -> Future:
        # The task itself is opened on the worker only after it was found fit: there it may be
        # another mepipe.
        where: dict[str, Any] = {"workers": list(only)} if only else {}
        payload = pickle.dumps((function, task))
        return self._client.submit(self._guarded, payload, self._demands, pure=False, **where)

    def _answer(self, future: Future) -> Any:
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return WorkerDied(str(error).split(". ")[0])
        while True:
            try:
                fit, answer = future.result(timeout=_LOOK_S)
            except TimeoutError:
                if future.status == "error":  # of the task itself
                    raise
                # The answer was lost with its worker, and is computed again where there is one.
                self._fit_or_gone()
            else:
                return answer if fit else _Unfit(*answer)

    def _next(
        self,
        ready: queue.SimpleQueue[Future],
        running: dict[Future, _Sent[Task]],
        waiting: list[Task],
    ) -> Future | None:
        """Return the next future that is done; None if tasks went back to ``waiting``.

        Dask waits without end for a scheduler or workers that do not come back.
        """
        while True:
            with suppress(queue.Empty):
                return ready.get(timeout=_LOOK_S)
            fit = self._fit_or_gone()
            # The workers that these tasks may go to have left.
            stuck = [
                one for one, sent in running.items() if sent.only and not {*sent.only} & {*fit}
            ]
            if fit and stuck:
                waiting += [running.pop(one).task for one in stuck]
                with self._lost():
                    self._client.cancel(stuck)
                return None

    def _fit_or_gone(self) -> list[str]:
        """Return the workers that can be used; none for a while where all have left.

        Raises
        ------
        SystemProblemError
            If the scheduler is gone, or no worker came back.
        RefusedError
            If only such came that cannot be used.
        """
        if not is_reachable(self._address):
            raise self._gone()
        with self._lost():
            fit = self._look()
        now = time.monotonic()
        self._alone_since = None if fit else self._alone_since or now
        if self._alone_since is not None and now - self._alone_since > _WITHOUT_WORKERS_S:
            if self._alive:
                raise self._none_fit()
            raise SystemProblemError(
                f"the Dask scheduler {self._address} has no workers any more",
                "Start some, and run the same command again: finished work is kept.",
            )
        return fit

    def _fit_workers(self) -> list[str]:
        """Return the workers that can be used, as far as is known.

        Raises
        ------
        RefusedError
            If there are workers, and none can be used.
        """
        fit = [worker for worker in self._alive if worker not in self._unfit]
        # Not for every task: the answer takes the scheduler as long as a third of the task does.
        if not fit or time.monotonic() - self._looked > _LOOK_S:
            fit = self._look()
        if self._alive and not fit:
            raise self._none_fit()
        return fit

    def _look(self) -> list[str]:
        """Ask the scheduler for its workers, and return those that can be used."""
        self._alive, self._looked = list(self._client.nthreads()), time.monotonic()
        return [worker for worker in self._alive if worker not in self._unfit]

    def _leave_out(self, unfit: _Unfit) -> None:
        if unfit.worker not in self._unfit:
            self._unfit[unfit.worker] = unfit.reason
            _LOG.warning(
                "the Dask worker %s is not used: %s", unfit.worker, unfit.reason.rstrip(".")
            )

    def _none_fit(self) -> RefusedError:
        worker, reason = next(reversed(self._unfit.items()))
        return refused(worker, reason, ", and there is no other")

    def _gone(self) -> SystemProblemError:
        return SystemProblemError(
            f"the Dask scheduler {self._address} is gone",
            "Start it and its workers again, and run the same command: finished work is kept.",
        )

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """Turn what Dask raises when the scheduler has gone into a `SystemProblemError`."""
        try:
            yield
        except MepipeError:
            raise
        except CANCELLED as error:
            # Nobody here cancels what is waited for: the scheduler lost it, and was started anew.
            raise self._gone() from error
        except Exception as error:
            # An error of the task itself comes from a cluster that is there.
            if is_reachable(self._address) and self._client.status == "running":
                raise
            raise self._gone() from error


@dataclass(frozen=True)
class _Sent(Generic[Task]):
    """A task at the cluster, and the workers that it may go to; none: all."""

    task: Task
    only: tuple[str, ...]


@dataclass(frozen=True)
class _Unfit:
    """A worker that cannot be used, and why."""

    worker: str
    reason: str

"""Run independent tasks in worker processes with one thread each."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from mepipe.execution.orphans import end_with
from mepipe.execution.safe_start import SAFE, hiding_files, safe_backend, start_trackers

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_NEVER = 7 * 86_400  # seconds

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class WorkerDied:
    """The worker process that ran only this task was killed or crashed.

    ``reason`` says how, and ``remedy`` what helps if that is known.
    """

    reason: str
    remedy: str = ""

    @classmethod
    def of(cls, message: str) -> WorkerDied:
        """Return what became of a worker, from the message of loky."""
        files = hiding_files()
        if not files:
            return cls(_how(message))
        first = files[0]
        whose = "standard library's module" if first.stem in sys.stdlib_module_names else "package"
        return cls(
            f"{_how(message)}; {first.name} in {first.parent} hides the {whose} of that name",
            f"Rename {', '.join(map(str, files))}, and run again.",
        )


@dataclass(frozen=True)
class _Surroundings:
    """Where the caller is, so that a relative path or a module means the same in a worker.

    A worker lives as long as this process. It was perhaps started in another folder.
    """

    folder: str | None
    modules: tuple[str, ...]

    @classmethod
    def here(cls) -> _Surroundings:
        try:
            folder = os.getcwd()  # noqa: PTH109 - as a string, it is sent to the worker
        except FileNotFoundError:
            # The folder was removed. No relative path means anything.
            folder = None
        return cls(folder, tuple(sys.path))

    def take(self) -> None:
        if self.folder is not None:
            os.chdir(self.folder)
        # In place: other modules may hold the list.
        sys.path[:] = self.modules


def run_tasks(
    function: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int
) -> Iterator[tuple[Task, Answer | WorkerDied]]:
    """Yield (task, answer) as tasks finish, in no particular order.

    If a worker dies, only its own task is lost. The tasks that were running are repeated
    one at a time to find the one at fault. Then the others continue.

    Parameters
    ----------
    function
        Must be picklable. Its exceptions are raised here and end the run.
    tasks
        Small and picklable.
    jobs
        Worker processes. With 1, everything runs in this process. Otherwise even a single
        task runs in a worker: it may be the one that killed a worker of an earlier run.
    """
    if jobs <= 1:
        for task in tasks:
            yield task, one_thread(function, task)
        return
    # A dict and no set: the tasks keep their order. And no list: each task is taken out once.
    waiting = dict.fromkeys(range(len(tasks)))
    while waiting:
        suspects = yield from _parallel(function, tasks, waiting, jobs)
        for number in suspects:
            del waiting[number]
            yield tasks[number], _alone(function, tasks[number])


def one_thread(function: Callable[[Task], Answer], task: Task) -> Answer:
    """Return ``function(task)``, with linear algebra limited to one thread.

    The last bits of a matrix product depend on the number of threads. Results must not
    depend on the machine.
    """
    with _linear_algebra(len(sys.modules)).limit(limits=1, user_api="blas"):
        return function(task)


@lru_cache(maxsize=1)
def _linear_algebra(modules: int) -> ThreadpoolController:
    """Return what sets the threads of the libraries that are loaded now.

    Looking for them takes a millisecond. So it is done again only where the number of ``modules``
    is another: a new one may have brought a library.
    """
    del modules
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _parallel(
    function: Callable[[Task], Answer],
    tasks: Sequence[Task],
    waiting: dict[int, None],
    jobs: int,
) -> Generator[tuple[Task, Answer | WorkerDied], None, list[int]]:
    """Run the tasks ``waiting`` and remove those that finish.

    Return the tasks that were running when a worker died.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    dispatched: list[int] = []
    around = _Surroundings.here()

    def dispatch() -> Iterator[object]:
        for number in list(waiting):
            dispatched.append(number)
            yield delayed(_numbered)(around, function, number, tasks[number])

    done: set[int] = set()
    # By default, joblib ends a worker after 300 s without a task. If new tasks arrive at that
    # moment, both sides wait forever. So workers live as long as this process.
    with parallel_config(
        backend=safe_backend(), inner_max_num_threads=1, idle_worker_timeout=_NEVER
    ):
        # pre_dispatch=jobs: as few tasks as possible are suspects when a worker dies.
        run = Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs
        )
        answers = run(dispatch())
    try:
        for number, answer in answers:
            done.add(number)
            del waiting[number]
            yield tasks[number], answer
    except TerminatedWorkerError:
        return [number for number in dispatched if number not in done]
    finally:
        # When the caller stops early, joblib warns that results are lost. This is intended.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            answers.close()
    return []


def _numbered(
    around: _Surroundings, function: Callable[[Task], Answer], number: int, task: Task
) -> tuple[int, Answer]:
    from joblib.externals.loky import process_executor

    # If psutil is installed, loky ends a worker that has grown by 300 MB since its first task,
    # because it assumes a memory leak. A worker that first reads frames and then imports torch
    # grows by that much without a leak.
    process_executor._USE_PSUTIL = False
    around.take()
    return number, one_thread(function, task)


def _alone(function: Callable[[Task], Answer], task: Task) -> Answer | WorkerDied:
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # Its own executor: nothing else runs in this process, so its death has one possible cause.
    start_trackers()
    with ProcessPoolExecutor(
        max_workers=1, env=SAFE, initializer=end_with, initargs=(os.getpid(),)
    ) as executor:
        try:
            answer: Answer = executor.submit(one_thread, function, task).result()
        except TerminatedWorkerError as error:
            return WorkerDied.of(str(error))
    return answer


def _how(message: str) -> str:
    """Return how the worker ended, according to the message of loky."""
    signals = re.findall(r"SIG[A-Z]+\(-\d+\)|EXIT\(\d+\)", message)
    explanations = {
        "SIGSEGV": "it crashed in compiled code",
        "SIGKILL": "the system killed it, probably because memory ran out",
    }
    for found in signals:
        name = found.partition("(")[0]
        return f"{found}: {explanations[name]}" if name in explanations else found
    return message.splitlines()[0]

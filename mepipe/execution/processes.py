"""Many independent tasks over worker processes, one thread each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_NEVER = 7 * 86_400  # seconds

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class WorkerDied:
    """The worker that had this task, alone, was killed or crashed; ``reason`` says how."""

    reason: str


def run_tasks(
    function: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int
) -> Iterator[tuple[Task, Answer | WorkerDied]]:
    """Yield (task, answer) as the tasks are done, in no particular order.

    A worker that dies takes only its own task with it: those that were under
    way are tried again one at a time, so that the one at fault is known, and
    the rest go on.

    Parameters
    ----------
    function
        Must be picklable; what it raises is raised here, and ends the run.
    tasks
        Small and picklable.
    jobs
        Worker processes; with 1 everything runs in this process. A single task
        goes to a worker, too: it may be the one that killed an earlier run's.
    """
    if jobs <= 1:
        for task in tasks:
            yield task, one_thread(function, task)
        return
    waiting = list(range(len(tasks)))
    while waiting:
        suspects = yield from _parallel(function, tasks, waiting, jobs)
        for number in suspects:
            waiting.remove(number)
            yield tasks[number], _alone(function, tasks[number])


def one_thread(function: Callable[[Task], Answer], task: Task) -> Answer:
    """Return ``function(task)``, its linear algebra in one thread.

    The last bits of a product depend on the number of threads, and results must
    not depend on where they were computed.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        return function(task)


def _parallel(
    function: Callable[[Task], Answer], tasks: Sequence[Task], waiting: list[int], jobs: int
) -> Generator[tuple[Task, Answer | WorkerDied], None, list[int]]:
    """Run ``waiting``, removing what is done; return what was under way when a worker died."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    dispatched: list[int] = []

    def dispatch() -> Iterator[object]:
        for number in list(waiting):
            dispatched.append(number)
            yield delayed(_numbered)(function, number, tasks[number])

    done: set[int] = set()
    # A worker that is idle for joblib's 300 s ends itself, and where that meets a new run both
    # wait for ever; ours end with the process.
    with parallel_config(backend="loky", inner_max_num_threads=1, idle_worker_timeout=_NEVER):
        run = Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs
        )
        answers = run(dispatch())
    try:
        for number, answer in answers:
            done.add(number)
            waiting.remove(number)
            yield tasks[number], answer
    except TerminatedWorkerError:
        return [number for number in dispatched if number not in done]
    finally:
        # Left early, joblib ends its workers and warns that work was thrown away: it was meant.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            answers.close()
    return []


def _numbered(function: Callable[[Task], Answer], number: int, task: Task) -> tuple[int, Answer]:
    from joblib.externals.loky import process_executor

    # Where psutil is there, loky ends a worker that has grown by 300 MB since its first task and
    # takes it for a leak. A worker that read frames and then imports torch grows so by right.
    process_executor._USE_PSUTIL = False
    return number, one_thread(function, task)


def _alone(function: Callable[[Task], Answer], task: Task) -> Answer | WorkerDied:
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with ProcessPoolExecutor(max_workers=1) as executor:
        try:
            answer: Answer = executor.submit(one_thread, function, task).result()
        except TerminatedWorkerError as error:
            return WorkerDied(_how(str(error)))
    return answer


def _how(message: str) -> str:
    """Return how the worker ended, from what loky says of it."""
    signals = re.findall(r"SIG[A-Z]+\(-\d+\)|EXIT\(\d+\)", message)
    told = {
        "SIGSEGV": "it crashed in compiled code",
        "SIGKILL": "it was killed from outside, most likely because memory ran out",
    }
    for found in signals:
        name = found.partition("(")[0]
        return f"{found}: {told[name]}" if name in told else found
    return message.splitlines()[0]

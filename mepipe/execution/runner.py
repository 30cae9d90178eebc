"""Where independent tasks run: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from mepipe.execution.context import Context
from mepipe.execution.processes import WorkerDied, run_tasks

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class Runner(Protocol):
    """Yields (task, answer) as tasks finish; see `mepipe.execution.processes.run_tasks`."""

    def __call__(
        self, function: Callable[[Task], Answer], tasks: Sequence[Task], /
    ) -> Iterator[tuple[Task, Answer | WorkerDied]]:
        """Run the tasks. ``function`` and tasks are picklable and small."""


@contextmanager
def task_runner(
    context: Context, roots: Sequence[Path], libraries: Collection[str]
) -> Iterator[Runner]:
    """Yield the function that runs tasks where the context says.

    Parameters
    ----------
    context
        Names the cluster, or the number of processes.
    roots
        The files and folders that tasks read. A cluster's workers must see them.
    libraries
        The distributions whose versions decide a result. They must be equal on all workers.

    Raises
    ------
    UsageError, SystemProblemError
        As `mepipe.execution.cluster.cluster`, and as its ``run_tasks`` in the body.
    """
    if context.scheduler is None:

        def here(
            function: Callable[[Task], Answer], tasks: Sequence[Task], /
        ) -> Iterator[tuple[Task, Answer | WorkerDied]]:
            return run_tasks(function, tasks, context.jobs)

        yield here
        return
    from mepipe.execution.cluster import cluster

    cache = context.cache.absolute()
    seen = [root.absolute() for root in roots]
    with cluster(context.scheduler, cache, seen, libraries) as workers:

        def there(
            function: Callable[[Task], Answer], tasks: Sequence[Task], /
        ) -> Iterator[tuple[Task, Answer | WorkerDied]]:
            return workers.run_tasks(function, tasks, context.cluster_jobs)

        yield there

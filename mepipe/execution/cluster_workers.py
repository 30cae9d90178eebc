"""What a Dask worker does for a task: first it looks whether it is fit for it.

A cluster that grows and shrinks gets workers that nobody has looked at, perhaps with another
mepipe. So the question is sent as code, and the task is opened behind it.
"""

from __future__ import annotations

import builtins
import os
import pickle
import platform
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

from mepipe import __version__
from mepipe.cache import disk
from mepipe.execution.processes import one_thread
from mepipe.versions import libraries as installed

Answer = TypeVar("Answer")

Demands = dict[str, Any]
"""What a worker must have, as plain values: its mepipe may be another one."""


def by_value(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return a copy of a function that Dask sends as code, and not as a name to import.

    The worker's mepipe may be another one.
    """
    copy = FunctionType(
        function.__code__,
        {"__builtins__": builtins},
        function.__name__,
        function.__defaults__,
    )
    copy.__module__ = "__main__"
    return copy


def guarded(
    payload: bytes | None, demands: dict[str, Any], dask_worker: Any = None
) -> tuple[bool, Any]:
    """Run a task, if there is one, on this worker if it is fit. Dask sends this by its code.

    Returns
    -------
    tuple
        True and the answer; False, and the worker's address with what is wrong with it.
    """
    from distributed import get_worker

    # Only a task can ask for its worker; a function that runs on all workers gets it.
    worker = dask_worker or get_worker()
    here = worker.address
    try:
        import mepipe
    except ImportError as error:
        return False, (here, f"cannot import {error.name}")
    wanted = demands["versions"]["mepipe"]
    if mepipe.__version__ != wanted:
        return False, (here, f"has other versions: mepipe {mepipe.__version__} instead of {wanted}")
    try:
        from mepipe.execution.cluster_workers import carry_out, what_is_wrong
    except ImportError as error:
        return False, (here, f"has another mepipe under the same version ({error})")
    wrong = what_is_wrong(demands, worker.state.nthreads)
    if wrong:
        return False, (here, wrong)
    return True, None if payload is None else carry_out(payload)


def what_is_wrong(demands: Demands, threads: int) -> str:
    """Return why this worker cannot be used, after "the worker"; empty if it can."""
    found = versions(tuple(demands["libraries"]))
    different = [
        f"{name} {found.get(name)} instead of {version}"
        for name, version in demands["versions"].items()
        if found.get(name) != version
    ]
    if different:
        return f"has other versions: {', '.join(different)}"
    probe = Path(demands["probe"])
    unseen = [root for root in demands["roots"] if not os.access(root, os.R_OK)]
    if not sees(probe):
        unseen.append(str(probe.parents[1]))
    if unseen:
        return f"does not see {', '.join(unseen)}"
    if threads > 1:
        return "has several threads, but face detection needs one thread per process"
    return ""


def carry_out(payload: bytes) -> Any:
    """Run a pickled (function, task) with one thread."""
    function, task = pickle.loads(payload)
    return one_thread(function, task)


def sees(probe: Path) -> bool:
    """Return True if this machine sees the cache that the probe file was written to."""
    return disk.read_bytes(probe) == probe.name.encode()


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Return the versions that decide a result: of mepipe, Python and the libraries."""
    return {
        "mepipe": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **installed(libraries),
    }

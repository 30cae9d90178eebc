"""Start worker processes without the current folder on their path; they end with their parent.

Python puts the current folder first for ``-m`` and ``-c``, as loky starts workers. A file
signal.py in that folder would take the place of the standard library's module and end every worker
before its first task. Workers get the caller's path with their first task.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mepipe.execution.orphans import end_with

SAFE = {"PYTHONSAFEPATH": "1"}
"""The environment of a process that imports nothing from the folder in which it starts."""


@cache
def safe_backend() -> str:
    """Return the name of joblib's backend loky with such workers, and start its helpers."""
    from joblib import register_parallel_backend
    from joblib._parallel_backends import LokyBackend

    class SafeLoky(LokyBackend):  # type: ignore[misc]
        def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
            return {**super()._prepare_worker_env(n_jobs), **SAFE}

        def configure(self, *args: Any, **named: Any) -> int:
            start = {"initializer": end_with, "initargs": (os.getpid(),)}
            return int(super().configure(*args, **{**named, **start}))

    name = "loky, safe"
    register_parallel_backend(name, SafeLoky)
    start_trackers()
    return name


def start_trackers() -> None:
    """Start the processes that clean up behind workers, if they do not run yet."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as loky_tracker

    # They are started from the environment of this process.
    with _safe_environment():
        resource_tracker.ensure_running()
        loky_tracker.ensure_running()


@contextmanager
def _safe_environment() -> Iterator[None]:
    added = {name: value for name, value in SAFE.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def hiding_files() -> list[Path]:
    """Return the files on this process's path that hide a module of Python or of a package.

    A folder without ``__init__.py`` hides nothing.
    """
    import joblib

    packages = Path(joblib.__file__).parent.parent
    behind = {
        Path(os.__file__).parent: set(sys.stdlib_module_names),
        packages: set(_modules(packages)),
    }
    found: list[Path] = []
    for entry in sys.path:
        folder = Path(entry).absolute()
        if folder in behind:
            del behind[folder]
            continue
        here = _modules(folder)
        names: set[str] = set().union(*behind.values()) & here.keys()
        found += [here[name] for name in sorted(names)]
    return found


def _modules(folder: Path) -> dict[str, Path]:
    """Return the modules and packages directly in a folder, by name."""
    try:
        inside = list(folder.iterdir())
    except OSError:
        return {}
    files = {path.stem: path for path in inside if path.suffix == ".py"}
    return files | {path.name: path for path in inside if (path / "__init__.py").is_file()}

"""A Dask cluster of this machine, started for a benchmark and killed behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mepipe.errors import SystemProblemError

_WAIT_S = 60
_LOOK_S = 0.1
# Dask's own command. It ends with this process even if that is killed and can clean up nothing.
_DASK = """
import sys
from mepipe.execution.orphans import end_with
end_with(int(sys.argv.pop(1)))
from dask.cli import run_cli
run_cli()
"""


@contextmanager
def started_cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers of one thread, and yield the address of the scheduler.

    Each is a process of its own. All are killed at the end of the body, whatever ends it.

    Parameters
    ----------
    folder
        For their files: an empty one, which the caller removes.
    workers
        How many.

    Raises
    ------
    SystemProblemError
        If one of them does not start.
    """
    with ExitStack() as running:
        where = folder / "scheduler.json"
        words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler = _start(running, folder, "scheduler", *words, "--scheduler-file", str(where))
        address = _address(where, scheduler, folder)
        words = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        there = [
            _start(running, folder, f"worker {number}", address, *words)
            for number in range(workers)
        ]
        _join(address, there, folder)
        yield address


def _start(
    running: ExitStack, folder: Path, name: str, *words: str
) -> tuple[str, subprocess.Popen[bytes]]:
    """Start ``dask`` with the kind of process that the ``name`` begins with, and some words."""
    kind = name.partition(" ")[0]
    command = [sys.executable, "-c", _DASK, str(os.getpid()), kind, *words]
    with (folder / f"{name}.log").open("w") as log:
        # Ctrl-C reaches this process alone, and it ends the others. No sessions of their own: Linux
        # shares the cores out by session, so each would have as much as all workers of --jobs.
        one = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Dask would leave folders where temporary files are: a kill removes nothing.
            env={
                **os.environ,
                "PYTHONWARNINGS": "ignore",
                "DASK_TEMPORARY_DIRECTORY": str(folder),
            },
            process_group=0,
        )
    running.callback(one.wait)
    running.callback(one.kill)
    return name, one


def _address(where: Path, scheduler: tuple[str, subprocess.Popen[bytes]], folder: Path) -> str:
    """Return what the scheduler writes into its file."""
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        # It is not there yet, or not yet whole.
        with suppress(FileNotFoundError, json.JSONDecodeError):
            return str(json.loads(where.read_text(encoding="utf-8"))["address"])
        _require_running([scheduler], folder)
        time.sleep(_LOOK_S)
    raise _late(scheduler[0])


def _join(address: str, workers: list[tuple[str, subprocess.Popen[bytes]]], folder: Path) -> None:
    """Wait until all workers are at the scheduler."""
    from distributed import Client

    until = time.monotonic() + _WAIT_S
    with Client(address, timeout=_WAIT_S, set_as_default=False) as client:
        while len(client.nthreads()) < len(workers):
            _require_running(workers, folder)
            if time.monotonic() > until:
                raise _late("workers")
            time.sleep(_LOOK_S)


def _require_running(some: list[tuple[str, subprocess.Popen[bytes]]], folder: Path) -> None:
    for name, one in some:
        if one.poll() is not None:
            said = (folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
            raise SystemProblemError(
                f"the Dask {name} ended at once: {said[-1] if said else 'it said nothing'}",
                "Try `dask scheduler` and `dask worker ADDRESS` by hand.",
            )


def _late(name: str) -> SystemProblemError:
    return SystemProblemError(
        f"the Dask {name} did not start within {_WAIT_S} seconds",
        "Try again when the machine is less busy.",
    )

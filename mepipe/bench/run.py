"""Benchmark of a cold run against handwritten code, in CPU time of all processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mepipe.errors import UsageError

_RUN = "from mepipe.cli import main; main()"


@dataclass(frozen=True)
class ColdRun:
    """CPU seconds (user and system, workers included) over ``clips`` annotated clips."""

    clips: int
    mepipe: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """CPU time of the peer over that of mepipe, both medians."""
        return float(np.median(self.peer) / np.median(self.mepipe))


def measure(
    subjects: int = 12,
    clips: int = 3,
    rounds: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> ColdRun:
    """Time `mepipe run --until tensor --jobs 1` and the peer in turn, without compilation.

    ``progress`` is called with (runs done, all of them).

    Raises
    ------
    UsageError
        If one of them fails.
    """
    from mepipe.flow.engine import compile_all
    from mepipe.sample import write

    compile_all()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "sample", subjects=subjects, clips=clips)
        for number in range(rounds):
            cache, out = folder / f"cache{number}", folder / f"out{number}"
            arguments = ["run", str(folder / "sample"), "--until", "tensor", "--jobs", "1"]
            arguments += ["--cache", str(cache), "--out", str(out)]
            ours.append(_cpu([sys.executable, "-c", _RUN, *arguments]))
            if progress is not None:
                progress(2 * number + 1, 2 * rounds)
            theirs.append(_cpu([sys.executable, "-m", "mepipe.bench.peer", str(folder / "sample")]))
            if progress is not None:
                progress(2 * number + 2, 2 * rounds)
    return ColdRun(subjects * clips, tuple(ours), tuple(theirs))


def _cpu(command: list[str]) -> float:
    """Return the CPU seconds of a command and all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        raise UsageError(f"a benchmarked command failed: {done.stderr.strip()[-300:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

"""Benchmark of growth: what a clip costs at each step of a run, for few clips and for many."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.bench.cache import forget_peak, make_clips, own_peak_mb
from mepipe.bench.made_stages import SIZE, put_made_stages

STEPS = ("open", "plan", "run", "pack", "report", "status", "gc", "warm run")
_CARDS = 20  # clips with a card of their own in the report: by default at most 500 have one
_CHILD = """
import json, sys
from pathlib import Path
from mepipe.bench.growth import take_steps
size = None if sys.argv[3] == "real" else int(sys.argv[3])
print(json.dumps(take_steps(Path(sys.argv[1]), Path(sys.argv[2]), size)))
"""


@dataclass(frozen=True)
class Growth:
    """CPU seconds (user and system) and peak memory (MB) of each of `STEPS` over ``clips`` clips.

    Everything is done in one process.
    """

    clips: int
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    peak_mb: Mapping[str, float] = field(default_factory=dict)

    def ms(self, step: str) -> float:
        """Return the CPU milliseconds a clip of a step."""
        return 1000 * self.cpu_s[step] / self.clips


def measure(clips: int, *, real: bool = False, size: int = SIZE) -> Growth:
    """Take ``clips`` made clips through `STEPS` in a process of its own.

    Parameters
    ----------
    clips
        How many.
    real
        If True, the clips are tiny pictures of a face, and every stage is computed. If not, they
        are files of a few bytes, and the stages give made values: what is measured is everything
        around the algorithms.
    size
        Side of the made flow, in px, as `mepipe.bench.made_stages.put_made_stages` has it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data, work = Path(scratch) / "data", Path(scratch) / "work"
        if real:
            from mepipe.bench.tiny_clips import make_tiny_clips
            from mepipe.flow.engine import compile_all

            compile_all()
            make_tiny_clips(data, clips)
            # The first clips pay for what is loaded once.
            make_tiny_clips(work / "first", 3)
        else:
            make_clips(data, clips)
            make_clips(work / "first", 3)
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(data), str(work), "real" if real else str(size)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return Growth(clips, found["cpu_s"], found["peak_mb"])


def take_steps(data: Path, work: Path, size: int | None) -> dict[str, dict[str, float]]:
    """Take the steps over the clips of ``data`` and return what they cost, by name.

    The stages of this process give made values afterwards, the flow of ``size`` px; with None, they
    are what they were.
    """
    if size is not None:
        put_made_stages(size)
    _steps(work / "first", work / "cache of first", work / "out of first")
    return _steps(data, work / "cache", work / "out")


def _steps(data: Path, cache: Path, out: Path) -> dict[str, dict[str, float]]:
    import mepipe
    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.pipeline.cache_admin import collect_garbage, status
    from mepipe.pipeline.run_result import RunResult, sum_up
    from mepipe.report.rebuild import rebuild
    from mepipe.run import Run

    cost = _Cost()
    settings = ["report.enabled=false"]
    context = Context(open_store(cache), jobs=1)
    with cost.of("open"):
        config = load_config(None, settings)
        run = Run(open_datasets([str(data)]), config, context, out=out, until="tensor")
    with cost.of("plan"):
        run.plan()
    with cost.of("run"):
        run.execute()
    packing = Run(open_datasets([str(data)]), config, context, out=out, until="pack")
    plan, result = packing.plan(), RunResult()
    sum_up(result, plan, packing.inputs, "pack")
    packing.outputs.claim()
    with cost.of("pack"):
        px = packing.outputs.movement_px(plan)
        packing.outputs.pack(plan, result, px, recompute=lambda: None)
    # No step pays for what an earlier one holds.
    del run, packing, plan, result
    with cost.of("warm run"):
        mepipe.run(data, out=out, cache=cache, until="pack", jobs=1, settings=settings)
    with cost.of("report"):
        rebuild(out, context, faces=None, clips=_CARDS)
    with cost.of("status"):
        status(context.store)
    with cost.of("gc"):
        # Every object is looked at, and none removed.
        collect_garbage(context.store, keep_days=30, dry_run=True)
    return {"cpu_s": cost.cpu_s, "peak_mb": cost.peak_mb}


class _Cost:
    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self.peak_mb: dict[str, float] = {}

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Note the CPU time of the body, and the most memory that the process held in it."""
        forget_peak()
        began = time.process_time()
        yield
        self.cpu_s[step] = time.process_time() - began
        self.peak_mb[step] = own_peak_mb()

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
from typing import Any

from mepipe.bench.cache import make_clips, own_peak_mb

STEPS = ("open", "plan", "run", "pack", "report", "status", "gc", "warm run")
_CARDS = 20  # clips with a card of their own in the report: by default at most 500 have one
_CHILD = """
import json, sys
from pathlib import Path
from mepipe.bench.growth import take_steps
real = sys.argv[3] == "real"
print(json.dumps(take_steps(Path(sys.argv[1]), Path(sys.argv[2]), real=real)))
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


def measure(clips: int, *, real: bool = False) -> Growth:
    """Take ``clips`` made clips through `STEPS` in a process of its own.

    Parameters
    ----------
    clips
        How many.
    real
        If True, the clips are tiny pictures of a face, and every stage is computed. If not, they
        are files of a few bytes, and the stages give made values: what is measured is everything
        around the algorithms.
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
            [sys.executable, "-c", _CHILD, str(data), str(work), "real" if real else "made"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return Growth(clips, found["cpu_s"], found["peak_mb"])


def take_steps(data: Path, work: Path, *, real: bool) -> dict[str, dict[str, float]]:
    """Take the steps over the clips of ``data`` and return what they cost, by name.

    The stages of this process give made values afterwards, unless ``real``.
    """
    if not real:
        _put_made_stages()
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
        again = Path("/proc/self/clear_refs")
        if again.exists():
            again.write_text("5")
        began = time.process_time()
        yield
        self.cpu_s[step] = time.process_time() - began
        self.peak_mb[step] = own_peak_mb()


def _put_made_stages() -> None:
    """Let the stages of this process give values without computing them, for files of any bytes."""
    import numpy as np

    from mepipe.bench.planning import MADE_VALUES
    from mepipe.clips.clip_input import ClipInput
    from mepipe.config.settings import Config
    from mepipe.stages import STAGES, Result, Upstream

    x = np.random.default_rng(0).random((3, 224, 224), dtype=np.float32)
    points = np.random.default_rng(0).random((68, 2))

    def face(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        return Result(dict(MADE_VALUES["face"]), {"box": np.arange(4.0), "landmarks": points})

    def flow(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        values: dict[str, Any] = {"uv": clip.frames.digest(0), "inter_ocular": 60.5}
        return Result(values, {"uv": x[:2], "motion": np.eye(2, 3)})

    def tensor(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        # The flow is read from the cache, as the real stage does.
        maps = np.concatenate([upstream.arrays("flow")["uv"], x[2:]])
        return Result({}, {"x": np.ascontiguousarray(maps[:, ::8, ::8])})

    for stage in STAGES:
        made = {"face": face, "flow": flow, "tensor": tensor}.get(stage.name)
        if made is not None:
            # The one object that every module has; a frozen dataclass.
            object.__setattr__(stage, "compute", made)

"""Stages that give made values at once, for files of any bytes: what is left is all around them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from mepipe.errors import UsageError

if TYPE_CHECKING:
    from mepipe.clips.clip_task import ClipTask
    from mepipe.pipeline.outcome import ClipOutcome

SIZE = 224  # px of the made flow, as flow.size has it by default
CELLS = 28  # of the made tensor; the flow is at least as large


def require_made(size: int | None, *, real: bool) -> None:
    """Raise `UsageError` if a ``size`` is given where ``real`` stages are computed."""
    if real and size is not None:
        raise UsageError("--size is of made flow, and --real makes none", "Leave one of them out.")


def put_made_stages(size: int = SIZE) -> None:
    """Let the stages of this process give values without computing them.

    Parameters
    ----------
    size
        Side of the made flow, in px, at least `CELLS`. The tensors have `CELLS` for every size. It
        decides how much is stored: the flow of a clip takes 400 kB with 224 px, and 8 kB with 32.
    """
    import numpy as np

    from mepipe.bench.planning import MADE_VALUES
    from mepipe.clips.clip_input import ClipInput
    from mepipe.config.settings import Config
    from mepipe.stages import STAGES, Result, Upstream

    x = np.random.default_rng(0).random((3, size, size), dtype=np.float32)
    points = np.random.default_rng(0).random((68, 2))
    step = size // CELLS

    def face(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        return Result(dict(MADE_VALUES["face"]), {"box": np.arange(4.0), "landmarks": points})

    def flow(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        values: dict[str, Any] = {"uv": clip.frames.digest(0), "inter_ocular": 60.5}
        return Result(values, {"uv": x[:2], "motion": np.eye(2, 3)})

    def tensor(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
        # The flow is read from the cache, as the real stage does.
        maps = np.concatenate([upstream.arrays("flow")["uv"], x[2:]])
        return Result({}, {"x": np.ascontiguousarray(maps[:, ::step, ::step][:, :CELLS, :CELLS])})

    for stage in STAGES:
        made = {"face": face, "flow": flow, "tensor": tensor}.get(stage.name)
        if made is not None:
            # The one object that every module has; a frozen dataclass.
            object.__setattr__(stage, "compute", made)


_put_once = cache(put_made_stages)


def run_made_clip(task: ClipTask, *, size: int, **how: Any) -> ClipOutcome:
    """Do what `mepipe.pipeline.worker.run_clip` does, in a worker whose stages are made.

    A worker imports its stages itself, so they are put in with its first clip.
    """
    from mepipe.pipeline.worker import run_clip

    _put_once(size)
    return run_clip(task, **how)

"""The stages of a clip in the order of `mepipe.schema.CLIP_STAGES`, each from its own file."""

from __future__ import annotations

from importlib import import_module

from mepipe.clips.clip_input import ClipInput
from mepipe.schema import CLIP_STAGES, SIDE_STAGES
from mepipe.stages.stage import Result, Stage, Upstream

STAGES: tuple[Stage, ...] = tuple(import_module(f"{__name__}.{name}").STAGE for name in CLIP_STAGES)

SIDES: tuple[Stage, ...] = tuple(import_module(f"{__name__}.{name}").STAGE for name in SIDE_STAGES)
"""The stages beside them, which need the face alone."""

ARRAYS = {stage.name: stage.arrays for stage in (*STAGES, *SIDES)}
"""The arrays that the objects of each stage may contain."""

__all__ = ["ARRAYS", "SIDES", "STAGES", "ClipInput", "Result", "Stage", "Upstream"]

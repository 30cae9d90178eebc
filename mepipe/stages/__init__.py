"""The four stages of a clip, in order: face, spot, flow, tensor."""

from __future__ import annotations

from mepipe.clips.clip_input import ClipInput
from mepipe.stages import face, flow, spot, tensor
from mepipe.stages.stage import Result, Stage, Upstream

STAGES: tuple[Stage, ...] = (face.STAGE, spot.STAGE, flow.STAGE, tensor.STAGE)

ARRAYS = {stage.name: stage.arrays for stage in STAGES}
"""The arrays that the objects of each stage may contain."""

__all__ = ["ARRAYS", "STAGES", "ClipInput", "Result", "Stage", "Upstream"]

"""The four stages of a clip, in order: face, spot, flow, tensor."""

from __future__ import annotations

from mepipe.stages import face, flow, spot, tensor
from mepipe.stages.model import ClipInput, Result, Stage, Upstream

STAGES: tuple[Stage, ...] = (face.STAGE, spot.STAGE, flow.STAGE, tensor.STAGE)

__all__ = ["STAGES", "ClipInput", "Result", "Stage", "Upstream"]

"""Optical flow, optical strain, and the removal of head motion."""

from __future__ import annotations

from mepipe.flow.opencv import tvl1
from mepipe.flow.stabilise import estimate_motion
from mepipe.flow.strain import optical_strain
from mepipe.flow.tensor import flow_tensor

__all__ = ["estimate_motion", "flow_tensor", "optical_strain", "tvl1"]

"""Optical flow, optical strain, and the removal of head motion.

`tvl1` computes the flow between two aligned faces, `estimate_motion` the head motion to
undo beforehand, `optical_strain` the strain of a flow, and `flow_tensor` the input of a
network. numba and OpenCV are imported where they are used.
"""

from __future__ import annotations

from mepipe.flow.engine import tvl1, tvl1_many
from mepipe.flow.settings import PRESETS, Tvl1Settings
from mepipe.flow.stabilise import estimate_motion
from mepipe.flow.strain import optical_strain
from mepipe.flow.targets import target_frames
from mepipe.flow.tensor import flow_tensor, sequence_tensor

__all__ = [
    "PRESETS",
    "Tvl1Settings",
    "estimate_motion",
    "flow_tensor",
    "optical_strain",
    "sequence_tensor",
    "target_frames",
    "tvl1",
    "tvl1_many",
]

"""Drawings as functions of arrays. A name is imported when it is first used.

>>> import numpy as np
>>> from mepipe.viz import flow_colours
>>> flow = np.zeros((2, 28, 28), np.float32)
>>> flow[0] = 1.0  # everything moves to the right, by 1 px
>>> flow_colours(flow, largest=1.0)[0, 0].tolist()
[255, 0, 0]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mepipe.viz.ablation import AblationRow, ablation_png
    from mepipe.viz.clip_picture import ClipPicture, clip_png, flow_colours
    from mepipe.viz.confusion import confusion_png
    from mepipe.viz.feature_picture import png, tensor_picture
    from mepipe.viz.motion_curve import draw_curve
    from mepipe.viz.reliability import ReliabilityBins, reliability_png
    from mepipe.viz.thumbnails import flow_key, flow_thumbnail, strain_thumbnail, thumbnail
    from mepipe.viz.timeline import Timeline, TimelineEvent, timeline_png
    from mepipe.viz.trade_off import trade_off_png

__all__ = [
    "AblationRow",
    "ClipPicture",
    "ReliabilityBins",
    "Timeline",
    "TimelineEvent",
    "ablation_png",
    "clip_png",
    "confusion_png",
    "draw_curve",
    "flow_colours",
    "flow_key",
    "flow_thumbnail",
    "png",
    "reliability_png",
    "strain_thumbnail",
    "tensor_picture",
    "thumbnail",
    "timeline_png",
    "trade_off_png",
]

# matplotlib and OpenCV stand behind these: who draws nothing does not wait for them.
_MODULES = {
    "ablation": ("AblationRow", "ablation_png"),
    "clip_picture": ("ClipPicture", "clip_png", "flow_colours"),
    "confusion": ("confusion_png",),
    "motion_curve": ("draw_curve",),
    "feature_picture": ("png", "tensor_picture"),
    "reliability": ("ReliabilityBins", "reliability_png"),
    "thumbnails": ("flow_key", "flow_thumbnail", "strain_thumbnail", "thumbnail"),
    "timeline": ("Timeline", "TimelineEvent", "timeline_png"),
    "trade_off": ("trade_off_png",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _HOME:
        module = import_module(f"mepipe.viz.{_HOME[name]}")
        globals()[name] = value = getattr(module, name)
        return value
    raise AttributeError(f"module 'mepipe.viz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

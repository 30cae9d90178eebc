"""The motion stage: what moves in a clip, whatever is annotated.

No clip needs it for its features: it stands beside the stages of a clip
(`mepipe.schema.SIDE_STAGES`), and is computed only where an annotation is to be compared with
the motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.spotting.key_frames import template_regions
from mepipe.stages.spot import search_unmarked, unmarked_parts
from mepipe.stages.stage import Result, Stage, Upstream, Values


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    del config, values
    return clip.frames.new_pictures()


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    times = clip.timing.times(clip.frames.count)
    if times is None:
        raise BadDataError(
            "the motion in a clip needs its frames per second, which are unknown",
            "Give them: --set data.fps=200, or a column fps in labels.csv.",
        )
    found = search_unmarked(clip, config, upstream)
    expressive = [one.name for one in template_regions(64) if one.role == "expressive"]
    values: dict[str, Any] = {
        **found.values,
        "frame_ms": float(np.median(np.diff(times))),
        "regions": expressive,
    }
    return Result(values, found.arrays)


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    return unmarked_parts(clip, config, values)


STAGE: Stage = Stage(
    name="motion",
    version=1,
    libraries=("av", "dlib-bin", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays={"curve": ("f4", 1), "regions": ("f4", 3)},
)

"""The tensor stage: u, v and optical strain at the network's size."""

from __future__ import annotations

from collections.abc import Mapping

from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config, TensorSettings
from mepipe.flow import flow_tensor, sequence_tensor
from mepipe.flow.tensor import limited_share
from mepipe.stages.stage import Array, Result, Stage, Upstream, Values
from mepipe.stages.stored_values import declared, tensor_fits


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    del clip
    settings: dict[str, Json] = {"size": config.tensor.size, "scale": config.tensor.scale}
    parts: dict[str, Json] = {"settings": settings, "uv": values["flow"]["uv"]}
    if config.tensor.strain_sigma > 0:
        settings["strain_sigma"] = config.tensor.strain_sigma
    if "sequence" in values["flow"]:
        parts["sequence"] = values["flow"]["sequence"]
    if config.tensor.scale == "fixed":
        settings["displacement_range"] = config.tensor.displacement_range
        settings["strain_range"] = config.tensor.strain_range
        if config.tensor.limit != "hard":
            # Without it, the key is that of objects from before the setting, which were cut.
            settings["limit"] = config.tensor.limit
        parts["inter_ocular"] = values["flow"]["inter_ocular"]
    return parts


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    del clip, config, values
    return []


def scaled_tensor(flow: Array, settings: TensorSettings, inter_ocular: float) -> Array:
    """Return the tensor of a flow (2, S, S), or of several (K, 2, S, S), as the settings say.

    ``inter_ocular`` is the distance of the eye centres in the aligned face, px.
    """
    reduce = flow_tensor if flow.ndim == 3 else sequence_tensor
    return reduce(
        flow,
        size=settings.size,
        scale=settings.scale,
        inter_ocular=inter_ocular,
        displacement_range=settings.displacement_range,
        strain_range=settings.strain_range,
        strain_sigma=settings.strain_sigma,
        limit=settings.limit,
    )


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    del clip
    flow, eyes = upstream.arrays("flow"), upstream.values["flow"]["inter_ocular"]
    # x and the sequence have the same settings, but each its own scale where that is "clip".
    arrays = {"x": scaled_tensor(flow["uv"], config.tensor, eyes)}
    if "sequence" in flow:
        arrays["sequence"] = scaled_tensor(flow["sequence"], config.tensor, eyes)
    values: dict[str, Json] = {}
    if config.tensor.scale == "fixed" and config.tensor.limit == "soft":
        values["limited"] = limited_share(arrays["x"])
        if "sequence" in arrays:
            values["sequence_limited"] = limited_share(arrays["sequence"])
    return Result(values=values, arrays=arrays)


STAGE: Stage = Stage(
    name="tensor",
    version=1,
    libraries=("numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays=declared({"x": ("f4", 3), "sequence": ("f4", 4)}, tensor_fits, {"x": (3, -1, -1)}),
    fits=tensor_fits,
)

"""The flow stage: TV-L1 from the onset to the apex frame, head motion removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import asset_digest, regions, template
from mepipe.cache.keys import Json
from mepipe.config.settings import Config, FlowSettings
from mepipe.errors import BadDataError
from mepipe.face import warp_face
from mepipe.flow import Tvl1Settings, estimate_motion, tvl1
from mepipe.stages.model import ClipInput, Result, Stage, Upstream, Values, one_size, transform_at

# A field with such a displacement is no face motion but a solver that diverged.
_LARGEST_SHARE = 0.25


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    del clip, config
    return [values["spot"]["onset"], values["spot"]["apex"]]


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    pair = _frames(clip, config, values)
    parts: dict[str, Json] = {
        # What a preset stands for decides, not its name.
        "settings": config.flow.model_dump(by_alias=True, exclude={"preset"}),
        "frames": [clip.frames.digest(position) for position in pair],
        "transforms": [transform_at(values, position).tolist() for position in pair],
    }
    if config.flow.engine == "torch":
        # Its results are those of a device and a release within a tolerance only.
        parts["torch"] = [version("torch"), _device()]
    if config.flow.stabilise != "none":
        parts["assets"] = {
            "template": asset_digest("template.json"),
            "regions": asset_digest("regions.json"),
        }
    return parts


def rigid_mask(size: int) -> NDArray[np.bool_]:
    """Return the (size, size) mask of the template's rigid regions."""
    import cv2

    mask = np.zeros((size, size), dtype=np.uint8)
    for region in regions():
        if region.role == "rigid":
            polygon = region.polygon(template().points) * size - 0.5
            cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], (1.0,))
    return mask.astype(np.bool_)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _engine(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], settings: FlowSettings
) -> NDArray[np.float32]:
    names = {field.name for field in fields(Tvl1Settings)}
    chosen = Tvl1Settings(**settings.model_dump(include=names))
    if settings.engine == "opencv":
        from mepipe.flow.opencv import tvl1_opencv

        return tvl1_opencv(reference, moving, chosen, settings.gamma)
    if settings.engine == "torch":
        from mepipe.flow.torch_engine import tvl1_torch

        batch = tvl1_torch(reference[None], moving[None], chosen, _device())
        return np.ascontiguousarray(batch[0])
    return tvl1(reference, moving, chosen)


def aligned_faces(
    clip: ClipInput, values: Mapping[str, Values], size: int, motion: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return the onset and the apex face (2, size, size) as flow compared them.

    Parameters
    ----------
    clip
        Only its frames are used; errors as `mepipe.frames.FrameReader.images`.
    values
        Of the face and the spot stage.
    size
        The side for which ``motion`` was found, px.
    motion
        The stage's array of that name.
    """
    onset, apex = values["spot"]["onset"], values["spot"]["apex"]
    images = dict(one_size(clip.frames.images([onset, apex])))
    reference = warp_face(images[onset], transform_at(values, onset), size)
    moving = warp_face(images[apex], transform_at(values, apex), size, motion)
    return np.stack([reference, moving])


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    settings = config.flow
    onset, apex = _frames(clip, config, upstream.values)
    if clip.frames.digest(onset) == clip.frames.digest(apex):
        raise BadDataError(
            "the onset and the apex frame are the same image: there is no motion between them",
            "Correct the annotation, or let mepipe find the frames (--set spot.method=flow-peak); "
            "where it did, the clip shows no movement to find.",
        )
    images = dict(one_size(clip.frames.images([onset, apex])))
    to_onset = transform_at(upstream.values, onset)
    to_apex = transform_at(upstream.values, apex)
    reference = warp_face(images[onset], to_onset, settings.size)
    moving = warp_face(images[apex], to_apex, settings.size)
    motion = np.eye(2, 3)
    if settings.stabilise != "none":
        mask = rigid_mask(settings.size)
        motion = estimate_motion(reference, moving, mask, settings.stabilise)
        moving = warp_face(images[apex], to_apex, settings.size, motion)
    uv = _engine(reference, moving, settings)
    largest = float(np.abs(uv).max())
    if not np.isfinite(largest) or largest > _LARGEST_SHARE * settings.size:
        raise BadDataError(
            "the optical flow diverged",
            "Check the onset and apex frames, or use the default flow.scale_step.",
        )
    arrays: dict[str, NDArray[np.generic]] = {"uv": uv, "motion": motion}
    if settings.keep_faces:
        arrays["faces"] = np.stack([reference, moving])
    return Result(
        values={
            "uv": hashlib.sha256(uv.tobytes()).hexdigest(),
            "inter_ocular": template().inter_ocular * settings.size,
        },
        arrays=arrays,
    )


STAGE = Stage(
    name="flow",
    version=2,
    libraries=("numba", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays={"uv": ("f4", 3), "motion": ("f8", 2), "faces": ("u1", 3)},
)

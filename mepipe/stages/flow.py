"""The flow stage: TV-L1 flow from the onset to the apex, and other pairs, without head motion."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import Role, asset_digest, regions, template
from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config, FlowSettings
from mepipe.errors import BadDataError
from mepipe.face import warp_face
from mepipe.flow import Tvl1Settings, estimate_motion, target_frames, tvl1
from mepipe.flow.head import MODEL_VERSION, HeadModel, estimate_head, fade_outside, undo_head
from mepipe.flow.light import even_light
from mepipe.schema import KEY_FRAMES, MotionModel
from mepipe.stages.stage import Image, Result, Stage, Upstream, Values, one_size, transform_at
from mepipe.stages.stored_values import declared, flow_fits

# Of the face's side. A larger displacement is no face motion: the solver diverged.
_LARGEST_SHARE = 0.25
# Sigma of the edge beyond which flow is not the face's, of the face's side: 6 px of 224.
_FADE_SHARE = 0.027
_FOREHEAD = 1.25  # height of the forehead's arc above the ears, in half widths of the face


def target_positions(config: Config, spotted: Values) -> tuple[int, ...] | None:
    """Return the positions of the target frames, in ascending order.

    Parameters
    ----------
    config
        The resolved configuration.
    spotted
        The values of the clip's spot stage.

    Returns
    -------
    By default the apex alone. None if the offset is needed and unknown.
    """
    onset, apex, offset = (spotted[name] for name in KEY_FRAMES)
    wanted = config.flow.targets
    if wanted == "apex":
        return (apex,)
    if offset is None:
        return None
    return target_frames(onset, offset, wanted) if isinstance(wanted, int) else (apex, offset)


def _pairs(config: Config, spotted: Values) -> list[tuple[int, int]] | None:
    """Return from where to where each flow of the sequence goes. None as `target_positions`."""
    targets = target_positions(config, spotted)
    if targets is None:
        return None
    if config.flow.targets == "phases":
        apex, offset = targets
        return [(spotted["onset"], apex), (apex, offset)]
    return [(spotted["onset"], target) for target in targets]


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    """Return the positions of onset and apex, then those of a sequence's targets."""
    del clip
    pair = [values["spot"]["onset"], values["spot"]["apex"]]
    if config.flow.targets == "apex":
        return pair
    return [*pair, *(target_positions(config, values["spot"]) or ())]


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    onset, apex, *others = _frames(clip, config, values)
    pair = [onset, apex]
    settings = config.flow.model_dump(by_alias=True, exclude={"preset"})
    parts: dict[str, Json] = {
        # The values of a preset decide, not its name.
        "settings": settings,
        "frames": [clip.frames.digest(position) for position in pair],
        "transforms": [transform_at(values, position).tolist() for position in pair],
    }
    if config.flow.targets == "apex":
        # The key has no targets, as before the setting existed: older objects stay valid.
        del settings["targets"]
    else:
        parts["target_frames"] = [clip.frames.digest(position) for position in others]
        parts["target_transforms"] = [
            transform_at(values, position).tolist() for position in others
        ]
    if not config.flow.even_light:
        # Nor has it what is left as it is: objects of before are those of such settings.
        del settings["even_light"]
    if config.flow.stabilise == "head":
        # Not in the stage's version: objects with another stabilising stay what they are.
        parts["head"] = MODEL_VERSION
    if config.flow.stabilise != "none":
        parts["assets"] = {
            "template": asset_digest("template.json"),
            "regions": asset_digest("regions.json"),
        }
    return parts


@lru_cache(maxsize=2)
def rigid_mask(size: int) -> NDArray[np.bool_]:
    """Return the (size, size) mask of the template's rigid regions. It cannot be written to."""
    mask = _mask("rigid", size)
    mask.setflags(write=False)
    return mask


def _mask(role: Role, size: int) -> NDArray[np.bool_]:
    """Return the (size, size) mask of the template's regions with a role."""
    import cv2

    mask = np.zeros((size, size), dtype=np.uint8)
    for region in regions():
        if region.role == role:
            polygon = region.polygon(template().points) * size - 0.5
            cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], (1.0,))
    return mask.astype(np.bool_)


@lru_cache(maxsize=2)
def _head_model(size: int) -> HeadModel:
    """Return the model of the head on the template's face of a size."""
    import cv2

    every = np.concatenate([region.polygon(template().points) for region in regions()])
    hull = cv2.convexHull(np.round(every * size - 0.5).astype(np.int32))
    face = cv2.fillPoly(np.zeros((size, size), np.uint8), [hull], (1.0,)).astype(np.bool_)
    eyes = [r.polygon(template().points).mean(axis=0) for r in regions() if r.role == "eye"]
    return HeadModel(
        face,
        _mask("eye", size),
        _mask("rigid", size),
        _mask("expressive", size),
        np.mean(eyes, axis=0) * size - 0.5,
        template().inter_ocular * size,
    )


@lru_cache(maxsize=2)
def _inside(size: int) -> NDArray[np.float32]:
    """Return the face's oval on the template's face of a size: 1 inside, falling to 0 outside.

    The jaw is that of the landmarks; above it the forehead is half an ellipse that leaves
    only the corners of the crop out, for raised brows move all of it.
    """
    import cv2

    jaw = template().points[:17]
    middle, half = (jaw[0] + jaw[16]) / 2, (jaw[16] - jaw[0])[0] / 2
    turns = np.linspace(0, np.pi, 20)[1:-1, None]
    forehead = middle + half * np.hstack([np.cos(turns), -_FOREHEAD * np.sin(turns)])
    reach = size // 4  # the blur must not see the crop's border, nor the oval be cut there
    oval = np.zeros((size + 2 * reach,) * 2, np.float32)
    outline = np.round(np.concatenate([jaw, forehead]) * size - 0.5 + reach).astype(np.int32)
    cv2.fillPoly(oval, [outline], (1.0,))
    soft = cv2.GaussianBlur(oval, (0, 0), _FADE_SHARE * size)
    return np.ascontiguousarray(soft[reach:-reach, reach:-reach], np.float32)


def _engine(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], settings: FlowSettings
) -> NDArray[np.float32]:
    names = {field.name for field in fields(Tvl1Settings)}
    chosen = Tvl1Settings(**settings.model_dump(include=names))
    still: NDArray[Any] = reference
    other: NDArray[Any] = moving
    if settings.even_light:
        still, other = even_light(reference, moving)
    if settings.engine == "opencv":
        from mepipe.flow.opencv import tvl1_opencv

        return tvl1_opencv(still, other, chosen, settings.gamma)
    return tvl1(still, other, chosen)


def aligned_faces(
    clip: ClipInput, values: Mapping[str, Values], arrays: Mapping[str, NDArray[Any]]
) -> NDArray[np.uint8]:
    """Return the aligned onset and apex face (2, S, S) that flow compared, in their own light.

    Parameters
    ----------
    clip
        Only its frames are used.
    values
        Of the face and the spot stage.
    arrays
        Of the flow stage.

    Raises
    ------
    UnreadableInputError, BadDataError
        As `mepipe.frames.FrameReader.images`.
    """
    onset, apex = values["spot"]["onset"], values["spot"]["apex"]
    images = dict(one_size(clip.frames.images([onset, apex])))
    size = arrays["uv"].shape[-1]
    reference = warp_face(images[onset], transform_at(values, onset), size)
    moving = warp_face(images[apex], transform_at(values, apex), size, arrays["motion"])
    if "head" in arrays:
        moving = undo_head(moving, arrays["head"], _head_model(size))
    return np.stack([reference, moving])


@dataclass(frozen=True)
class Movement:
    """From the onset to one target: flow (2, S, S), head motion (2, 3) and (6,), and the face."""

    uv: NDArray[np.float32]
    motion: NDArray[np.float64]
    face: Image
    head: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))


def movement(
    reference: Image,
    image: Image,
    transform: NDArray[np.float64],
    config: Config,
    name: str = "apex",
) -> Movement:
    """Return the movement from the onset's face to the face in ``image``.

    Errors call the frame ``name``.
    """
    settings = config.flow
    aligned = partial(warp_face, image, transform, settings.size)
    moving = as_it_is = aligned()
    motion, head, share = np.eye(2, 3), np.zeros(6), 0.0
    if settings.stabilise != "none":
        mask = rigid_mask(settings.size)
        # The frame is warped again with the motion undone, so that it is interpolated once.
        model: MotionModel = "translation" if settings.stabilise == "translation" else "similarity"
        motion = estimate_motion(reference, moving, mask, model, name)
        moving = aligned(motion)
    if settings.stabilise == "head":
        whole = _head_model(settings.size)
        found = estimate_head(reference, moving, motion, whole)
        motion, head, share = found.motion, found.head, found.share
        # Nothing is undone of a head that kept still.
        moving = undo_head(aligned(motion) if share > 0 else as_it_is, head, whole)
    uv = fade_outside(_engine(reference, moving, settings), _inside(settings.size), share)
    largest = float(np.abs(uv).max())
    if not np.isfinite(largest) or largest > _LARGEST_SHARE * settings.size:
        raise BadDataError(
            "the optical flow diverged",
            f"Check the onset and {name} frames, or use the default flow.scale_step.",
        )
    return Movement(uv, motion, moving, head)


def _movements(
    clip: ClipInput, config: Config, upstream: Upstream, pairs: list[tuple[int, int]]
) -> tuple[Image, dict[tuple[int, int], Movement]]:
    """Return the onset's face, and the movement of each pair of frames, and to the apex.

    Frames are read in the clip's order, the onset first. At most two are in memory
    at full size.
    """
    onset, apex, *others = _frames(clip, config, upstream.values)
    wanted = {(onset, apex), *pairs}
    frames = one_size(clip.frames.images([onset, apex, *others]))
    still = np.zeros((2, config.flow.size, config.flow.size), np.float32)
    starts: dict[int, Image] = {}
    found: dict[tuple[int, int], Movement] = {}
    for position, image in frames:
        transform = transform_at(upstream.values, position)
        if any(start == position for start, _ in wanted):
            starts[position] = warp_face(image, transform, config.flow.size)
        for start in sorted(start for start, target in wanted if target == position):
            reference, digest = starts[start], clip.frames.digest(position)
            if digest == clip.frames.digest(start):
                found[start, position] = Movement(still, np.eye(2, 3), reference)
                continue
            name = "apex" if digest == clip.frames.digest(apex) else "target"
            try:
                found[start, position] = movement(reference, image, transform, config, name)
            except BadDataError as error:
                if name == "apex":
                    raise
                # There are many targets, so the error carries the position.
                raise BadDataError(error.message, error.remedy, position) from error
    return starts[onset], found


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    settings, spotted = config.flow, upstream.values["spot"]
    onset, apex = spotted["onset"], spotted["apex"]
    pairs = _pairs(config, spotted)
    if pairs is None:
        raise BadDataError(
            f"flow.targets = {settings.targets} needs the clip's offset, which is unknown",
            "Annotate it; or say the frames per second, so that it can be found "
            "(--set data.fps=200, or a column fps in labels.csv); or take the clip's last frame "
            "for it (--set spot.fallback=middle).",
        )
    if clip.frames.digest(onset) == clip.frames.digest(apex):
        raise BadDataError(
            "the onset and the apex frame are the same image: there is no motion between them",
            "The clip shows no movement to find: leave it out."
            if spotted.get("apex_source") in {"spotted", "middle"}
            else "Correct the annotation, or let mepipe find the frames "
            "(--set spot.method=flow-peak).",
        )
    reference, found = _movements(clip, config, upstream, pairs)
    to_apex = found[onset, apex]
    uv = to_apex.uv
    arrays: dict[str, NDArray[np.generic]] = {"uv": uv, "motion": to_apex.motion}
    values: dict[str, Json] = {
        "uv": hashlib.sha256(uv.tobytes()).hexdigest(),
        "inter_ocular": template().inter_ocular * settings.size,
    }
    chosen = [found[pair] for pair in pairs]
    if settings.stabilise == "head":
        arrays["head"] = to_apex.head
        if settings.targets != "apex":
            arrays["sequence_head"] = np.stack([one.head for one in chosen])
    if settings.keep_faces:
        arrays["faces"] = np.stack([reference, *(one.face for one in chosen)])
    if settings.targets != "apex":
        sequence = np.stack([one.uv for one in chosen])
        arrays["sequence"] = sequence
        arrays["sequence_motion"] = np.stack([one.motion for one in chosen])
        values["sequence"] = hashlib.sha256(sequence.data).hexdigest()
    return Result(values=values, arrays=arrays)


STAGE: Stage = Stage(
    name="flow",
    version=2,
    libraries=("numba", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays=declared(
        {
            "uv": ("f4", 3),
            "motion": ("f8", 2),
            "head": ("f8", 1),
            "faces": ("u1", 3),
            "sequence": ("f4", 4),
            "sequence_motion": ("f8", 3),
            "sequence_head": ("f8", 2),
        },
        flow_fits,
        {"uv": (2, -1, -1)},
    ),
    fits=flow_fits,
)

"""The spot stage: onset, apex and offset, annotated or spotted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import asset_digest, model_files, template
from mepipe.cache.keys import Json
from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.face import same_face, warp_face
from mepipe.schema import KEY_FRAMES, SPOT_METHODS, SpotMethod
from mepipe.spotting import Spotted, flow_peak, lbp_divide, midpoint, visible_span
from mepipe.spotting.codec import predicts
from mepipe.spotting.key_frames import template_regions
from mepipe.stages.face import face_position
from mepipe.stages.stage import Result, Stage, Upstream, Values, one_size, timing_json, transform_at
from mepipe.stages.stored_values import declared, spot_fits

# These look at every frame.
_SEARCHES = tuple(method for method in SPOT_METHODS if method != "middle")


def _marks(clip: ClipInput, config: Config) -> dict[str, KeyFrame]:
    """Return the annotated key frames that are used: none unless the method is auto."""
    if config.spot.method != "auto":
        return {}
    marks = {"onset": clip.onset, "apex": clip.apex, "offset": clip.offset}
    return {name: mark for name, mark in marks.items() if mark is not None}


def _method(clip: ClipInput, config: Config) -> Literal["annotation", SpotMethod]:
    if config.spot.method != "auto":
        return config.spot.method
    marks = _marks(clip, config)
    if len(marks) == len(KEY_FRAMES):
        return "annotation"
    if marks and all(mark.origin == "spotted" for mark in marks.values()):
        # A movement of a recording that had not ended when the scene did.
        return "annotation"
    # Flow to the apex needs no offset. If only the offset is missing, and without a frame rate
    # it cannot be spotted, it stays unknown.
    searchable = config.spot.fallback == "middle" or clip.timing.known
    return (
        config.spot.fallback
        if searchable or not {"onset", "apex"} <= marks.keys()
        else ("annotation")
    )


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    del values
    # A picture that is shown twice moves only every other frame: each is seen once.
    return clip.frames.new_pictures() if searches(clip, config) else []


def searches(clip: ClipInput, config: Config) -> bool:
    """Return True if the stage looks at the frames of a clip."""
    return _method(clip, config) in _SEARCHES


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    """Return the parts of the key.

    With a complete annotation they are the marks only: no setting and no frame matters.
    """
    method = _method(clip, config)
    parts: dict[str, Json] = {
        "method": method,
        "marks": {
            # One that was spotted in a recording has a confidence, too.
            name: [mark.position, mark.origin, *([mark.confidence] if mark.confidence < 1 else [])]
            for name, mark in _marks(clip, config).items()
        },
    }
    if method == "middle":
        parts["count"] = clip.frames.count
    if method in _SEARCHES:
        parts["settings"] = {
            "size": config.spot.size,
            "smooth_ms": config.spot.smooth_ms,
            "no_movement": config.spot.no_movement,
        } | ({"threshold": config.spot.threshold} if method == "flow-peak" else {})
        parts |= _searched_parts(clip, config, values, method)
    return parts


def _searched_parts(
    clip: ClipInput, config: Config, values: Mapping[str, Values], method: str
) -> dict[str, Json]:
    """Return the parts of the key of a search through the frames, less its settings."""
    parts: dict[str, Json] = {
        "assets": {
            "template": asset_digest("template.json"),
            "regions": asset_digest("regions.json"),
            # Where a face turns away they tell if it is one.
            **{model.name: model.sha256 for model in model_files()},
        },
        "timing": timing_json(clip.timing),
        "transforms": values["face"]["transforms"],
        "reference": face_position(clip, config, values),
        "frames": [clip.frames.digest(i) for i in clip.frames.new_pictures()],
    }
    if method == "flow-peak" and clip.frames.codec_keys():
        parts["keys"] = list(clip.frames.codec_keys())
    return parts


def unmarked_parts(
    clip: ClipInput, config: Config, values: Mapping[str, Values]
) -> dict[str, Json]:
    """Return the parts of the key of `search_unmarked`."""
    settings: dict[str, Json] = {
        "size": config.spot.size,
        "smooth_ms": config.spot.smooth_ms,
        "threshold": config.spot.threshold,
    }
    return {"settings": settings, **_searched_parts(clip, config, values, "flow-peak")}


def search_unmarked(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    """Return what flow-peak finds in a clip as if nothing of it were annotated.

    Returns
    -------
    The values and the curve of the spot stage of such a clip; and ``regions``
    (N, K, 2) float32, the motion of each expressive region in px of the aligned face.

    Raises
    ------
    BadDataError
        If the rate is unknown, or all frames show one picture.
    """
    return _search(clip, config, upstream, "flow-peak", {}).result({}, "flow-peak", regions=True)


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    marks = _marks(clip, config)
    positions = {name: mark.position for name, mark in marks.items()}
    method = _method(clip, config)
    if method == "annotation":
        return _annotated(marks)
    if method == "middle":
        return _result(midpoint(clip.frames.count, **positions), marks, method)
    found = _search(clip, config, upstream, method, positions)
    if (
        not found.spotted.movement
        and not {"onset", "apex"} <= marks.keys()
        and (config.spot.no_movement == "fail")
    ):
        raise BadDataError(
            "no movement was found above the noise",
            "Use --set spot.no_movement=keep to take the best candidate, or annotate the clip.",
        )
    return found.result(marks, method)


@dataclass(frozen=True)
class _Found:
    """What a search through the frames found. Positions of ``spotted`` count its pictures.

    ``visible`` are the first picture that shows the face, and the one after the last. ``shown``
    holds the first frame of each picture, ``picture`` the picture of each frame.
    """

    spotted: Spotted
    visible: tuple[int, int]
    shown: NDArray[np.int_]
    picture: NDArray[np.int_]

    def result(
        self, marks: Mapping[str, KeyFrame], method: str, *, regions: bool = False
    ) -> Result:
        """Return the stage's result, which counts frames."""
        found = _result(self.spotted, marks, method, self.visible)
        if regions and self.spotted.regions is not None:
            found = replace(found, arrays={**found.arrays, "regions": self.spotted.regions})
        if len(self.shown) < len(self.picture):
            return _in_frames(found, self.visible, marks, self.shown, self.picture)
        return found


def _search(
    clip: ClipInput,
    config: Config,
    upstream: Upstream,
    method: str,
    positions: Mapping[str, int],
) -> _Found:
    """Search the frames of a clip for the key frames that are not among ``positions``."""
    times = clip.timing.times(clip.frames.count)
    if times is None:
        raise BadDataError(
            "spotting needs the clip's frames per second, which are unknown",
            "Give them: --set data.fps=200, or a column fps in labels.csv; "
            "or use --set spot.fallback=middle.",
        )
    size = config.spot.size
    shown = np.array(clip.frames.new_pictures())
    if len(shown) < 2:
        raise BadDataError(
            f"all {clip.frames.count} frames show one picture, so the clip shows no motion",
            "Restore the recording, or leave the clip out.",
        )
    crops = _crops(clip, upstream, size, shown)
    # The picture that each frame shows: below, positions count pictures.
    picture = np.searchsorted(shown, np.arange(clip.frames.count), "right") - 1
    positions = {name: int(picture[position]) for name, position in positions.items()}
    # Only frames that show the reference's face are searched: motion from another face, or
    # from none, means nothing. An annotated frame outside the span overrules it.
    reference = face_position(clip, config, upstream.values)
    face = crops[picture[reference]]

    def still_seen(pictures: Sequence[int]) -> list[bool]:
        wanted = [int(shown[one]) for one in pictures]
        return [
            same_face(image, face, transform_at(upstream.values, position))
            for position, image in clip.frames.images(wanted)
        ]

    first, stop = visible_span(crops, int(picture[reference]), still_seen)
    if any(not first <= position < stop for position in positions.values()):
        first, stop = 0, len(shown)
    polygons = template_regions(size)
    seen, when = crops[first:stop], times[shown][first:stop]
    within = {name: position - first for name, position in positions.items()}
    if method == "lbp-divide":
        spotted = lbp_divide(seen, when, polygons, smooth_ms=config.spot.smooth_ms, **within)
        return _Found(spotted, (first, stop), shown, picture)
    # Counted in frames: of a still face few pictures are left beside the key frames.
    coded = clip.frames.codec_keys()
    coded = coded if predicts(coded, clip.frames.count) else ()
    spotted = flow_peak(
        seen,
        when,
        polygons,
        inter_ocular=template().inter_ocular * size,
        smooth_ms=config.spot.smooth_ms,
        threshold=config.spot.threshold,
        keys=[int(np.searchsorted(shown, key)) - first for key in coded],
        **within,
    )
    return _Found(spotted, (first, stop), shown, picture)


def _in_frames(
    result: Result,
    visible: tuple[int, int],
    marks: Mapping[str, KeyFrame],
    shown: NDArray[np.int_],
    picture: NDArray[np.int_],
) -> Result:
    """Return a result that counts pictures as one that counts frames.

    ``shown`` holds the first frame of each picture, ``picture`` the picture of each frame.
    """
    values = dict(result.values)
    for name in KEY_FRAMES:
        found = getattr(marks.get(name), "position", None)
        values[name] = int(shown[values[name]]) if found is None else found  # type: ignore[index]
    first, stop = visible
    seen = (int(shown[first]), int(shown[stop]) if stop < len(shown) else len(picture))
    values["visible"] = list(seen)
    values["repeated"] = len(picture) - len(shown)
    arrays = {name: one[picture[slice(*seen)] - first] for name, one in result.arrays.items()}
    return Result(values=values, arrays=arrays)


def _annotated(marks: Mapping[str, KeyFrame]) -> Result:
    """Return the annotated positions. One that is not annotated stays unknown."""
    values: dict[str, Json] = {"movement": True}
    for name in KEY_FRAMES:
        mark = marks.get(name)
        values[name] = mark.position if mark else None
        values[f"{name}_source"] = mark.origin if mark else ""
        values[f"{name}_confidence"] = mark.confidence if mark else None
    return Result(values=values, arrays={"curve": np.empty(0, dtype=np.float32)})


def _crops(
    clip: ClipInput, upstream: Upstream, size: int, positions: NDArray[np.int_]
) -> NDArray[np.uint8]:
    """Return the aligned faces (N, size, size). One full-size frame is in memory at a time."""
    crops = np.empty((len(positions), size, size), dtype=np.uint8)
    for number, (position, image) in enumerate(one_size(clip.frames.images(positions.tolist()))):
        crops[number] = warp_face(image, transform_at(upstream.values, position), size)
    return crops


def _result(
    spotted: Spotted,
    marks: Mapping[str, KeyFrame],
    method: str,
    visible: tuple[int, int] | None = None,
) -> Result:
    """Return the stage's result. Positions of ``spotted`` count from the start of ``visible``."""
    first = visible[0] if visible else 0
    found = "middle" if method == "middle" else "spotted"
    values: dict[str, Json] = {"movement": spotted.movement, "strength": spotted.strength}
    for name in KEY_FRAMES:
        values[name] = int(getattr(spotted, name)) + first
        values[f"{name}_source"] = marks[name].origin if name in marks else found
        values[f"{name}_confidence"] = (
            1.0 if name in marks else float(getattr(spotted, f"{name}_confidence"))
        )
    if visible:
        values["visible"] = list(visible)
    return Result(values=values, arrays={"curve": spotted.curve})


STAGE: Stage = Stage(
    name="spot",
    version=4,
    libraries=("av", "dlib-bin", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays=declared({"curve": ("f4", 1)}, spot_fits, {"curve": (-1,)}),
    fits=spot_fits,
)

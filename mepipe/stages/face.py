"""The face stage: one face, its landmarks, and its transform to the template."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import asset_digest, model_files, template
from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.face import (
    Face,
    choose_face,
    detect_fallback,
    detect_fast,
    fit_similarity,
    landmarks,
    smooth_transforms,
)
from mepipe.stages.stage import Result, Stage, Upstream, Values, timing_json

_NEIGHBOURS = (1, -1, 2, -2)
_SAME_FACE = 0.1  # inter-ocular distances: landmarks of neighbouring frames do not differ by more
# Smallest ratio of the narrower half of the face to the wider one, as seen from the nose. Below
# it the face is in profile.
_PROFILE = 0.15
_GIVEN = 1.0  # the score of a face box from the corrections: that of a clear face


Points = NDArray[np.float64]


def candidates(count: int, reference: int, spread: int) -> list[int]:
    """Return the positions that are searched for a face, in order of preference.

    The reference, its neighbours, then ``spread`` positions over the clip. The
    list depends on the clip's length and annotation only, so the key is known
    before a frame is read.
    """
    wanted = [reference, *(reference + step for step in _NEIGHBOURS)]
    wanted += [round(value) for value in np.linspace(0, count - 1, spread)]
    return list(dict.fromkeys(position for position in wanted if 0 <= position < count))


def face_position(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> int:
    """Return the position of the frame in which the face was found."""
    return _frames(clip, config, values)[values["face"]["searched"]]


def _reference(clip: ClipInput) -> int:
    return clip.onset.position if clip.onset else 0


def _frames(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> list[int]:
    """Return the positions that the stage reads. ``searched`` in its result is an index here."""
    del values
    if config.face.align == "per-frame":
        return list(range(clip.frames.count))
    if clip.face_box:
        return [_reference(clip)]
    return candidates(clip.frames.count, _reference(clip), config.face.spread)


def _parts(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> dict[str, Json]:
    settings: dict[str, Json] = {
        "align": config.face.align,
        "search_size": config.face.search_size,
    }
    parts: dict[str, Json] = {
        "settings": settings,
        "assets": {
            "template": asset_digest("template.json"),
            **{model.name: model.sha256 for model in model_files()},
        },
        "frames": [clip.frames.digest(position) for position in _frames(clip, config, values)],
    }
    if clip.face_box:
        # Nothing is searched, so the settings of the search do not matter.
        parts["box"] = list(clip.face_box)
        del settings["search_size"]
    if config.face.align == "per-frame":
        # Every frame is read whatever the onset. The onset decides whose face is kept.
        parts["reference"] = _reference(clip)
        settings["steady_ms"] = config.face.steady_ms
        parts["timing"] = timing_json(clip.timing)
    return parts


def _compute(clip: ClipInput, config: Config, upstream: Upstream) -> Result:
    if config.face.align == "per-frame":
        return _per_frame(clip, config)
    wanted = _frames(clip, config, upstream.values)
    # The reference nearly always has a face. Only without one are the others read, in one
    # pass because a video can only be decoded in order. The fallback detectors are slow, so
    # they come last and see a few frames only.
    few = [wanted[0], *wanted[len(_NEIGHBOURS) + 1 :][1::3]]
    for positions, fallback in ((wanted[:1], False), (wanted[1:], False), (few, True)):
        found: dict[int, tuple[Face, Points, int]] = {}
        for position, image in clip.frames.images(positions) if positions else ():
            faces = _faces(clip, config, image, position, fallback=fallback)
            if faces:
                face = choose_face(faces, *image.shape[:2])
                found[position] = (face, landmarks(image, face), len(faces))
        if found:
            position = min(found, key=wanted.index)
            face, points, count = found[position]
            points = _among_neighbours(clip, face, points, position, wanted)
            return _result(face, points, count, [_transform(points)], wanted.index(position))
    raise BadDataError(
        f"no face was found in any of the {len(wanted)} frames that were searched",
        "Check that the clip shows a face from the front, at least 40 px wide, better 80.",
    )


def _among_neighbours(
    clip: ClipInput, face: Face, points: Points, position: int, wanted: list[int]
) -> Points:
    """Return the mean of the landmarks of a frame and of its neighbours.

    dlib's landmarks are whole px and follow the noise; the mean does so less. A
    neighbour whose landmarks are elsewhere shows another face or none, and is
    left out.
    """
    near = [position + step for step in _NEIGHBOURS if position + step in wanted]
    eyes = float(np.hypot(*_eye_line(points)))
    all_ = [points]
    for _, image in clip.frames.images(near) if near else ():
        others = landmarks(image, face)
        if np.median(np.hypot(*(others - points).T)) <= _SAME_FACE * eyes:
            all_.append(others)
    return np.asarray(np.mean(all_, axis=0), np.float64)


def _faces(
    clip: ClipInput,
    config: Config,
    image: NDArray[np.uint8],
    position: int,
    *,
    fallback: bool = False,
) -> list[Face]:
    """Return the faces in a frame: the box of the corrections, or the detected ones."""
    if clip.face_box is None:
        if fallback:
            return detect_fallback(image)
        return detect_fast(image, config.face.search_size)
    x0, y0, x1, y1 = clip.face_box
    height, width = image.shape[:2]
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise BadDataError(
            f"the corrected face box {x0} {y0} {x1} {y1} lies outside the frame "
            f"of {width} x {height} px",
            "Correct face_box in the corrections.",
            position,
        )
    return [Face((float(x0), float(y0), float(x1), float(y1)), _GIVEN)]


def _per_frame(clip: ClipInput, config: Config) -> Result:
    times = clip.timing.times(clip.frames.count)
    if times is None:
        raise BadDataError(
            "face.align = per-frame needs the clip's frames per second, which are unknown",
            "Give them: --set data.fps=200, or a column fps in labels.csv.",
        )
    found: dict[int, tuple[Face, NDArray[np.float64], int]] = {}
    for position, image in clip.frames.images():
        faces = _faces(clip, config, image, position)
        if faces:
            face = choose_face(faces, *image.shape[:2])
            found[position] = (face, landmarks(image, face), len(faces))
    if not found:
        raise BadDataError(
            f"no face was found in any of the {clip.frames.count} frames",
            "Check that the clip shows a face from the front, at least 40 px wide, better 80.",
        )
    # A frame without a face takes the transform of the nearest one that has one.
    seen = sorted(found)
    transforms = np.stack([_transform(found[position][1]) for position in seen])
    edges = [(a + b) / 2 for a, b in pairwise(seen)]
    nearest = np.searchsorted(edges, np.arange(clip.frames.count))
    smoothed = smooth_transforms(transforms[nearest], times, config.face.steady_ms)
    chosen = min(seen, key=lambda position: abs(position - _reference(clip)))
    face, points, count = found[chosen]
    return _result(face, points, count, list(smoothed), chosen)


def frontality(points: Points) -> float:
    """Return how frontal a face is: 1 from the front, 0 in profile.

    The distances from the tip of the nose to both sides of the jaw, along the
    line of the eyes: the ratio of the smaller to the larger.
    """
    line = _eye_line(points)
    line = line / max(float(np.hypot(*line)), 1e-9)
    right, left = (points[30] - points[2]) @ line, (points[14] - points[30]) @ line
    return float(max(0.0, min(right, left)) / max(right, left, 1e-9))


def _eye_line(points: Points) -> Points:
    """Return the vector (2,) from the right eye's centre to the left one's, px."""
    return np.asarray(points[42:48].mean(axis=0) - points[36:42].mean(axis=0), np.float64)


def _transform(points: NDArray[np.float64]) -> NDArray[np.float64]:
    # Only landmarks on bone are fitted: brows and mouth would carry the expression into the
    # alignment.
    rigid = list(template().rigid)
    return fit_similarity(points[rigid], template().points[rigid])


def _result(
    face: Face,
    points: NDArray[np.float64],
    count: int,
    transforms: list[NDArray[np.float64]],
    searched: int,
) -> Result:
    frontal = frontality(points)
    if frontal < _PROFILE:
        raise BadDataError(
            f"the face is turned away too far (one half has {frontal:.0%} of the other's width)",
            "Use a clip in which the face is seen from the front.",
        )
    return Result(
        values={
            "transforms": [transform.tolist() for transform in transforms],
            "faces": count,
            "searched": searched,
            "quality": face.score,
            "frontal": frontal,
            "inter_ocular_px": float(np.hypot(*_eye_line(points))),
        },
        arrays={"box": np.array(face.box), "landmarks": points},
    )


STAGE: Stage = Stage(
    name="face",
    version=2,
    libraries=("dlib-bin", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays={"box": ("f8", 1), "landmarks": ("f8", 2)},
)

"""The face stage: one face, its landmarks, and its transform to the template."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import asset_digest, model_files
from mepipe.cache.keys import Json
from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.face import (
    FoundFace,
    Light,
    face_transform,
    find_face,
    find_face_slowly,
    find_in_box,
    frontality,
    roll,
    smooth_transforms,
)
from mepipe.face.plausible_face import FEW_EYES, eye_line
from mepipe.stages.stage import Result, Stage, Upstream, Values, timing_json
from mepipe.stages.stored_values import declared, face_fits

_NEIGHBOURS = (1, -1, 2, -2)
_SAME_FACE = 0.1  # inter-ocular distances: landmarks of neighbouring frames do not differ by more
_ROLLED = 45.0  # degrees: beyond, the picture lies on its side rather than the head
_FRONT = "Check that the clip shows a face from the front, at least 40 px wide, better 80."

Points = NDArray[np.float64]


def candidates(count: int, reference: int, spread: int) -> list[int]:
    """Return the positions that are searched for a face, in order of preference.

    The reference, its neighbours, then ``spread`` positions over the clip. The
    list depends on the clip's length and annotation only, so the key is known
    before a frame is read.
    """
    wanted = [reference, *(reference + step for step in _NEIGHBOURS)]
    wanted += [round(value) for value in np.linspace(0, count - 1, min(spread, count))]
    return list(dict.fromkeys(position for position in wanted if 0 <= position < count))


def face_notes(values: Values) -> list[str]:
    """Return what a user should know about a face that is used, from the stage's values.

    An object of an earlier version has fewer values, and gives fewer notes.
    """
    notes = []
    if values.get("faces", 1) > 1:
        notes.append(f"{values['faces']} faces found: the larger and more central one is used")
    if abs(values.get("roll", 0.0)) > _ROLLED:
        notes.append(
            f"the face is rolled by {values['roll']:.0f} degrees (clockwise): it is used upright"
        )
    if values.get("inter_ocular_px", FEW_EYES) < FEW_EYES:
        notes.append(
            f"the face is small (its eyes are {values['inter_ocular_px']:.0f} px apart): noise "
            "may be taken for a movement"
        )
    if "contrast" in values:
        light = Light(values["brightest"], values["contrast"], values["clipped"])
        notes += [light.note] if light.note else []
    return notes


def face_position(clip: ClipInput, config: Config, values: Mapping[str, Values]) -> int:
    """Return the position of the frame in which the face was found."""
    wanted = _frames(clip, config, values)
    # A manipulated cache can name a frame that was not searched. Then any of them is as good.
    searched: int = values["face"]["searched"]
    return wanted[min(searched, len(wanted) - 1)]


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
    wanted = _frames(clip, config, upstream.values)
    if config.face.align == "per-frame":
        return _per_frame(clip, config)
    position, face = _search(clip, config, wanted)
    points = _among_neighbours(clip, face, position, wanted)
    return _result(face, points, [face_transform(points)], wanted.index(position))


def _search(clip: ClipInput, config: Config, wanted: list[int]) -> tuple[int, FoundFace]:
    """Return the first of the ``wanted`` positions that has a plausible face, and the face.

    The reference nearly always has one. Only without one are the others read, in one pass
    because a video can only be decoded in order. The slow ways come last and see a few
    frames only.
    """
    few = [wanted[0], *wanted[len(_NEIGHBOURS) + 1 :][1::3]]
    passes = [(wanted[:1], False), (wanted[1:], False), (few, True)]
    if clip.face_box:
        passes = passes[:1]
    refused: dict[int, FoundFace] = {}
    for positions, slowly in passes:
        if slowly and any(face.settled for face in refused.values()):
            # It is a face, in the dark or in profile: there is nothing more to find.
            break
        found: dict[int, FoundFace] = {}
        for position, image in clip.frames.images(positions) if positions else ():
            face = _face(clip, config, image, position, slowly=slowly)
            if face is None:
                continue
            if face.problem:
                refused.setdefault(position, face)
                continue
            found[position] = face
            if position == positions[0]:
                break
        if found:
            position = min(found, key=wanted.index)
            return position, found[position]
    raise _no_face(clip, refused, wanted)


def _no_face(clip: ClipInput, refused: Mapping[int, FoundFace], wanted: list[int]) -> BadDataError:
    if clip.face_box:
        face = refused[wanted[0]]
        box = " ".join(map(str, clip.face_box))
        return BadDataError(
            f"in the corrected face box {box}: {face.problem}",
            "Correct face_box in the corrections: around the face from the brows to the chin. "
            "Or leave the clip out.",
            wanted[0],
        )
    what = f"no face was found in any of the {len(wanted)} frames that were searched"
    if not refused:
        return BadDataError(what, _FRONT)
    # What comes nearest to a face says most.
    face = max(refused.values(), key=lambda face: face.examined.likeness)
    return BadDataError(
        f"no usable face was found in any of the {len(wanted)} frames that were searched: "
        f"{face.problem}",
        f"{_FRONT} If it does, give the face's box in the corrections (face_box).",
    )


def _among_neighbours(clip: ClipInput, face: FoundFace, position: int, wanted: list[int]) -> Points:
    """Return the mean of the landmarks of a frame and of its neighbours.

    dlib's landmarks are whole px and follow the noise; the mean does so less. A
    neighbour whose landmarks are elsewhere shows another face or none, and is
    left out.
    """
    near = [position + step for step in _NEIGHBOURS if position + step in wanted]
    points = face.points
    eyes = float(np.hypot(*eye_line(points)))
    all_ = [points]
    for _, image in clip.frames.images(near) if near else ():
        others = face.elsewhere(image)
        if np.median(np.hypot(*(others - points).T)) <= _SAME_FACE * eyes:
            all_.append(others)
    return np.asarray(np.mean(all_, axis=0), np.float64)


def _face(
    clip: ClipInput,
    config: Config,
    image: NDArray[np.uint8],
    position: int,
    *,
    slowly: bool = False,
) -> FoundFace | None:
    """Return the face of a frame: in the box of the corrections, or detected."""
    if clip.face_box is None:
        return find_face_slowly(image) if slowly else find_face(image, config.face.search_size)
    x0, y0, x1, y1 = clip.face_box
    height, width = image.shape[:2]
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise BadDataError(
            f"the corrected face box {x0} {y0} {x1} {y1} lies outside the frame "
            f"of {width} x {height} px",
            "Correct face_box in the corrections.",
            position,
        )
    return find_in_box(image, (float(x0), float(y0), float(x1), float(y1)))


def _per_frame(clip: ClipInput, config: Config) -> Result:
    times = clip.timing.times(clip.frames.count)
    if times is None:
        raise BadDataError(
            "face.align = per-frame needs the clip's frames per second, which are unknown",
            "Give them: --set data.fps=200, or a column fps in labels.csv.",
        )
    found: dict[int, FoundFace] = {}
    refused: dict[int, FoundFace] = {}
    for position, image in clip.frames.images():
        face = _face(clip, config, image, position)
        if face is not None:
            (refused if face.problem else found)[position] = face
    if not found:
        found = _followed(clip, config, refused)
    # A frame without a face takes the transform of the nearest one that has one.
    seen = sorted(found)
    transforms = np.stack([face_transform(found[position].points) for position in seen])
    edges = [(a + b) / 2 for a, b in pairwise(seen)]
    nearest = np.searchsorted(edges, np.arange(clip.frames.count))
    smoothed = smooth_transforms(transforms[nearest], times, config.face.steady_ms)
    chosen = min(seen, key=lambda position: abs(position - _reference(clip)))
    face = found[chosen]
    return _result(face, face.points, list(smoothed), chosen)


def _followed(
    clip: ClipInput, config: Config, refused: Mapping[int, FoundFace]
) -> dict[int, FoundFace]:
    """Return the face of each frame of a clip that lies on its side, or that is hard to see.

    It is searched slowly in a few frames, and then followed from there.
    """
    if clip.face_box:
        raise _no_face(clip, refused, [_reference(clip)])
    wanted = candidates(clip.frames.count, _reference(clip), config.face.spread)
    few = {wanted[0], *wanted[len(_NEIGHBOURS) + 1 :][1::3]}
    first = None
    for _, image in clip.frames.images(sorted(few)):
        face = find_face_slowly(image)
        if face is not None and not face.problem:
            first = face
            break
    if first is None:
        raise _no_face(clip, refused, list(range(clip.frames.count)))
    found = {}
    for position, image in clip.frames.images():
        face = first.followed(image)
        if not face.problem:
            found[position] = face
    return found


def _result(face: FoundFace, points: Points, transforms: list[Points], searched: int) -> Result:
    known = face.examined
    return Result(
        values={
            "transforms": [transform.tolist() for transform in transforms],
            "faces": face.count,
            "searched": searched,
            "quality": face.face.score,
            "frontal": frontality(points),
            "inter_ocular_px": float(np.hypot(*eye_line(points))),
            "roll": roll(face_transform(points)),
            "likeness": known.likeness,
            "moved": known.moved,
            "brightest": known.light.brightest,
            "contrast": known.light.contrast,
            "clipped": known.light.clipped,
        },
        arrays={"box": np.array(face.face.box), "landmarks": points},
    )


STAGE: Stage = Stage(
    name="face",
    version=4,
    libraries=("av", "dlib-bin", "numpy", "opencv-contrib-python-headless"),
    parts=_parts,
    frames=_frames,
    compute=_compute,
    arrays=declared(
        {"box": ("f8", 1), "landmarks": ("f8", 2)}, face_fits, {"box": (4,), "landmarks": (68, 2)}
    ),
    fits=face_fits,
)

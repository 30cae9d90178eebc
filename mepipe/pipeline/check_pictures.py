"""The problems that only decoded frames show: damage, repeats, darkness, faces that turn.

Videos were decoded once when their clip was prepared; what that found is in its notes. Here
every image is decoded, and the face of every clip is looked for, with the functions and the
words of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import ClipTask, PreparedClip
from mepipe.clips.video_notes import REPEATS_HANDLING, repeats_text, sudden_notes
from mepipe.config.settings import Config
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError
from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.face import face_transform, find_face, roll
from mepipe.frames import Changes
from mepipe.pipeline.problem import Problem
from mepipe.schema import Progress
from mepipe.stages import Upstream, face
from mepipe.stages.face import face_notes

_USED = "the clip is used"
_DARK = 60.0  # of 255: the 95th percentile of a frame with a face in room light is above 100
_FRAMES = 8  # of a clip are searched for a face that turns
_TURNS, _TURNS_AWAY = 10.0, 0.25  # degrees of roll, and change of frontality, within a clip


@dataclass(frozen=True)
class Look:
    """What a worker looks at: a clip, and how."""

    task: ClipTask
    config: Config
    needed: frozenset[int]


@dataclass
class _Seen:
    """What the frames of a clip show."""

    bad: dict[int, MepipeError] = field(default_factory=dict)
    bright: list[float] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)


def picture_problems(
    clips: Sequence[PreparedClip],
    needed: Sequence[set[int]],
    config: Config,
    jobs: int,
    progress: Progress,
) -> list[list[Problem]]:
    """Decode the frames of each clip, and return the problems of each.

    Parameters
    ----------
    clips
        The prepared clips.
    needed
        The positions that a run certainly decodes, of each clip.
    config
        The resolved configuration.
    jobs
        Worker processes.
    progress
        Reports how many clips were looked at.
    """
    looks = [
        Look(clip.task(), config, frozenset(some)) for clip, some in zip(clips, needed, strict=True)
    ]
    found: dict[str, list[Problem]] = {}
    progress.begin("frames", len(looks))
    try:
        for look, answer in run_tasks(problems_of_pictures, looks, jobs):
            clip = look.task.clip
            if isinstance(answer, WorkerDied):
                text = f"the process that decoded only this clip ended: {answer.reason}"
                found[clip] = [Problem.left_out(clip, text, answer.remedy)]
            else:
                found[clip] = answer
            progress.advance()
    finally:
        progress.end()
    return [found.get(clip.clip.id, []) for clip in clips]


def problems_of_pictures(look: Look) -> list[Problem]:
    """Return the problems of the pictures of one clip."""
    clip, name = look.task.open(), look.task.clip
    problems: list[Problem] = []
    try:
        problems += _of_frames(clip, name, look)
        problems += _of_face(clip, name, look.config)
    except UnreadableInputError as error:
        problems.append(Problem.left_out(name, error.message, error.remedy))
    return problems


def _of_frames(clip: ClipInput, name: str, look: Look) -> list[Problem]:
    video = clip.frames.video
    if video is not None:
        # Decoded already: damage, repeats and sudden changes are notes of the clip.
        return _darkness(name, video.bright)
    seen = _decoded(clip)
    problems = []
    if seen.bad:
        position, error = next(iter(seen.bad.items()))
        text = f"{len(seen.bad)} frame(s) cannot be decoded, first {clip.frames.name(position)}: "
        text += error.message
        fatal = bool(look.needed & seen.bad.keys())
        problems.append(
            Problem.left_out(name, text, error.remedy)
            if fatal
            else Problem(name, text, f"{_USED}: no stage needs these frames")
        )
    count = clip.frames.count
    repeats = count - len(clip.frames.new_pictures())
    if repeats:
        text = repeats_text(repeats, count, clip.timing.fps)
        problems.append(Problem(name, text, REPEATS_HANDLING))
    else:
        found = sudden_notes(seen.changes.found)
        problems += [Problem(name, text, handling) for text, handling in found]
    return problems + _darkness(name, float(np.median(seen.bright)) if seen.bright else 255.0)


def _decoded(clip: ClipInput) -> _Seen:
    import cv2

    seen = _Seen()
    for position in range(clip.frames.count):
        try:
            image = clip.frames.image(position)
        except BadDataError as error:
            seen.bad[position] = error
            continue
        grey: NDArray[np.uint8] = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        seen.bright.append(float(np.percentile(grey[::4, ::4], 95)))
        seen.changes.look(grey)
    return seen


def _darkness(name: str, bright: float) -> list[Problem]:
    if bright >= _DARK:
        return []
    text = f"the frames are dark: 95 % of the pixels are below {bright:.0f} of 255"
    return [Problem(name, text, f"{_USED} if its face can be seen: noise is most of dark pictures")]


def _no_arrays(_stage: str) -> dict[str, NDArray[np.float64]]:
    """Return nothing: face is the first stage, and reads no earlier one."""
    return {}


def _of_face(clip: ClipInput, name: str, config: Config) -> list[Problem]:
    """Return what the face stage says of the clip, and how the face turns within it."""
    try:
        result = face.STAGE.compute(clip, config, Upstream({}, _no_arrays))
    except BadDataError as error:
        where = "" if error.position is None else f"{clip.frames.name(error.position)}: "
        return [Problem.left_out(name, where + error.message, error.remedy)]
    problems = [Problem(name, text, _USED) for text in face_notes(result.values)]
    if config.face.align == "per-frame" or clip.face_box:
        return problems
    spread = {round(place) for place in np.linspace(0, clip.frames.count - 1, _FRAMES)}
    if clip.frames.video is not None:
        spread -= {at for at in spread if clip.frames.video.damage_at(at)}
    turns: list[tuple[int, float, float]] = []
    try:
        for position, image in clip.frames.images(sorted(spread)):
            seen = find_face(image, config.face.search_size)
            if seen is not None and not seen.problem:
                angle = roll(face_transform(seen.points))
                turns.append((position, angle, seen.examined.frontal))
    except BadDataError:
        return problems  # a bad frame is told above
    if len(turns) < 2:
        return problems
    angles = [angle for _, angle, _ in turns]
    frontal = [value for _, _, value in turns]
    if max(angles) - min(angles) > _TURNS:
        problems.append(
            Problem(
                name,
                f"the head rolls from {min(angles):.0f} to {max(angles):.0f} degrees in the clip",
                f"{_USED}; flow between turned heads is less certain",
            )
        )
    if max(frontal) - min(frontal) > _TURNS_AWAY:
        problems.append(
            Problem(
                name,
                "the head turns to the side within the clip: the narrower half of the face has "
                f"{min(frontal):.0%} to {max(frontal):.0%} of the other's width",
                f"{_USED}; flow between turned heads is less certain",
            )
        )
    return problems

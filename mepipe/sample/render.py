"""Render the frames of a clip, with its ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.sample import factors as drawn
from mepipe.sample.eyes import COUPLED, Eye, find_eyes, look_up
from mepipe.sample.factors import NONE, Factors
from mepipe.sample.identity import HEIGHT, OVERSAMPLING, WIDTH, Subject
from mepipe.sample.movement import (
    ACTION_UNITS,
    EXPRESSIONS,
    LABELS,
    NEUTRAL,
    Course,
    Expression,
    add_pulls,
    course,
    course_of,
    displacement,
    slow_noise,
)

FPS = 200.0
COURSE, NOISE = 0, 1  # independent draws of one clip


@dataclass(frozen=True)
class Part:
    """A displacement with a course of its own.

    ``field`` is (480, 640, 2), float32, px; ``share`` (N,) says how much of it a
    frame shows; ``shown`` how much of it the subject's photograph shows.
    """

    field: NDArray[np.float32]
    share: NDArray[np.float64]
    shown: float = 1.0


@dataclass(frozen=True)
class Scene:
    """Everything that decides a clip.

    Parameters
    ----------
    subject
        The person.
    expression, course
        What is shown, and how much of it by each of the N frames.
    amplitude
        Largest displacement of the apex frame, in px.
    parts
        What moves the skin, in head coordinates; summed, where the skin of the
        still face goes by the apex: the exact flow between the two.
    drift
        (N, 6): shift x, y (px), roll (rad), growth (share), yaw and pitch (rad)
        of the head.
    light
        (N,): brightness relative to the subject's.
    noise_seed
        Of the sensor noise.
    closed, gaze
        (N,) 0 to 1 and (N, 2) px: the lids and the eyes; None: open and still.
    relief
        (480, 640), px, instead of the subject's depth.
    plane
        (N, 2): by how much brightness grows from the frame's centre to its
        right and its lower edge.
    """

    subject: Subject
    expression: Expression
    course: Course
    amplitude: float
    parts: tuple[Part, ...]
    drift: NDArray[np.float64]
    light: NDArray[np.float64]
    noise_seed: tuple[int, ...]
    closed: NDArray[np.float64] | None = None
    gaze: NDArray[np.float64] | None = None
    relief: NDArray[np.float32] | None = None
    plane: NDArray[np.float64] | None = None


def choose_label(subject: int, clip: int) -> str:
    """Return the class of a clip: in turn, so that a subject's clips differ."""
    return LABELS[(subject + clip) % len(LABELS)]


def make_scene(
    subject: Subject, index: int, clip: int, seed: int, factors: Factors = NONE
) -> Scene:
    """Draw clip number ``clip`` (0-based) of subject number ``index``."""
    rng = np.random.default_rng([seed, index, clip, COURSE])
    choices = EXPRESSIONS[choose_label(index, clip)]
    expression = choices[int(rng.integers(len(choices)))]
    timing = course(rng)
    amplitude = float(rng.uniform(0.8, 2.0))
    field = displacement(expression, subject.landmarks, (HEIGHT, WIDTH), rng=rng)
    if factors.timing:
        timing = course_of(drawn.varied_course((seed, index, clip)))
    count = len(timing.share)
    sizes = (0.5, 0.5, 0.0012, 0.0012, 0.003, 0.003)
    drift = np.stack([size * slow_noise(rng, count) for size in sizes], axis=1)
    # Lamps on alternating current beat with the camera, and vary slowly.
    beat = np.sin(2 * np.pi * rng.uniform(0.8, 6.0) * np.arange(count) / FPS + rng.uniform(0, 6.3))
    light = 1 + 0.006 * slow_noise(rng, count) + 0.004 * beat + 0.002 * rng.standard_normal(count)
    parts = (Part(field * np.float32(amplitude), timing.share),)
    scene = Scene(
        subject, expression, timing, amplitude, parts, drift, light, (seed, index, clip, NOISE)
    )
    return _with_factors(scene, factors, (seed, index, clip)) if factors.names else scene


def _with_factors(scene: Scene, factors: Factors, clip: tuple[int, int, int]) -> Scene:
    count = len(scene.course.share)
    if factors.uneven:
        parts, timing = _uneven(scene, clip)
        scene = replace(scene, course=timing, parts=parts)
    if factors.head:
        subject = scene.subject
        scene = replace(
            scene,
            drift=scene.drift + drawn.head_motion(clip, scene.course.share),
            relief=drawn.relief(clip, subject.landmarks, subject.depth, subject.eye_distance),
        )
    if factors.still:
        nothing = Course(np.zeros(count), -1, -1, -1)
        scene = replace(scene, expression=NEUTRAL, course=nothing, amplitude=0.0, parts=())
    if factors.blinks:
        closed, gaze = drawn.blinks(clip, count)
        coupled = np.zeros((HEIGHT, WIDTH, 2), np.float32)
        add_pulls(coupled, COUPLED, scene.subject.landmarks, 1.0, 1.0)
        parts = (*scene.parts, Part(coupled, closed, shown=0.0))
        scene = replace(scene, parts=parts, closed=closed, gaze=gaze)
    if factors.light:
        gain, plane = drawn.moving_light(clip, count)
        scene = replace(scene, light=scene.light * gain, plane=plane)
    return scene


def _uneven(scene: Scene, clip: tuple[int, int, int]) -> tuple[tuple[Part, ...], Course]:
    """Give each action unit a delay and two sides; the largest motion of any frame stays.

    The motion of a frame is the largest displacement of its summed fields.
    """
    shares = scene.expression.shares
    lags, sides = drawn.unit_delays(clip, len(shares))
    parts = []
    for (unit, share), lag, (right, left) in zip(shares.items(), lags, sides, strict=True):
        field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
        add_pulls(field, ACTION_UNITS[unit], scene.subject.landmarks, share * right, share * left)
        parts.append(Part(field, drawn.delayed(scene.course.share, lag)))
    # Every fourth pixel is enough for fields as smooth as these.
    coarse = np.stack([part.field[::4, ::4] for part in parts])
    moved = [
        float(np.linalg.norm(np.tensordot(at, coarse, axes=1), axis=-1).max())
        for at in np.stack([part.share for part in parts], axis=1)
    ]
    scale = np.float32(scene.amplitude / max(moved))
    return (
        tuple(replace(part, field=part.field * scale) for part in parts),
        course_of(np.array(moved) / max(moved)),
    )


def _noise_tiles(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return unit noise larger than a frame: each frame takes another part of it."""
    return rng.standard_normal((HEIGHT + 256, WIDTH + 256, 3), dtype=np.float32)


def frames(scene: Scene) -> Iterator[NDArray[np.uint8]]:
    """Yield the clip's frames (480, 640, 3), uint8, B G R.

    The subject's face stands for the apex: a frame that shows the share e of
    the expression is ``face(y + (1 - e) d(y))`` with y the pixel in head
    coordinates, so that skin at y in a still frame is at y + d(y) in the apex.
    """
    import cv2

    subject = scene.subject
    rng = np.random.default_rng(scene.noise_seed)
    tiles = _noise_tiles(rng)
    rows = np.flatnonzero(subject.head.any(axis=1))
    columns = np.flatnonzero(subject.head.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    still = np.ascontiguousarray(subject.face[::OVERSAMPLING, ::OVERSAMPLING])
    # Photon noise grows with the root of the light; 0.6 is the electronics'.
    sigma = np.sqrt(0.36 + 0.012 * still, dtype=np.float32)
    ys, xs = np.mgrid[box].astype(np.float32)
    depth = (subject.depth if scene.relief is None else scene.relief)[box]
    head = subject.head[box]
    centre = subject.landmarks[27:36].mean(axis=0).astype(np.float32)
    x, y = (xs - centre[0]) * head, (ys - centre[1]) * head
    basis = np.stack([head, x, y, head * depth], axis=-1).reshape(-1, 4)
    fields = [tuple(np.ascontiguousarray(p.field[..., i]) for i in (0, 1)) for p in scene.parts]
    eyes = find_eyes(subject.landmarks) if scene.closed is not None else ()
    frame = still.copy()
    for position, (drift, light) in enumerate(zip(scene.drift, scene.light, strict=True)):
        shift_x, shift_y, roll, growth, yaw, pitch = drift
        weights = np.array(
            [[shift_x, shift_y], [growth, roll], [-roll, growth], [yaw, pitch]], np.float32
        )
        moved = (basis @ weights).reshape(*head.shape, 2)
        at_x, at_y = xs - moved[..., 0], ys - moved[..., 1]
        rests = [np.float32(part.shown - part.share[position]) for part in scene.parts]

        def read(
            x: NDArray[np.float32],
            y: NDArray[np.float32],
            rests: list[np.float32] = rests,
        ) -> NDArray[np.float32]:
            """Read the face where head coordinates lead through what the expression moves."""
            from_x, from_y = x, y
            for rest, field in zip(rests, fields, strict=True):
                if rest:
                    still_x, still_y = (
                        cv2.remap(f, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                        for f in field
                    )
                    from_x, from_y = from_x + rest * still_x, from_y + rest * still_y
            return np.asarray(
                cv2.remap(
                    subject.face,
                    from_x * OVERSAMPLING,
                    from_y * OVERSAMPLING,
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                ),
                np.float32,
            )

        frame[box] = read(at_x, at_y)
        for eye in eyes:
            _draw_eye(frame, eye, (at_x, at_y), (box[1].start, box[0].start), read, scene, position)
        top, left = rng.integers(0, 256, 2)
        noise = cv2.multiply(tiles[top : top + HEIGHT, left : left + WIDTH], sigma)
        lit = frame
        if scene.plane is not None:
            lit = frame * _plane(scene.plane[position])
        # Below black the noise folds back, as behind a black level it is cut.
        yield np.asarray(cv2.convertScaleAbs(cv2.scaleAdd(lit, light, noise)), np.uint8)


def _draw_eye(
    frame: NDArray[np.float32],
    eye: Eye,
    at: tuple[NDArray[np.float32], NDArray[np.float32]],
    corner: tuple[int, int],
    read: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
    scene: Scene,
    position: int,
) -> None:
    """Draw one eye over a frame in place; ``at`` are the head coordinates from ``corner`` on."""
    assert scene.closed is not None
    assert scene.gaze is not None
    margin = 8  # px that a head may move
    x0, y0, x1, y1 = eye.box
    rows, columns = slice(y0 - margin, y1 + margin), slice(x0 - margin, x1 + margin)
    inner = (
        slice(rows.start - corner[1], rows.stop - corner[1]),
        slice(columns.start - corner[0], columns.stop - corner[0]),
    )
    at_x, at_y = (part[inner] for part in at)
    gaze = scene.gaze[position]
    skin_y, eye_x, open_ = look_up(eye, at_x, at_y, float(scene.closed[position]), gaze)
    skin, ball = read(at_x, skin_y), read(eye_x, at_y - np.float32(gaze[1]))
    frame[rows, columns] = skin + open_[..., None] * (ball - skin)


def _plane(slope: NDArray[np.float64]) -> NDArray[np.float32]:
    x, y = np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT)
    return np.asarray(1 + slope[0] * x + slope[1] * y[:, None], np.float32)[..., None]

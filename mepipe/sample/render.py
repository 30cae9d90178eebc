"""The frames of a made clip, with what is true of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.sample.identity import HEIGHT, OVERSAMPLING, WIDTH, Subject
from mepipe.sample.movement import (
    EXPRESSIONS,
    LABELS,
    Course,
    Expression,
    course,
    displacement,
    slow_noise,
)

FPS = 200.0
COURSE, NOISE = 0, 1  # independent draws of one clip


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
    field
        (480, 640, 2), float32, px: where the skin of the still face goes by the
        apex, in head coordinates. It is the exact flow between the two.
    drift
        (N, 6): shift x, y (px), roll (rad), growth (share), yaw and pitch (rad)
        of the head.
    light
        (N,): brightness relative to the subject's.
    noise_seed
        Of the sensor noise.
    """

    subject: Subject
    expression: Expression
    course: Course
    amplitude: float
    field: NDArray[np.float32]
    drift: NDArray[np.float64]
    light: NDArray[np.float64]
    noise_seed: tuple[int, ...]


def choose_label(subject: int, clip: int) -> str:
    """Return the class of a clip: in turn, so that a subject's clips differ."""
    return LABELS[(subject + clip) % len(LABELS)]


def make_scene(subject: Subject, index: int, clip: int, seed: int) -> Scene:
    """Draw clip number ``clip`` (0-based) of subject number ``index``."""
    rng = np.random.default_rng([seed, index, clip, COURSE])
    choices = EXPRESSIONS[choose_label(index, clip)]
    expression = choices[int(rng.integers(len(choices)))]
    timing = course(rng)
    amplitude = float(rng.uniform(0.8, 2.0))
    field = displacement(expression, subject.landmarks, (HEIGHT, WIDTH), rng=rng)
    count = len(timing.share)
    sizes = (0.5, 0.5, 0.0012, 0.0012, 0.003, 0.003)
    drift = np.stack([size * slow_noise(rng, count) for size in sizes], axis=1)
    # Lamps on alternating current beat with the camera, and vary slowly.
    beat = np.sin(2 * np.pi * rng.uniform(0.8, 6.0) * np.arange(count) / FPS + rng.uniform(0, 6.3))
    light = 1 + 0.006 * slow_noise(rng, count) + 0.004 * beat + 0.002 * rng.standard_normal(count)
    return Scene(
        subject, expression, timing, amplitude, field * np.float32(amplitude), drift, light,
        (seed, index, clip, NOISE),
    )  # fmt: skip


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
    head, depth = subject.head[box], subject.depth[box]
    centre = subject.landmarks[27:36].mean(axis=0).astype(np.float32)
    x, y = (xs - centre[0]) * head, (ys - centre[1]) * head
    basis = np.stack([head, x, y, head * depth], axis=-1).reshape(-1, 4)
    field_x, field_y = (np.ascontiguousarray(scene.field[..., i]) for i in (0, 1))
    frame = still.copy()
    for share, drift, light in zip(scene.course.share, scene.drift, scene.light, strict=True):
        shift_x, shift_y, roll, growth, yaw, pitch = drift
        weights = np.array(
            [[shift_x, shift_y], [growth, roll], [-roll, growth], [yaw, pitch]], np.float32
        )
        moved = (basis @ weights).reshape(*head.shape, 2)
        at_x, at_y = xs - moved[..., 0], ys - moved[..., 1]
        rest = np.float32(1 - share)
        if rest > 0:
            still_x, still_y = (
                cv2.remap(f, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                for f in (field_x, field_y)
            )
            at_x += rest * still_x
            at_y += rest * still_y
        frame[box] = cv2.remap(
            subject.face,
            at_x * OVERSAMPLING,
            at_y * OVERSAMPLING,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        top, left = rng.integers(0, 256, 2)
        noise = cv2.multiply(tiles[top : top + HEIGHT, left : left + WIDTH], sigma)
        # Below black the noise folds back, as behind a black level it is cut.
        yield np.asarray(cv2.convertScaleAbs(cv2.scaleAdd(frame, light, noise)), np.uint8)

"""Two frames of a face that shows an expression, with the exact flow between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.face import fit_similarity
from mepipe.sample import factors
from mepipe.sample.identity import HEIGHT, WIDTH, Subject, make_subject
from mepipe.sample.movement import EXPRESSIONS, Course, Expression, displacement
from mepipe.sample.photos import load_photos
from mepipe.sample.render import Part, Scene, frames
from mepipe.sample.video_files import coded

Float = NDArray[np.float64]

HEADS = ("still", "drifting", "turning")
"""What the head does between the two frames."""
# Of one sign or the other: shift x and y (px), roll (rad), growth.
DRIFT = (0.8, 0.8, 0.004, 0.003)
DEGREES = (1.0, 2.0)  # of a turn, in any direction between yaw and pitch
CODED = 9  # frames of a coded movement: the first is a key frame, the last is predicted


def _by_emotion() -> dict[str, Expression]:
    """Return the first expression of each emotion of the sample: four."""
    found: dict[str, Expression] = {}
    for several in EXPRESSIONS.values():
        for one in several:
            found.setdefault(one.emotion, one)
    return found


EMOTIONS = tuple(_by_emotion())


@dataclass(frozen=True)
class MovingFace:
    """A pair of frames with its truth.

    Parameters
    ----------
    face, faces
        Number of the photograph, and of all of them.
    emotion, head
        One of `EMOTIONS` and of `HEADS`.
    peak
        Largest motion of the expression, px of the aligned face.
    frames
        (2, 480, 640, 3) uint8, before and at the peak.
    transform
        (2, 3), px of the frame to fractions of the aligned face: the exact one of the first
        frame, for both.
    truth
        (2, S, S) float32, the flow of the expression alone, px of the aligned face.
    """

    face: int
    faces: int
    emotion: str
    head: str
    peak: float
    frames: NDArray[np.uint8]
    transform: Float
    truth: NDArray[np.float32]


def moving_faces(
    photos: Path | None,
    peaks: Sequence[float],
    size: int,
    seed: int = 0,
    *,
    degrees: tuple[float, float] = DEGREES,
    crf: int | None = None,
) -> Iterator[MovingFace]:
    """Yield every emotion with every head and peak, of every photograph.

    Parameters
    ----------
    photos
        Photographs of faces; None: scikit-image's astronaut.
    peaks
        Largest motion, px of the aligned face.
    size
        Side of the aligned face, px.
    seed
        Of the faces' changes, of the expressions' sides and of the heads' motion.
    degrees
        By how much the turning heads turn, from and to.
    crf
        The two frames are the first and the last of a movement of `CODED` frames in H.264 of
        this constant rate factor. None: they are as the camera gives them.

    Raises
    ------
    UsageError
        As `mepipe.sample.photos.load_photos`.
    """
    every = load_photos(photos)
    for face, photo in enumerate(every):
        subject = make_subject(photo, face, seed)
        rigid = list(template().rigid)
        transform = fit_similarity(subject.landmarks[rigid], template().points[rigid])
        scale = size * float(np.hypot(*transform[0, :2]))
        for number, (emotion, expression) in enumerate(_by_emotion().items()):
            for peak in peaks:
                # The expression is the same whatever the head does.
                rng = np.random.default_rng([seed, face, number, round(100 * peak)])
                field = displacement(expression, subject.landmarks, (HEIGHT, WIDTH), rng=rng)
                field *= np.float32(peak / scale)
                truth = _aligned(field, transform, size)
                drift, turn = _drift(rng), _turn(rng, degrees)
                for head in HEADS:
                    motion = drift * (head != "still") + turn * (head == "turning")
                    count = 2 if crf is None else CODED
                    scene = _scene(subject, expression, field, motion, (seed, face, number), count)
                    shown = frames(scene) if crf is None else coded(frames(scene), crf)
                    first, *_, last = shown
                    pair = np.stack([first, last])
                    yield MovingFace(face, len(every), emotion, head, peak, pair, transform, truth)


def _drift(rng: np.random.Generator) -> Float:
    return np.array([*(rng.uniform(-1, 1, 4) * DRIFT), 0, 0])


def _turn(rng: np.random.Generator, degrees: tuple[float, float]) -> Float:
    way, radians = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(*degrees))
    return np.array([0, 0, 0, 0, radians * np.cos(way), radians * np.sin(way)])


def _scene(
    subject: Subject,
    expression: Expression,
    field: NDArray[np.float32],
    motion: Float,
    draw: tuple[int, int, int],
    count: int,
) -> Scene:
    """Return ``count`` frames from the still face to the expression with the head moved."""
    share = np.linspace(0, 1, count)
    return Scene(
        subject,
        expression,
        Course(share, 0, count - 1, count - 1),
        float(np.hypot(field[..., 0], field[..., 1]).max()),
        (Part(field, share),),
        share[:, None] * motion,
        1 + 0.005 * share,
        draw,
        # Not the relief that is fitted: brows, sockets, cheeks and mouth of its own.
        relief=factors.relief(draw, subject.landmarks, subject.depth, subject.eye_distance),
    )


def _aligned(field: NDArray[np.float32], transform: Float, size: int) -> NDArray[np.float32]:
    """Return a field (H, W, 2) of the frame, px, in the aligned face: (2, S, S), px."""
    import cv2

    to_pixels = transform * size
    to_pixels[:, 2] -= 0.5  # as in warp_face
    warped = cv2.warpAffine(field, to_pixels, (size, size), flags=cv2.INTER_LINEAR)
    turned = np.asarray(warped, np.float64) @ to_pixels[:, :2].T
    return np.ascontiguousarray(np.moveaxis(turned, 2, 0), dtype=np.float32)

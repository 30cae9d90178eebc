"""Render the frames of a synthetic recording, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mepipe.sample.eyes import COUPLED, Eye, find_eyes, look_up
from mepipe.sample.factors import relief
from mepipe.sample.identity import EYE_DISTANCE, HEIGHT, OVERSAMPLING, WIDTH, Subject
from mepipe.sample.movement import Expression, add_pulls, displacement
from mepipe.sample.timeline import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

Float32 = NDArray[np.float32]

_NOISE = 40  # stream of the sensor's draws, beside those of the timeline
_NODES = (0.25, 0.5, 0.75, 1.0)  # shares of a movement at which its inverse is exact
_JAW = Expression("speech", "speech", {"25": 0.7, "26": 1.0}, "")
_WIDE = Expression("speech", "speech", {"12": 1.0}, "")
_ROUND = Expression("speech", "speech", {"15": 1.0}, "")


@dataclass(frozen=True)
class _Mover:
    """A displacement of the skin and its course: ``terms`` of the inverse, (4, H, W, 2).

    Skin that is at y in the still face is at y + share d(y). So a pixel at z shows the skin at
    z + g, where g = -share d(z + g). That is solved once, at four shares, and a polynomial in
    the share goes through the four, and through 0.
    """

    start: int
    share: NDArray[np.float64]
    terms: Float32

    def add_to(self, total: Float32, position: int, work: Float32) -> bool:
        """Add the inverse displacement in a frame to ``total``; return whether there is any."""
        at = position - self.start
        if not 0 <= at < len(self.share) or self.share[at] < 1e-4:
            return False
        share = np.float32(self.share[at])
        np.multiply(self.terms[3], share, out=work)
        for term in self.terms[2::-1]:
            np.add(work, term, out=work)
            np.multiply(work, share, out=work)
        np.add(total, work, out=total)
        return True


def inverse_terms(field: Float32) -> Float32:
    """Return the terms (4, H, W, 2) of the inverse of a displacement field (H, W, 2), px.

    With c of them, a pixel at z shows the skin at z + e c[0] + e^2 c[1] + e^3 c[2] + e^4 c[3]
    when the skin at y has moved by e d(y), 0 <= e <= 1. Exact to .01 px for fields
    as smooth as those of action units of up to 6 px.
    """
    import cv2

    y, x = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    solved = []
    for share in _NODES:
        inverse = -np.float32(share) * field
        for _ in range(8):  # a contraction
            there = cv2.remap(
                field, x + inverse[..., 0], y + inverse[..., 1],
                cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            inverse = -np.float32(share) * np.asarray(there, np.float32)
        solved.append(inverse)
    powers = np.array([[share**k for k in (1, 2, 3, 4)] for share in _NODES])
    weights = np.linalg.inv(powers).astype(np.float32)
    return np.ascontiguousarray(np.tensordot(weights, np.stack(solved), axes=1), np.float32)


class _Movers:
    """The movers of a plan, made when their time comes and dropped when it is over."""

    def __init__(self, plan: Plan, subject: Subject, box: tuple[slice, slice]) -> None:
        self._shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
        self._points = subject.landmarks - [box[1].start, box[0].start]
        self._scale = subject.eye_distance / EYE_DISTANCE
        self._now: list[_Mover] = []
        makers: list[tuple[int, Callable[[], _Mover]]] = [
            (one.start, partial(self._make, one.start, one.share, one.expression, one.px, one.draw))
            for one in plan.movements
        ]
        for part in plan.speech:
            lips = _WIDE if part.spread else _ROUND
            makers += [
                (part.start, partial(self._make, part.start, part.jaw, _JAW, part.jaw_px)),
                (part.start, partial(self._make, part.start, part.lips, lips, part.lips_px)),
            ]
        self._waiting = sorted(makers, key=lambda maker: -maker[0])
        if plan.closed.any():
            coupled = np.zeros((*self._shape, 2), np.float32)
            add_pulls(coupled, COUPLED, self._points, 1.0, 1.0)
            self._now.append(_Mover(0, plan.closed, inverse_terms(coupled)))

    def _make(
        self,
        start: int,
        share: NDArray[np.float64],
        expression: Expression,
        px: float,
        draw: tuple[int, ...] | None = None,
    ) -> _Mover:
        rng = None if draw is None else np.random.default_rng(draw)
        field = displacement(expression, self._points, self._shape, rng=rng)
        return _Mover(start, share, inverse_terms(field * np.float32(px * self._scale)))

    def at(self, position: int) -> Sequence[_Mover]:
        """Return the movers that may move something in a frame. Frames are asked in order."""
        self._now = [one for one in self._now if position < one.start + len(one.share)]
        while self._waiting and self._waiting[-1][0] <= position:
            self._now.append(self._waiting.pop()[1]())
        return self._now


def render_frames(subject: Subject, plan: Plan) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames (480, 640, 3), uint8, B G R, of a recording.

    The subject's face is the still one. Each frame is made by itself, so memory does not grow
    with the length. The same subject and plan give the same frames.

    Parameters
    ----------
    subject
        A person: ``make_subject(photo, index, seed)``.
    plan
        What happens: ``plan_recording(...)``.
    """
    import cv2

    rng = np.random.default_rng([*plan.numbers, _NOISE])
    tiles = rng.standard_normal((HEIGHT + 256, WIDTH + 256, 3), dtype=np.float32)
    still = np.ascontiguousarray(subject.face[::OVERSAMPLING, ::OVERSAMPLING])
    # Photon noise grows with the root of the light; 0.6 is the electronics'.
    sigma = np.sqrt(0.36 + 0.012 * still, dtype=np.float32)
    light = _Light()
    face = _Face(subject, plan)
    frame = still.copy()
    for position in range(plan.count):
        face.draw(frame, position)
        top, left = rng.integers(0, 256, 2)
        noise = cv2.multiply(tiles[top : top + HEIGHT, left : left + WIDTH], sigma)
        lit = light.on(frame, float(plan.gain[position]), plan.plane[position])
        # Below black the noise folds back, as behind a black level it is cut.
        yield np.asarray(cv2.convertScaleAbs(cv2.add(lit, noise)), np.uint8)


class _Light:
    """Brightness that changes over time and over the frame."""

    def __init__(self) -> None:
        x, y = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
        self._x, self._y = (
            np.repeat(part[..., None], 3, axis=-1).astype(np.float32) for part in (x, y)
        )

    def on(self, frame: Float32, gain: float, slope: NDArray[np.float64]) -> Float32:
        import cv2

        if not slope.any():
            return frame * np.float32(gain)
        plane = cv2.addWeighted(self._x, gain * slope[0], self._y, gain * slope[1], gain)
        return np.asarray(cv2.multiply(frame, plane), np.float32)


class _Face:
    """Draws the face of each frame: head, skin, then eyes."""

    def __init__(self, subject: Subject, plan: Plan) -> None:
        self._subject, self._plan = subject, plan
        rows = np.flatnonzero(subject.head.any(axis=1))
        columns = np.flatnonzero(subject.head.any(axis=0))
        self._box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._corner = np.array([columns[0], rows[0]], np.float32)
        self._y, self._x = np.mgrid[self._box].astype(np.float32)
        head = subject.head[self._box]
        numbers = (plan.numbers[0], plan.numbers[1], 0)
        depth = relief(numbers, subject.landmarks, subject.depth, subject.eye_distance)[self._box]
        centre = subject.landmarks[27:36].mean(axis=0).astype(np.float32)
        x, y = (self._x - centre[0]) * head, (self._y - centre[1]) * head
        self._basis = np.stack([head, x, y, head * depth], axis=-1).reshape(-1, 4)
        self._movers = _Movers(plan, subject, self._box)
        self._total = np.zeros((*head.shape, 2), np.float32)
        self._work = np.empty_like(self._total)
        self._eyes = find_eyes(subject.landmarks)

    def draw(self, frame: Float32, position: int) -> None:
        """Draw the face over a frame in place."""
        shift_x, shift_y, roll, growth, yaw, pitch = self._plan.pose[position]
        weights = np.array(
            [[shift_x, shift_y], [growth, roll], [-roll, growth], [yaw, pitch]], np.float32
        )
        moved = (self._basis @ weights).reshape(self._total.shape)
        at_x, at_y = self._x - moved[..., 0], self._y - moved[..., 1]
        self._total[:] = 0
        moves = False
        for mover in self._movers.at(position):
            moves |= mover.add_to(self._total, position, self._work)
        frame[self._box] = self._read(at_x, at_y, moves)
        closed, gaze = float(self._plan.closed[position]), self._plan.gaze[position]
        if closed > 0 or gaze.any():
            for eye in self._eyes:
                self._draw_eye(frame, eye, (at_x, at_y), moves, closed, gaze)

    def _read(self, x: Float32, y: Float32, moves: bool) -> Float32:
        """Return the still face where head coordinates lead through what moves the skin."""
        import cv2

        if moves:
            skin = cv2.remap(
                self._total, x - self._corner[0], y - self._corner[1],
                cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            x, y = x + skin[..., 0], y + skin[..., 1]
        return np.asarray(
            cv2.remap(
                self._subject.face,
                x * OVERSAMPLING,
                y * OVERSAMPLING,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        )

    def _draw_eye(
        self,
        frame: Float32,
        eye: Eye,
        at: tuple[Float32, Float32],
        moves: bool,
        closed: float,
        gaze: NDArray[np.float64],
    ) -> None:
        x0, y0, x1, y1 = eye.box
        first, top = int(self._corner[0]), int(self._corner[1])
        # Where the head has carried the eye: from the middle of where it was.
        row, column = (y0 + y1) // 2 - top, (x0 + x1) // 2 - first
        over_x, over_y = x0 + x1, y0 + y1
        carried_x = round(over_x / 2 - float(at[0][row, column]))
        carried_y = round(over_y / 2 - float(at[1][row, column]))
        margin = 6  # px that skin, roll and growth add
        rows = slice(y0 - margin + carried_y, y1 + margin + carried_y)
        columns = slice(x0 - margin + carried_x, x1 + margin + carried_x)
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - first, columns.stop - first),
        )
        at_x, at_y = (np.ascontiguousarray(part[inner]) for part in at)
        skin_y, eye_x, open_ = look_up(eye, at_x, at_y, closed, gaze)
        skin = self._read(at_x, skin_y, moves)
        ball = self._read(eye_x, at_y - np.float32(gaze[1]), moves)
        frame[rows, columns] = skin + open_[..., None] * (ball - skin)


def write_recording(path: Path, subject: Subject, plan: Plan, *, crf: int | None = 16) -> None:
    """Write a recording as H.264 in ``path`` (.mp4, .mkv), or lossless (.mkv) with ``crf`` None.

    The encoder runs in one thread, so that the bytes are the same on any machine with its version.
    """
    from mepipe.sample.video_files import write_video

    rate = round(plan.fps)
    if crf is None:
        write_video(path, render_frames(subject, plan), rate, codec="ffv1", pixels="bgr0")
        return
    write_video(
        path, render_frames(subject, plan), rate, codec="libx264", pixels="yuv420p",
        options={"crf": str(crf), "preset": "veryfast"}, group=2 * rate,
    )  # fmt: skip

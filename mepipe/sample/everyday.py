"""What goes on in a synthetic recording beside its expressions.

Blinks, gaze, sway, turns of the head, light and speech. Sizes and times are chosen
by hand to be plausible for people who sit before a camera; none was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from mepipe.sample.courses import Float, blink_course, span_of, step_course, syllables, wander

BLINKS_A_MINUTE = 14.0

# Independent streams of one recording's draws; those of clips are smaller.
EVENTS = 30
_BLINKS, _GAZE, _SWAY, _TURNS, _LIGHT, _SPEECH = range(31, 37)


@dataclass(frozen=True)
class Everyday:
    """What else goes on in a recording, each on or off.

    Parameters
    ----------
    blinks
        About 14 blinks a minute, some of them double, and changes of gaze.
    head
        The head sways, and turns by some degrees every 8 to 20 s, and stays there.
    light
        Slow changes of brightness and of its slope over the frame, and flicker.
    speech
        Stretches of 3 to 8 s in which mouth and jaw move at 3 to 6 Hz. Movements
        during them are of the brows and lids alone.
    still
        There is no expression; the rest stays.
    """

    blinks: bool = True
    head: bool = True
    light: bool = True
    speech: bool = True
    still: bool = False

    @property
    def names(self) -> list[str]:
        """Those that are on, in the order above."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


@dataclass(frozen=True)
class Other:
    """A blink, a change of gaze, a turn of the head or a stretch of speech. Frame positions.

    ``size`` is how far the lids close (0 to 1), how far the eye's surface moves (px), how
    far the head turns (degrees), and how far the jaw opens at most (px); px with 110 px
    between the eyes.
    """

    kind: str
    onset: int
    apex: int
    offset: int
    size: float


@dataclass(frozen=True)
class Speech:
    """A stretch of speech: the courses of jaw and lips (M,) from ``start`` on, and their px."""

    start: int
    jaw: Float
    lips: Float
    jaw_px: float
    lips_px: float
    spread: bool


def stream(numbers: tuple[int, int, int], number: int) -> np.random.Generator:
    """Return a stream of draws of a recording (seed, subject, number of the recording)."""
    return np.random.default_rng([*numbers, number])


def draw_blinks(numbers: tuple[int, int, int], count: int, fps: float) -> tuple[Float, list[Other]]:
    """Draw the lids (N,), 0 to 1, and the blinks."""
    rng = stream(numbers, _BLINKS)
    closed = np.zeros(count)
    found = []
    double = 0.15
    mean = 60 / BLINKS_A_MINUTE * (1 + double)  # s from one to the next, doubles apart
    at = rng.uniform(0, mean)
    while at < count / fps:
        pair = rng.random() < double
        begin = at
        for _ in range(1 + pair):
            length = rng.uniform(0.1, 0.35)
            one = blink_course(rng, count, begin, length, fps)
            if one.max() >= 0.1:
                seen, apex, last = span_of(one)
                found.append(Other("blink", seen, apex, last, float(one.max())))
            closed = np.maximum(closed, one)
            begin += length + rng.uniform(0.05, 0.2)
        at += 0.6 + rng.exponential(mean - 0.6)
    return closed, found


def draw_gaze(numbers: tuple[int, int, int], count: int, fps: float) -> tuple[Float, list[Other]]:
    """Draw where the eyes look (N, 2), px, and when that changes."""
    rng = stream(numbers, _GAZE)
    gaze = np.zeros((count, 2))
    here = np.zeros(2)
    found = []
    at = rng.uniform(0.5, 4.0)
    while at < count / fps:
        # Back to what the person looked at, or elsewhere.
        there = np.zeros(2) if rng.random() < 0.4 else rng.uniform(-1, 1, 2) * [4.0, 1.4]
        step = step_course(count, at, rng.uniform(0.03, 0.07), fps)
        gaze += step[:, None] * (there - here)
        size = float(np.hypot(*(there - here)))
        if size > 0.3 and step[-1] >= 0.9:
            found.append(_step("gaze", step, size))
        here = there
        at += 0.4 + rng.exponential(2.2)
    return gaze, found


def draw_sway(numbers: tuple[int, int, int], count: int, fps: float) -> Float:
    """Draw shift x, y (px), roll (rad), growth, yaw and pitch (rad) of a head, (N, 6)."""
    rng = stream(numbers, _SWAY)
    sizes = np.array([2.0, 2.0, 0.008, 0.004, np.deg2rad(1.0), np.deg2rad(1.0)])
    sizes = sizes * rng.uniform(0.4, 1, 6)
    waves = [wander(rng, count, fps, (1.5, 15.0)) for _ in sizes]
    return np.asarray(np.stack(waves, axis=1) * sizes, np.float64)


def draw_turns(numbers: tuple[int, int, int], count: int, fps: float) -> tuple[Float, list[Other]]:
    """Draw poses (N, 6) that stay, and the turns between them.

    A head turns about the neck, so its face moves as it turns.
    """
    rng = stream(numbers, _TURNS)
    pose = np.zeros((count, 6))
    here = np.zeros(6)
    found = []
    at = rng.uniform(4.0, 15.0)
    while at < count / fps:
        yaw, pitch = np.deg2rad(rng.uniform(-3.0, 3.0, 2))
        there = np.array(
            [
                rng.uniform(-2, 2) + yaw * 90,
                rng.uniform(-2, 2) + pitch * 90,
                rng.uniform(-0.02, 0.02),
                rng.uniform(-0.01, 0.01),
                yaw,
                pitch,
            ]
        )
        step = step_course(count, at, rng.uniform(0.4, 1.2), fps)
        pose += step[:, None] * (there - here)
        if step[-1] >= 0.9:
            size = float(np.rad2deg(np.hypot(*(there - here)[4:])))
            found.append(_step("turn", step, size))
        here = there
        at += rng.uniform(8.0, 20.0)
    return pose, found


def _step(kind: str, step: Float, size: float) -> Other:
    """Return a change that stays: from a tenth of it to nine tenths, fastest at its apex."""
    first, last = int(np.flatnonzero(step >= 0.1)[0]), int(np.flatnonzero(step >= 0.9)[0])
    return Other(kind, first, int(np.flatnonzero(step >= 0.5)[0]), last, size)


def draw_light(numbers: tuple[int, int, int], count: int, fps: float) -> tuple[Float, Float]:
    """Draw gain (N,) and slope (N, 2): slow waves, ramps of the exposure, and lamps."""
    rng = stream(numbers, _LIGHT)
    times = np.arange(count) / fps
    gain = 1 + rng.uniform(0.01, 0.04) * wander(rng, count, fps, (4.0, 30.0))
    at = rng.uniform(3.0, 20.0)
    level = 0.0
    while at < count / fps:
        there = rng.uniform(-0.06, 0.06)
        gain += step_course(count, at, rng.uniform(0.5, 3.0), fps) * (there - level)
        level = there
        at += rng.uniform(10.0, 30.0)
    # Lamps flicker at 100 Hz, read at the camera's rate.
    hz = 100.0 + rng.uniform(-0.6, 0.6)
    gain += rng.uniform(0.002, 0.008) * np.sin(2 * np.pi * (hz * times + rng.random()))
    plane = np.stack([wander(rng, count, fps, (4.0, 30.0)) for _ in range(2)], axis=1)
    return gain, plane * rng.uniform(0.01, 0.06, 2)


def draw_speech(
    numbers: tuple[int, int, int], count: int, fps: float
) -> tuple[tuple[Speech, ...], list[Other]]:
    """Draw stretches of speech, and their spans: jaw and lips move by syllables."""
    rng = stream(numbers, _SPEECH)
    stretches: list[Speech] = []
    found: list[Other] = []
    at = rng.uniform(5.0, 18.0)
    while True:
        length = rng.uniform(3.0, 8.0)
        if at + length > count / fps - 1:
            return tuple(stretches), found
        start, frames = round(at * fps), round(length * fps)
        jaw, lips = (syllables(rng, frames, fps, rate) for rate in ((3.0, 6.0), (1.5, 4.0)))
        jaw_px, lips_px = rng.uniform(2.0, 5.0), rng.uniform(1.0, 3.0)
        stretches.append(Speech(start, jaw, lips, jaw_px, lips_px, bool(rng.random() < 0.5)))
        both = np.maximum(jaw, lips)
        seen = np.flatnonzero(both >= 0.1)
        found.append(
            Other(
                "speech",
                start + int(seen[0]),
                start + int(np.argmax(jaw)),
                start + int(seen[-1]),
                jaw_px,
            )
        )
        at += length + rng.uniform(10.0, 22.0)

"""The factors that make a clip hard: blinks, gaze, head turns, light, uneven movements.

Each factor is drawn from a stream of its own, so switching one on leaves the
others, and the clip without it, as they were. Sizes and times are chosen by
hand to be plausible for people who sit before a camera; none was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mepipe.sample.movement import rise_and_fall, slow_noise

Float = NDArray[np.float64]

# Independent streams of one clip's draws, beside those that render numbers.
_TIMING, _UNEVEN, _BLINKS, _HEAD, _LIGHT = 10, 11, 12, 13, 14

STEP_MS = 5.0  # between frames
_LARGEST_TURN = np.deg2rad(1.5)
_LOCKED = 0.3  # share of the clips whose head moves with the expression
_MAINS_HZ = 100.0  # lamps flicker at twice the 50 Hz of the mains


@dataclass(frozen=True)
class Factors:
    """The factors of a sample, each on or off.

    Parameters
    ----------
    blinks
        Blinks of 100 to 350 ms at any time, several a clip, with a little of
        the brow and the lower lid, and shifts of gaze.
    head
        The head moves by some px, rolls, and turns by up to 1.5 degrees through
        a relief of its own; in some clips together with the expression.
    light
        A moving plane of gain, and the flicker of lamps.
    timing
        Plateaus, an incomplete return, clips that begin at the onset or end at
        the offset, or go on for up to half a second.
    uneven
        Action units that lag behind each other, and one-sided ones.
    still
        There is no expression; the other factors stay.
    """

    blinks: bool = False
    head: bool = False
    light: bool = False
    timing: bool = False
    uneven: bool = False
    still: bool = False

    @property
    def names(self) -> list[str]:
        """The factors that are on, in the order above."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


NONE = Factors()
HARD = Factors(blinks=True, head=True, light=True, timing=True, uneven=True)


def stream(clip: tuple[int, int, int], number: int) -> np.random.Generator:
    """Return a stream of draws of a clip (seed, subject, number of the clip)."""
    return np.random.default_rng([*clip, number])


def varied_course(clip: tuple[int, int, int]) -> Float:
    """Draw the share (N,) of an expression: rise, plateau, fall, and what is kept of it.

    The rise takes 14 to 66 frames, the plateau up to 40 (half of the clips have
    one of at most 6), up to 35 % of the motion is left at the end. A clip begins
    at the onset, at rest just before it, or up to half a second earlier; it ends
    likewise. The maximum is exactly 1, at one frame.
    """
    rng = stream(clip, _TIMING)
    rise = round(float(np.exp(rng.uniform(np.log(14), np.log(66)))))
    hold = int(rng.integers(0, 7)) if rng.random() < 0.5 else int(rng.integers(7, 41))
    fall = int(np.clip(round(rise * float(np.exp(rng.uniform(-0.7, 0.7)))), 12, 90))
    left = rng.uniform(0, 0.35) if rng.random() < 0.4 else rng.uniform(0, 0.06)
    lead = 100
    share, down = rise_and_fall(rng, (lead, rise, hold, fall, lead), left)
    last = len(share) - 1
    begin = _cut(rng, int(np.flatnonzero(share >= 0.1)[0]), lead, -1)
    end = _cut(rng, int(np.flatnonzero(down > left)[-1]), last, 1)
    if rng.random() < 0.15:  # it ends before the movement is over
        half = np.flatnonzero(share >= min(max(0.1, 1.2 * left), 0.5))[-1]
        end = int(half)
    # Extended to at least 60 frames, as far as the course has frames.
    while end - begin < 59 and (begin > 0 or end < last):
        begin, end = max(begin - 1, 0), min(end + 1, last)
    return np.asarray(share[begin : end + 1], np.float64)


def _cut(rng: np.random.Generator, edge: int, rest: int, outwards: int) -> int:
    """Return where a clip begins or ends: on the edge, tight around it, or far out."""
    kind = rng.random()
    if kind < 0.2:
        return edge
    far = int(rng.integers(0, 11)) if kind < 0.4 else int(rng.integers(11, 101))
    return max(0, rest - far) if outwards < 0 else min(rest, edge + far)


def unit_delays(clip: tuple[int, int, int], count: int) -> tuple[Float, Float]:
    """Draw how many frames each of ``count`` action units lags, and its (right, left) strengths.

    Lags are up to 40 ms; a third of the clips is one-sided.
    """
    rng = stream(clip, _UNEVEN)
    lags = rng.uniform(-4, 4, count) * 2
    lags -= lags.mean()
    sides = np.ones((count, 2)) + rng.uniform(-0.3, 0.3, (count, 1)) * [1, -1]
    if rng.random() < 1 / 3:
        sides[:, int(rng.integers(2))] *= rng.uniform(0, 0.2)
    return lags, sides


def delayed(share: Float, frames: float) -> Float:
    """Return a course delayed by so many frames, its ends extended."""
    t = np.arange(len(share))
    return np.asarray(np.interp(t - frames, t, share), np.float64)


def blinks(clip: tuple[int, int, int], count: int) -> tuple[Float, Float]:
    """Draw how far the lids are closed (N,), 0 to 1, and where the eyes look (N, 2), px.

    A blink closes fast (a third of its time) and opens slowly, not always
    fully. One of at most 350 ms may come at any time, also at either end.
    """
    rng = stream(clip, _BLINKS)
    t = np.arange(count, dtype=np.float64)
    closed = np.zeros(count)
    for _ in range(int(rng.integers(1, 3 + count // 100))):
        length = rng.uniform(100, 350) / STEP_MS
        begin = rng.uniform(-length, count)
        down = length * rng.uniform(0.25, 0.4)
        shut = min(length - down - 6, rng.uniform(0, 8))
        depth = 1.0 if rng.random() < 0.7 else rng.uniform(0.4, 1.0)
        rising = np.clip((t - begin) / down, 0, 1)
        falling = np.clip((begin + length - t) / (length - down - shut), 0, 1)
        shape = np.sin(np.pi / 2 * rising) ** 2 * np.sin(np.pi / 2 * falling) ** 2
        closed = np.maximum(closed, depth * shape)
    gaze = np.zeros((count, 2))
    for _ in range(int(rng.integers(0, 3 + count // 100))):
        begin, length = rng.uniform(-5, count), rng.uniform(4, 10)
        step = rng.uniform(-1, 1, 2) * [3.5, 1.2]
        gaze += np.clip((t - begin) / length, 0, 1)[:, None] * step
    gaze -= gaze[int(rng.integers(count))]  # the photograph's gaze is met once
    return closed, np.asarray(np.clip(gaze, [-4.5, -1.6], [4.5, 1.6]), np.float64)


def head_motion(clip: tuple[int, int, int], share: Float) -> Float:
    """Draw shift x, y (px), roll (rad), growth, yaw and pitch (rad) of the head, (N, 6).

    In some clips part of it follows the expression.
    """
    rng = stream(clip, _HEAD)
    count = len(share)
    sizes = np.array([2.5, 2.5, 0.01, 0.004, _LARGEST_TURN, _LARGEST_TURN])
    sizes = sizes * rng.uniform(0.4, 1, 6)
    motion = np.stack([_unit(slow_noise(rng, count)) for _ in sizes], axis=1)
    if rng.random() < _LOCKED:
        with_it = rng.random(6) < 0.5
        lag = rng.uniform(-6, 6)
        part = rng.uniform(0.5, 1)
        locked = delayed(share, lag)[:, None] * rng.choice([-1.0, 1.0], 6) * part
        motion = np.where(with_it, locked + (1 - part) * motion, motion)
    return np.asarray(motion * sizes, np.float64)


def moving_light(clip: tuple[int, int, int], count: int) -> tuple[Float, Float]:
    """Draw gain (N,), and how it grows from the frame's centre to its right and lower edge (N, 2).

    The lamps' flicker is read at 200 frames a second, near their rate, so it
    comes out as alternating frames that swell and fade.
    """
    rng = stream(clip, _LIGHT)
    t = np.arange(count) * STEP_MS / 1000
    gain = 1 + rng.uniform(0.01, 0.06) * _unit(slow_noise(rng, count))
    hz = _MAINS_HZ + rng.uniform(-0.6, 0.6)
    gain += rng.uniform(0.003, 0.02) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 2 * np.pi))
    plane = np.stack([_unit(slow_noise(rng, count)) for _ in range(2)], axis=1)
    return gain, plane * rng.uniform(0.01, 0.08, 2)


def relief(
    clip: tuple[int, int, int], landmarks: Float, depth: NDArray[np.float32], eye_distance: float
) -> NDArray[np.float32]:
    """Return the head's relief (H, W), px, with brows, sockets, cheeks and mouth of its own.

    It belongs to the subject: clips of one subject share it.
    """
    rng = stream((clip[0], clip[1], 0), _HEAD)
    ys, xs = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float64)
    result = depth * rng.uniform(0.8, 1.25)
    # Bumps and hollows: landmarks whose mean is the centre, height and width.
    for points, height, width in (
        ([36, 39], -0.09, 0.20), ([42, 45], -0.09, 0.20), ([19], 0.04, 0.25), ([24], 0.04, 0.25),
        ([48, 54], 0.08, 0.30), ([8], 0.10, 0.25), ([2, 31], 0.05, 0.25), ([14, 35], 0.05, 0.25),
        ([30], 0.12, 0.15),
    ):  # fmt: skip
        x, y = landmarks[points].mean(axis=0)
        size = height * rng.uniform(0.2, 1.8) * eye_distance
        reach = width * rng.uniform(0.7, 1.3) * eye_distance
        result += size * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * reach**2))
    return np.asarray(result, np.float32)


def _unit(wander: Float) -> Float:
    """Return the values scaled to a largest magnitude of 1."""
    return np.asarray(wander / max(float(np.abs(wander).max()), 1e-9), np.float64)

"""One made flow field: an action-unit combination on a face of its own, and all that disturbs it.

Everything that differs between people and recordings is drawn: proportions of the
face, strength, place, reach and direction of each unit on each side, the size of
the whole, what is left of the head's motion, blinks, the crop, the smoothness of
the flow and its noise. The ranges are our choice, wide on purpose.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.sample.eyes import COUPLED
from mepipe.sample.identity import shape_change
from mepipe.sample.movement import ACTION_UNITS, Pull, add_pulls

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

SIDE = 112
"""Side of a made field, px: half of that of the aligned face, for a quarter of the work."""
EYES = 0.4 * SIDE  # between the eye centres of the template
# Peak of the expression, of the aligned face's side: 0.3 to 5 px of 224, and a quarter of them
# larger, up to 20 px. People try it on a broad smile, and the tensor of one is at its limits.
SMALLEST, LARGEST, BROADEST = 0.3 / 224, 5.0 / 224, 20.0 / 224
BROAD = 0.25
LOST = 0.3  # share of the smaller ones of which parts are not found, as of all broad ones
STRAY = 0.5  # share of odd movements with a unit that does not belong to them
# What a unit moves in some people and not in others: in a smile the cheeks rise and widen, and the
# muscle around the eye lowers the outer brow (FACS, units 6 and 12).
ALSO: dict[str, tuple[Pull, ...]] = {
    "6": (
        Pull({18: 0.5, 19: 0.5}, (0.05, 0.5), 0.20),
        Pull({1: 0.5, 41: 0.5}, (-0.3, -0.5), 0.25),
    ),
    "12": (
        Pull({31: 0.5, 48: 0.5}, (-0.15, -0.9), 0.20),
        Pull({2: 0.55, 48: 0.45}, (-0.9, -0.15), 0.28),
        Pull({40: 0.5, 48: 0.5}, (-0.2, -0.7), 0.25),
    ),
}


def draw_face(rng: np.random.Generator) -> Float:
    """Draw the landmarks (68, 2) of a face and how it lies in the crop, px of `SIDE`."""
    points = template().points * SIDE
    eyes = points[36:48].mean(axis=0)
    amounts = rng.uniform(-1, 1, 8) * [0.12, 0.07, 0.08, 0.10, 0.12, 0.08, 0.07, 0.04]
    x, y = ((points - eyes) / EYES).T
    dx, dy = shape_change(x, y, amounts)
    points = points + np.stack([dx, dy], axis=1) * EYES
    points += rng.normal(0, 0.012, points.shape) * EYES
    # Detectors place faces differently, and other tools crop them in other ways.
    turn, grow = np.radians(rng.normal(0, 2.0)), np.exp(rng.uniform(-0.16, 0.16))
    c, s = grow * np.cos(turn), grow * np.sin(turn)
    shift = rng.normal(0, 0.025, 2) * SIDE
    middle = points[27:36].mean(axis=0)
    placed: Float = (points - middle) @ np.array([[c, s], [-s, c]]) + middle + shift
    return placed


def expression_field(
    face: Float, units: tuple[str, ...], rng: np.random.Generator, oddity: float = 1.0
) -> Float32:
    """Draw the displacement (2, SIDE, SIDE) of action units on a face; its peak is 1 px.

    ``oddity`` is that of `draw_field`.
    """
    field = np.zeros((SIDE, SIDE, 2), np.float32)
    side = rng.choice([-1.0, 1.0])  # the stronger one
    one_sided = rng.random() < 0.15
    for unit in units:
        strength = np.exp(rng.uniform(-0.5, 0.4))
        tilt = side * (rng.uniform(0.5, 1) if one_sided else abs(rng.normal(0, 0.15)))
        right, left = strength * max(1 + tilt, 0), strength * max(1 - tilt, 0)
        pulls = tuple(_varied(pull, rng, oddity) for pull in ACTION_UNITS[unit])
        add_pulls(field, pulls, face, right, left)
        for pull in ALSO.get(unit, ()):
            share = rng.uniform(0, 1.3)
            add_pulls(field, (_varied(pull, rng, oddity),), face, share * right, share * left)
    longest = np.hypot(field[..., 0], field[..., 1]).max()
    return np.asarray(np.moveaxis(field, 2, 0) / longest, np.float32)


def _varied(pull: Pull, rng: np.random.Generator, oddity: float) -> Pull:
    """Return a pull whose direction, reach and strength are those of another person."""
    turn = np.radians(rng.normal(0, 14 * oddity))
    x, y = pull.direction
    length = np.exp(rng.normal(0, 0.2 * oddity))
    direction = (
        float(length * (x * np.cos(turn) - y * np.sin(turn))),
        float(length * (x * np.sin(turn) + y * np.cos(turn))),
    )
    return replace(
        pull, direction=direction, reach=float(pull.reach * np.exp(rng.normal(0.1, 0.25 * oddity)))
    )


def draw_field(units: tuple[str, ...], rng: np.random.Generator, oddity: float = 1.0) -> Float32:
    """Draw the flow (2, SIDE, SIDE) of an expression as it would be measured, px of `SIDE`.

    Parameters
    ----------
    units
        The action units.
    rng
        Draws everything.
    oddity
        By how much people, head and noise vary, as a multiple of what is usual here. Above 1,
        some movements also have a unit that does not belong to them.
    """
    face = draw_face(rng)
    broad = rng.random() < BROAD
    low, high = (LARGEST, BROADEST) if broad else (SMALLEST, LARGEST)
    peak = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * SIDE
    flow = expression_field(face, units, rng, oddity) * np.float32(peak)
    if oddity > 1 and rng.random() < STRAY:
        stray = (str(rng.choice(sorted(ACTION_UNITS))),)
        size = np.float32(peak * rng.uniform(0.3, 1))
        flow = flow + expression_field(face, stray, rng, oddity) * size
    if broad or rng.random() < LOST:
        flow = flow * _found(rng)
    flow = flow + _blink(face, rng) + _head(face, rng, oddity)
    flow = _smoothed(flow, rng.uniform(0.5, 3.0))
    flow = flow + oddity * _noise(rng)
    return np.asarray(flow * _oval(face, rng), np.float32)


def _found(rng: np.random.Generator) -> Float32:
    """Draw which share of the motion is found where: patches of skin show nothing to follow."""
    patches = _smoothed(rng.standard_normal((1, SIDE, SIDE), dtype=np.float32), 6.0)[0]
    lost = 1 / (1 + np.exp(-6 * (patches / patches.std() - rng.uniform(0.6, 2.5))))
    return np.asarray(1 - rng.uniform(0.3, 1) * lost, np.float32)


def _blink(face: Float, rng: np.random.Generator) -> Float32:
    """Draw what lids and the skin around them do beside the expression, in a third of the clips."""
    field = np.zeros((SIDE, SIDE, 2), np.float32)
    if rng.random() < 0.35:
        lids = (Pull({37: 0.5, 38: 0.5}, (0.0, 1.0), 0.07), *COUPLED)
        size = rng.normal(0, 0.004) * SIDE
        add_pulls(field, lids, face, size, size)
    return np.moveaxis(field, 2, 0)


def _head(face: Float, rng: np.random.Generator, oddity: float) -> Float32:
    """Draw what alignment leaves of the head: shift, roll, growth, and turning by a relief."""
    y, x = (np.mgrid[:SIDE, :SIDE] - SIDE / 2) / SIDE
    nose_x, nose_y = face[30] / SIDE - 0.5
    dome = np.sqrt(np.clip(1 - (x / 0.64) ** 2 - ((y - 0.1) / 0.88) ** 2, 0, None))
    relief = dome + 0.4 * np.exp(-(((x - nose_x) / 0.08) ** 2) - ((y - nose_y) / 0.12) ** 2)
    relief -= relief.mean()
    # Mostly little, at times as much as an expression.
    size = oddity * 0.15 / 224 * SIDE * np.exp(rng.normal(0, 1.0))
    shift_x, shift_y, roll, growth, yaw, pitch = rng.normal(0, size, 6) * [0.5, 0.5, 1, 1, 1, 1]
    u = shift_x - roll * y + growth * x + yaw * relief
    v = shift_y + roll * x + growth * y + pitch * relief
    return np.asarray(np.stack([u, v]), np.float32)


def _smoothed(flow: Float32, sigma: float) -> Float32:
    import cv2

    return np.stack([cv2.GaussianBlur(part, (0, 0), sigma) for part in flow]).astype(np.float32)


def _noise(rng: np.random.Generator) -> Float32:
    """Draw the error of the flow: smooth, 0.01 to 0.15 px of 224, stronger in some places."""
    sigma = np.exp(rng.uniform(np.log(1.5), np.log(7)))
    white = rng.standard_normal((3, SIDE, SIDE), dtype=np.float32)
    smooth = _smoothed(white, float(sigma))
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    size = np.exp(rng.uniform(np.log(0.01), np.log(0.15))) / 224 * SIDE
    return np.asarray(size * smooth[:2] * np.exp(0.5 * smooth[2:]), np.float32)


def _oval(face: Float, rng: np.random.Generator) -> Float32:
    """Draw how far the flow outside of the face is taken away: not at all, or wholly."""
    share = rng.choice([0.0, rng.random(), 1.0])
    y, x = np.mgrid[:SIDE, :SIDE]
    left, right = face[0], face[16]
    middle = (left + right) / 2 + [0, 0.12 * SIDE]
    half = (right - left)[0] / 2
    radius = np.hypot((x - middle[0]) / half, (y - middle[1]) / (1.45 * half))
    inside = 1 / (1 + np.exp((radius - 1) * 14))
    return np.asarray(1 - share * (1 - inside), np.float32)

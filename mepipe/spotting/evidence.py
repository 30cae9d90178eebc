"""Where in a clip a movement that comes and goes is most likely, given all else that moves.

The regions' motion is modelled as one pattern that follows a course (a rise, a
plateau, a fall), plus what also moves: a constant, a drift, noise, and what the
fit of the head leaves over, which goes with the head's own motion and with the
look of the eyes. All of that is Gaussian with a covariance over time, so it
needs no fit: for each course of a family the likelihood ratio against no
movement has a closed form (Bayesian linear regression, Bishop 2006, ch. 3.5).
The course with the most evidence is the movement. An elaborate filter that
matches: what a blink, a turn of the head or a drift explains is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Courses, ms. A micro-expression's rise takes 70 to 330 ms.
RISES = (80.0, 130.0, 200.0, 300.0)
FALLS = (70.0, 130.0, 220.0, 350.0)
PLATEAUS = (0.0, 60.0, 150.0)
RESIDUAL_SHARES = (0.0, 0.25)
# Where the clip is long, what lasts longer than a micro-expression is looked for too.
LONG_MS = 1500.0
LONG_RISE, LONG_FALL, LONG_PLATEAUS = 600.0, 700.0, (400.0, 900.0, 1700.0)
MAX_START_SHARE = 0.2  # a clip begins with at most this share of its movement
CENTRES_MS = 10.0

# Standard deviations, in inter-ocular distances unless it is said.
NOISE = 5e-4
SHORT_NOISE, SHORT_MS = 3e-4, 12.0
CONSTANT = 2e-3  # the reference frames show next to nothing of a movement
SLOPE = 3e-3  # over a second
WANDER, WANDER_MS = 6e-4, 250.0
PATTERN = 5e-3
# The share of the head's motion that its fit leaves over: shift, growth and roll, turning.
HEAD_LEAKAGE = (0.02, 0.02, 0.05, 0.05, 0.1, 0.1)
EYE_LEAKAGE = 2.3e-3  # for a change of the eyes by their own contrast

MAX_KNOTS = 240  # a longer clip is looked at in steps of several frames


@dataclass(frozen=True)
class Movement:
    """The most likely movement of a stretch of frames.

    Parameters
    ----------
    course
        (N,), 0 to 1: how much of the pattern each frame shows.
    pattern
        (D,): the motion of the regions at the peak.
    residual
        (N, D): the motion less what else moves.
    evidence
        Logarithm of the likelihood ratio to no movement.
    strength
        Root mean square of the pattern's components, each by what noise and
        all else that moves would give it: about 1 where there is no movement.
    """

    course: Float
    pattern: Float
    residual: Float
    evidence: float
    strength: float


def find_movement(
    vectors: Float,
    times_ms: Float,
    nuisance: Float,
    *,
    first: int,
    centres: slice,
) -> Movement:
    """Find the course with the most evidence.

    Parameters
    ----------
    vectors
        (N, D): the regions' motion, in inter-ocular distances.
    times_ms
        (N,), ascending.
    nuisance
        (N, M): courses of what else may move the regions, each in the size of
        one standard deviation of what it moves.
    first
        The frame that shows little of the movement yet.
    centres
        The frames among which its middle may lie.
    """
    knots = _Knots(times_ms)
    t = knots.times
    other = _covariance(t, knots.mean(nuisance))
    brief = NOISE**2 * np.eye(len(t)) + SHORT_NOISE**2 * _squared_exponential(t, SHORT_MS)
    precision = np.linalg.inv(other + brief)
    data = knots.mean(vectors)
    weighed = precision @ data
    variance = PATTERN**2
    best: tuple[float, Float, Float, float] | None = None
    start = min(int(np.searchsorted(t, times_ms[first])), len(t) - 1)
    within = times_ms[centres]
    for courses in _course_families(t, start, (within[0], within[-1])):
        gain = 1 + variance * np.einsum("nc,nc->c", courses, precision @ courses)
        along = courses.T @ weighed
        explained = (along**2).sum(axis=1) * variance / gain
        evidence = (explained - data.shape[1] * np.log(gain)) / 2
        one = int(np.argmax(evidence))
        if best is None or evidence[one] > best[0]:
            pattern = along[one] * variance / gain[one]
            strength = float(np.sqrt(explained[one] / data.shape[1]))
            best = float(evidence[one]), courses[:, one], pattern, strength
    assert best is not None
    found, course, pattern, strength = best
    # What else moves, by its posterior mean beside the movement.
    total = other + brief + variance * np.outer(course, course)
    drift = other @ np.linalg.solve(total, data)
    course_at_frames = knots.interpolated(course[:, None])[:, 0]
    residual = vectors - knots.interpolated(drift)
    return Movement(course_at_frames, pattern, residual, found, strength)


def _covariance(t: Float, nuisance: Float) -> Float:
    """Return the covariance (T, T) of what else moves, short noise apart."""
    seconds = (t - t.mean()) / 1000
    return np.asarray(
        CONSTANT**2
        + SLOPE**2 * np.outer(seconds, seconds)
        + WANDER**2 * _squared_exponential(t, WANDER_MS)
        + nuisance @ nuisance.T,
        np.float64,
    )


def _squared_exponential(t: Float, width_ms: float) -> Float:
    return np.asarray(np.exp(-0.5 * ((t[:, None] - t) / width_ms) ** 2), np.float64)


def _course_families(t: Float, start: int, within: tuple[float, float]) -> Iterator[Float]:
    """Yield courses (T, C) of one shape, their middles at every place."""
    step = float(np.median(np.diff(t))) if len(t) > 1 else 1.0
    middles = t[:: max(1, round(CENTRES_MS / step))]
    middles = middles[(middles >= within[0]) & (middles <= within[1])]
    if not len(middles):
        middles = np.array([sum(within) / 2])
    long = t[-1] - t[0] > LONG_MS
    # At few frames a second a movement may rise from one to the next.
    rises = (*((step,) if step > 30 else ()), *RISES, *((LONG_RISE,) if long else ()))
    falls = (*FALLS, *((LONG_FALL,) if long else ()))
    found = False
    for rise in rises:
        for plateau in (*PLATEAUS, *(LONG_PLATEAUS if long else ())):
            up = (t[:, None] - (middles - plateau / 2 - rise)) / rise
            up = np.sin(np.pi / 2 * np.clip(up, 0, 1)) ** 2
            for fall in falls:
                down = (middles + plateau / 2 + fall - t[:, None]) / fall
                down = np.sin(np.pi / 2 * np.clip(down, 0, 1)) ** 2
                for left in RESIDUAL_SHARES:
                    courses = up * (left + (1 - left) * down)
                    courses = courses[:, courses[start] <= MAX_START_SHARE]
                    if courses.shape[1]:
                        found = True
                        yield courses
    if not found:  # a clip of a few frames: it rises and falls as it can
        if len(t) < 3:
            yield np.arange(len(t), dtype=np.float64)[:, None]
        else:
            yield np.stack([np.interp(t, [t[0], m, t[-1]], [0, 1, 0]) for m in t[1:-1]], axis=1)


class _Knots:
    """Frames, or means over several of them where there are too many."""

    def __init__(self, times_ms: Float) -> None:
        count = len(times_ms)
        group = -(-count // MAX_KNOTS)
        self._edges = np.arange(0, count, group)
        self._sizes = np.diff(np.append(self._edges, count))
        self._frames = times_ms
        self.times: Float = self.mean(times_ms[:, None])[:, 0]

    def mean(self, values: Float) -> Float:
        """Return the means (T, D) of values (N, D)."""
        sums = np.add.reduceat(values, self._edges, axis=0)
        return np.asarray(sums / self._sizes[:, None], np.float64)

    def interpolated(self, values: Float) -> Float:
        """Return values (T, D) at every frame, (N, D)."""
        return np.stack(
            [np.interp(self._frames, self.times, column) for column in values.T], axis=1
        )

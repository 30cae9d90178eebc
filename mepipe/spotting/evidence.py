"""The most likely movement of a clip, given everything else that moves.

Model. y_d (T,), component d of the regions' motion over time, is

    y_d = w_d c + e_d,   w_d ~ N(0, s^2),   e_d ~ N(0, Q)

- c (T,) is the course of the movement, 0 to 1: a rise, a plateau, a fall. It is the
  same for all components.
- w_d is the motion of component d at the peak. All w_d together are the pattern.
- e_d is everything else, with covariance Q over time: a constant, a drift, slow
  wander, noise, what leaks in from the head's motion and from the eyes, and the steps
  between a codec's groups of pictures.

Evidence. With w_d integrated out, y_d ~ N(0, Q + s^2 c c'). The logarithm of its
likelihood ratio to "no movement" (s = 0) has a closed form, by the identities of
Sherman-Morrison and of the determinant:

    log ratio = 1/2 sum_d [ s^2 (c' P y_d)^2 / g - log g ],   P = Q^-1, g = 1 + s^2 c' P c

This is Bayesian linear regression with one regressor (Bishop 2006, ch. 3.5). It is
computed for some thousand courses, and the best one is the movement. In other words:
a matched filter that is blind to what a blink, a turn of the head or a drift explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.codec import MARGIN, own_covariance

Float = NDArray[np.float64]

# Courses, ms. The rise of a real micro-expression takes 70 to 330 ms (5 to 95 %).
RISES = (80.0, 130.0, 200.0, 300.0)
FALLS = (70.0, 130.0, 220.0, 350.0)
PLATEAUS = (0.0, 60.0, 150.0)
RESIDUAL_SHARES = (0.0, 0.25)  # of the peak: what is left after the fall
# Clips longer than this are searched for macro-expressions as well. Long plateaus are searched for
# wherever they fit.
LONG_MS = 1500.0
BESIDE_MS = 300.0
LONG_RISE, LONG_FALL, LONG_PLATEAUS = 600.0, 700.0, (400.0, 900.0, 1700.0)
MAX_START_SHARE = 0.2  # of the peak: a clip begins with at most this share of its movement
CENTRES_MS = 10.0  # between the centres of two courses

# Standard deviations of the covariance's terms, in inter-ocular distances unless noted.
NOISE = 5e-4  # independent in each frame
SHORT_NOISE, SHORT_MS = 3e-4, 12.0  # correlated over a few frames
CONSTANT = 2e-3  # of the reference frames; with 8e-3 less motion is recovered (docs/spotting.md)
SLOPE = 3e-3  # of a linear drift, per second
WANDER, WANDER_MS = 6e-4, 250.0  # slow, without a form
PATTERN = 5e-3  # s of the model: a component's motion at the peak
# The evidence is that of the likeliest s. With `PATTERN` alone, that of a slight movement is
# negative: of moving clips at 50 fps and more, 75 % have a positive one, with these 88 %.
PATTERNS = (1e-3, 2e-3, 4e-3, 8e-3)
# The share of the head's motion that its fit leaves in the regions, by parameter of
# `FaceMotion.head`: shift x and y, growth and roll, yaw and pitch.
HEAD_LEAKAGE = (0.02, 0.02, 0.05, 0.05, 0.1, 0.1)
EYE_LEAKAGE = 2.3e-3  # for a change of the eyes by their own contrast; 10 times as much hurts

# The covariance is inverted once, in O(T^3). Longer clips are averaged to so many knots.
MAX_KNOTS = 240


@dataclass(frozen=True)
class Movement:
    """The most likely movement of a stretch of frames.

    Parameters
    ----------
    course
        (N,), 0 to 1: the share of the pattern that each frame shows.
    pattern
        (D,): the motion of the components at the peak, in inter-ocular distances.
    residual
        (N, D): the motion without what else moves.
    evidence
        Natural logarithm of the likelihood ratio to no movement. Positive: the movement is
        more likely than none.
    strength
        Root mean square of the components of the pattern, each divided by its
        standard deviation without a movement. About 1 where there is none.
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
    coded: bool = False,
) -> Movement:
    """Return the movement whose course has the most evidence.

    Parameters
    ----------
    vectors
        (N, D): the motion of the regions, in inter-ocular distances.
    times_ms
        (N,), ascending, ms.
    nuisance
        (N, M): courses of what else moves the regions (head, eyes), each scaled
        to one standard deviation of the motion that it causes.
    first
        The frame that shows little of the movement yet.
    centres
        The frames among which the centre of the movement may lie.
    coded
        A codec drew frames from others: strength and evidence then stand against the
        noise that the regions have in this clip (`mepipe.spotting.codec.own_covariance`).
    """
    knots = _Knots(times_ms)
    t = knots.times
    # Q of the model, in two parts: the first is motion and is subtracted at the end, the
    # second is noise and stays in the residual.
    drifts = _drift_covariance(t, knots.mean(nuisance))
    noise = NOISE**2 * np.eye(len(t)) + SHORT_NOISE**2 * squared_exponential(t, SHORT_MS)
    precision = np.linalg.inv(drifts + noise)  # P
    data = knots.mean(vectors)  # (T, D)
    weighted = precision @ data  # P y
    variance = PATTERN**2  # s^2
    best: tuple[float, Float, Float, float, float] | None = None
    start = min(int(np.searchsorted(t, times_ms[first])), len(t) - 1)
    within = times_ms[centres]
    for courses in _course_families(t, start, (within[0], within[-1])):
        # All courses of a family at once: g (C,), c' P y (C, D), and the two terms of the
        # evidence. log g is the price of a course that could explain much (Occam's factor).
        known = np.einsum("nc,nc->c", courses, precision @ courses)  # c' P c
        gain = 1 + variance * known
        along = courses.T @ weighted
        squares = (along**2).sum(axis=1)
        explained = squares * variance / gain
        evidence = (explained - data.shape[1] * np.log(gain)) / 2
        one = int(np.argmax(evidence))
        if best is None or evidence[one] > best[0]:
            # The posterior mean of w, by ridge regression on the course.
            pattern = along[one] * variance / gain[one]
            # Without a movement c' P y has the variance c' P c = (g - 1) / s^2, so each term is
            # about the square of a standard normal. The evidence itself grows with D and
            # separates moving from still clips worse (AUC .994 against .999, docs/spotting.md).
            strength = float(np.sqrt(explained[one] / data.shape[1]))
            likeliest = _evidence(float(squares[one]), float(known[one]), data.shape[1])
            best = float(evidence[one]), courses[:, one], pattern, strength, likeliest
    assert best is not None
    _, course, pattern, strength, found = best
    if coded:
        own = own_covariance(data, t)
        strength = _against(drifts + noise + own, data, course)[0]
        found = _against(drifts + noise + MARGIN * own, data, course)[1]
    # What else moves: its posterior mean given the data, beside the movement found.
    total = drifts + noise + variance * np.outer(course, course)
    drift = drifts @ np.linalg.solve(total, data)
    course_at_frames = knots.interpolated(course[:, None])[:, 0]
    residual = vectors - knots.interpolated(drift)
    return Movement(course_at_frames, pattern, residual, found, strength)


def _against(covariance: Float, data: Float, course: Float) -> tuple[float, float]:
    """Return strength and evidence of a course (T,) in data (T, D) with this covariance."""
    solved = np.linalg.solve(covariance, np.column_stack([course, data]))
    known, along = float(course @ solved[:, 0]), course @ solved[:, 1:]
    squares, components = float((along**2).sum()), data.shape[1]
    explained = squares * PATTERN**2 / (1 + PATTERN**2 * known)
    return float(np.sqrt(explained / components)), _evidence(squares, known, components)


def _evidence(squares: float, known: float, components: int) -> float:
    """Return the evidence of a course with the likeliest spread of its pattern.

    ``squares`` is the sum of (c' P y)^2 over the components, ``known`` is c' P c.
    """
    variance = np.square(PATTERNS)
    gain = 1 + variance * known
    return float(np.max(squares * variance / gain - components * np.log(gain)) / 2)


def _drift_covariance(t: Float, nuisance: Float) -> Float:
    """Return the covariance (T, T) of all that moves beside the movement, without noise.

    A sum of covariances: of a constant, a straight line, slow wander, and one of
    rank 1 for each nuisance course.
    """
    seconds = (t - t.mean()) / 1000
    return np.asarray(
        CONSTANT**2
        + SLOPE**2 * np.outer(seconds, seconds)
        + WANDER**2 * squared_exponential(t, WANDER_MS)
        + nuisance @ nuisance.T,
        np.float64,
    )


def squared_exponential(t: Float, width_ms: float) -> Float:
    """Return the correlation (T, T) that falls with the distance in time as a Gaussian."""
    return np.asarray(np.exp(-0.5 * ((t[:, None] - t) / width_ms) ** 2), np.float64)


def _course_families(t: Float, start: int, within: tuple[float, float]) -> Iterator[Float]:
    """Yield the courses (T, C) of one shape after the other, centred at every place.

    Courses that show more than `MAX_START_SHARE` at knot ``start`` are left out.
    """
    step = float(np.median(np.diff(t))) if len(t) > 1 else 1.0
    centres = t[:: max(1, round(CENTRES_MS / step))]
    centres = centres[(centres >= within[0]) & (centres <= within[1])]
    if not len(centres):
        centres = np.array([sum(within) / 2])
    # A plateau is searched for where a rise and a fall fit beside it.
    length = t[-1] - t[0]
    plateaus = [p for p in (*PLATEAUS, *LONG_PLATEAUS) if p in PLATEAUS or p + BESIDE_MS <= length]
    # At few frames a second a movement may rise from one to the next.
    rises = (*((step,) if step > 30 else ()), *RISES, *([LONG_RISE] if length > LONG_MS else ()))
    falls = (*FALLS, *([LONG_FALL] if length > LONG_MS else ()))
    found = False
    for rise in rises:
        for plateau in plateaus:
            # Half a period of a squared sine: it starts and ends without a jump in speed.
            up = (t[:, None] - (centres - plateau / 2 - rise)) / rise
            up = np.sin(np.pi / 2 * np.clip(up, 0, 1)) ** 2
            for fall in falls:
                down = (centres + plateau / 2 + fall - t[:, None]) / fall
                down = np.sin(np.pi / 2 * np.clip(down, 0, 1)) ** 2
                for share in RESIDUAL_SHARES:
                    courses = up * (share + (1 - share) * down)
                    courses = courses[:, courses[start] <= MAX_START_SHARE]
                    if courses.shape[1]:
                        found = True
                        yield courses
    if not found:  # a clip of a few frames: straight lines up and down, the apex at any frame
        if len(t) < 3:
            yield np.arange(len(t), dtype=np.float64)[:, None]
        else:
            yield np.stack([np.interp(t, [t[0], m, t[-1]], [0, 1, 0]) for m in t[1:-1]], axis=1)


class _Knots:
    """The time axis of the model: frames, or means over groups of them in long clips."""

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
        """Return values (T, D) interpolated to every frame, (N, D)."""
        return np.stack(
            [np.interp(self._frames, self.times, column) for column in values.T], axis=1
        )

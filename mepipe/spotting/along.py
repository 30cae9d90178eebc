"""The movements of a long stretch of frames, one after the other.

The model is that of `mepipe.spotting.evidence`: the regions' motion is a pattern that follows a
course, beside all else that moves. Three things differ. There are many movements, so the
likeliest ones are found, taken off, and the rest is searched again (matching pursuit; Mallat and
Zhang, IEEE Transactions on Signal Processing 1993). The reference is local: over minutes a face
drifts, so slow drift is part of the covariance. And a face may change and stay so: a rise without
a fall is a course, too.

Cost. A course is a rise at one time less a fall at another, so its products with the data and
with the covariance are sums of those of rises and falls alone. They are computed once for each
place; thousands of courses cost additions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.evidence import (
    NOISE,
    PATTERN,
    SHORT_MS,
    SHORT_NOISE,
    WANDER,
    WANDER_MS,
    squared_exponential,
)

Float = NDArray[np.float64]

KNOT_MS = 1000 / 30  # frames that are nearer in time are averaged: noise means the same at any rate

# Courses, ms. From a rise to the end of its fall: 140 ms to 6 s.
RISES = (70.0, 130.0, 220.0, 400.0, 800.0, 1400.0)
FALLS = (70.0, 130.0, 220.0, 400.0, 800.0, 1400.0)
PLATEAUS = (0.0, 60.0, 150.0, 300.0, 600.0, 1100.0, 1900.0, 3200.0)
LEFT_OVER = (0.0, 0.3)  # of the peak, after the fall
LONGEST_MS = 6000.0
MOST_UNEVEN = 4.0  # ratio of rise and fall
MOVES_MS = (60.0, 30.0, 15.0, 7.0)  # by which the times of a course are moved to fit better
MOST_A_SECOND = 2.0  # movements

# Standard deviations of the terms that the model of clips has not, in inter-ocular distances.
DRIFT, DRIFT_MS = 3e-3, 3000.0  # posture and alignment, over seconds
CONSTANT = 2e-2  # of the reference frame
PATTERNS = (2e-3, 5e-3, 1e-2, 2e-2)  # the likeliest of these gives the evidence

SEEN = 0.5  # share of a movement that must be seen without a model of what else moves
SEEN_MS = 150.0  # before and after it
REST_MS, BESIDE_MS = 8000.0, 200.0  # what is usual, and what is beside a movement
APART_MS = 100.0  # two that are nearer are not found in one pass


@dataclass(frozen=True)
class Course:
    """A movement that was found: where it is, and how it moves.

    Parameters
    ----------
    start_ms, full_ms, fall_ms, end_ms
        When the rise begins and ends, and the fall begins and ends. For a change that stays,
        ``fall_ms`` and ``end_ms`` are infinite.
    left_over
        Share of the peak that stays after the fall.
    pattern
        (D,): the motion of the components at the peak, in inter-ocular distances.
    strength, evidence
        As in `mepipe.spotting.evidence.Movement`.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.along import Course
    >>> course = Course(0.0, 100.0, 150.0, 250.0, 0.0, np.ones(2), 3.0, 9.0)
    >>> course.share(np.array([0.0, 50.0, 120.0, 200.0, 300.0])).round(2)
    array([0. , 0.5, 1. , 0.5, 0. ])
    """

    start_ms: float
    full_ms: float
    fall_ms: float
    end_ms: float
    left_over: float
    pattern: Float
    strength: float
    evidence: float

    @property
    def stays(self) -> bool:
        """True for a change without a fall."""
        return not np.isfinite(self.end_ms)

    def in_order(self, step_ms: float) -> bool:
        """Return True if rise and fall take at least a step, and follow each other."""
        if self.full_ms - self.start_ms < step_ms:
            return False
        if self.stays:
            return True
        return self.fall_ms >= self.full_ms - 1e-6 and self.end_ms - self.fall_ms >= step_ms

    def share(self, times_ms: Float) -> Float:
        """Return the share of the pattern at each time, (N,), 0 to 1."""
        up = _step(times_ms, self.start_ms, self.full_ms - self.start_ms)
        if self.stays:
            return up
        down = _step(times_ms, self.fall_ms, self.end_ms - self.fall_ms)
        return np.asarray(up - (1 - self.left_over) * down, np.float64)


@dataclass(frozen=True)
class _Shape:
    """Courses of one form, at each place. A fall of 0 ms: none, the change stays.

    ``known`` is c' P c of the course that begins at each of the first C knots, (C,); the fall
    begins ``lag`` knots later.
    """

    rise: float
    fall: float
    left_over: float
    lag: int
    known: Float


class CourseSearch:
    """A stretch of frames, prepared for the search.

    Parameters
    ----------
    vectors
        (N, D): the motion of the regions, in inter-ocular distances.
    times_ms
        (N,), ascending, ms.
    nuisance
        (N, M): courses of what else moves the regions (head, eyes), each scaled to one standard
        deviation of the motion that it causes.

    Examples
    --------
    A movement of 300 ms in ten seconds of noise:

    >>> import numpy as np
    >>> from mepipe.spotting.along import CourseSearch
    >>> times = np.arange(300) / 0.03
    >>> rng = np.random.default_rng(0)
    >>> course = np.sin(np.pi * np.clip((times - 4000) / 300, 0, 1)) ** 2
    >>> vectors = 5e-4 * rng.normal(size=(300, 8)) + 0.01 * course[:, None]
    >>> (found,) = CourseSearch(vectors, times, np.zeros((300, 0))).find(threshold=2.0)
    >>> round(found.start_ms, -2), round(found.end_ms, -2)
    (4000.0, 4300.0)
    """

    def __init__(self, vectors: Float, times_ms: Float, nuisance: Float) -> None:
        self.step = max(KNOT_MS, float(np.median(np.diff(times_ms))))
        count = round(float(times_ms[-1] - times_ms[0]) / self.step) + 1
        self.times: Float = times_ms[0] + np.arange(count) * self.step
        knots = np.rint((times_ms - times_ms[0]) / self.step).astype(np.int64)
        self._data = _on_knots(vectors, knots, count)
        t = self.times
        drifts: Float = np.asarray(
            CONSTANT**2
            + DRIFT**2 * squared_exponential(t, DRIFT_MS)
            + WANDER**2 * squared_exponential(t, WANDER_MS),
            np.float64,
        )
        if nuisance.shape[1]:
            beside = _on_knots(nuisance, knots, count)
            drifts = np.asarray(drifts + beside @ beside.T, np.float64)
        noise = NOISE**2 * np.eye(count) + SHORT_NOISE**2 * squared_exponential(t, SHORT_MS)
        self._precision: Float = np.asarray(np.linalg.inv(drifts + noise), np.float64)  # P
        lengths = sorted({max(one, self.step) for one in (*RISES, *FALLS)})
        # (T, T): column j holds the step that begins at knot j.
        self._steps = {one: _step(t[:, None], t, one) for one in lengths}
        self._shapes = list(self._all_shapes())

    def _all_shapes(self) -> Iterator[_Shape]:
        count = len(self.times)
        weighted = {one: self._precision @ steps for one, steps in self._steps.items()}
        own = {
            one: np.einsum("tc,tc->c", steps, weighted[one]) for one, steps in self._steps.items()
        }
        for rise in sorted({max(one, self.step) for one in RISES}):
            yield _Shape(rise, 0.0, 1.0, 0, own[rise])
            for fall in sorted({max(one, self.step) for one in FALLS}):
                if not 1 / MOST_UNEVEN <= rise / fall <= MOST_UNEVEN:
                    continue
                wanted = [one for one in PLATEAUS if rise + one + fall <= LONGEST_MS]
                for lag in sorted({round((rise + one) / self.step) for one in wanted}):
                    places = count - lag
                    if places <= 0:
                        continue
                    both = np.einsum(
                        "tc,tc->c", self._steps[rise][:, :places], weighted[fall][:, lag:]
                    )
                    for left in LEFT_OVER:
                        k = 1 - left
                        known = own[rise][:places] - 2 * k * both + k * k * own[fall][lag:]
                        yield _Shape(rise, fall, left, lag, np.maximum(known, 1e-9))

    def find(self, threshold: float) -> list[Course]:
        """Return the movements with at least this strength, in no particular order."""
        found: list[Course] = []
        data = self._data.copy()
        most = max(2, round(MOST_A_SECOND * (self.times[-1] - self.times[0]) / 1000))
        while len(found) < most:
            new = self._likeliest(data, threshold)
            if not new:
                break
            for course in new:
                data = data - np.outer(course.share(self.times), course.pattern)
            found += new
        refined = [self._refined(one, data) for one in found]
        return [one for one in refined if one.strength >= threshold and self._seen(one) >= SEEN]

    def _likeliest(self, data: Float, threshold: float) -> list[Course]:
        """Return the likeliest courses that do not touch each other."""
        t, components = self.times, data.shape[1]
        weighted = self._precision @ data
        along = {one: steps.T @ weighted for one, steps in self._steps.items()}  # (T, D)
        best = np.full(len(t), -np.inf)
        which = np.zeros(len(t), np.int64)
        for index, shape in enumerate(self._shapes):
            places = len(shape.known)
            product = along[shape.rise][:places]
            if shape.fall:
                product = product - (1 - shape.left_over) * along[shape.fall][shape.lag :]
            squares = np.einsum("cd,cd->c", product, product)
            evidence = _evidence(squares, shape.known, components)
            better = np.flatnonzero(evidence > best[:places])
            best[better] = evidence[better]
            which[better] = index
        courses: list[Course] = []
        taken: list[tuple[float, float]] = []
        for start in np.argsort(-best):
            if best[start] <= 0:
                break
            shape = self._shapes[which[start]]
            product = along[shape.rise][start]
            if shape.fall:
                product = product - (1 - shape.left_over) * along[shape.fall][start + shape.lag]
            course = self._course(shape, int(start), product)
            if course.strength < threshold or self._is_rest(course, data):
                continue
            end = course.full_ms + 500.0 if course.stays else course.end_ms
            reach = (course.start_ms - APART_MS, end + APART_MS)
            # One that touches a stronger one waits, and so does what touches it: it may be the
            # other side of it.
            waits = any(a < reach[1] and b > reach[0] for a, b in taken)
            taken.append(reach)
            if not waits:
                courses.append(course)
        return courses

    def _course(self, shape: _Shape, start: int, product: Float) -> Course:
        known, squares = float(shape.known[start]), float(product @ product)
        gain = 1 + PATTERN**2 * known
        begin = float(self.times[start])
        fall = (float(self.times[start + shape.lag]), float(self.times[start + shape.lag]))
        return Course(
            begin,
            begin + shape.rise,
            fall[0] if shape.fall else np.inf,
            fall[1] + shape.fall if shape.fall else np.inf,
            shape.left_over,
            product * PATTERN**2 / gain,
            float(np.sqrt(squares * PATTERN**2 / gain / len(product))),
            max(
                float(_evidence(np.array(squares), np.array(known), len(product), spread))
                for spread in PATTERNS
            ),
        )

    def _is_rest(self, course: Course, data: Float) -> bool:
        """Return True if it is the face at rest between two movements, taken for one.

        Then its middle is nearer to the usual level of the curve than what is beside it.
        """
        if course.stays:
            return False
        t, curve = self.times, data @ course.pattern

        def level(begin: float, stop: float) -> float:
            inside = (t >= begin - self.step) & (t <= stop + self.step)
            return float(np.median(curve[inside])) if inside.any() else np.nan

        usual = level(course.start_ms - REST_MS, course.end_ms + REST_MS)
        before = level(course.start_ms - BESIDE_MS, course.start_ms)
        after = level(course.end_ms, course.end_ms + BESIDE_MS)
        middle = level(course.full_ms, course.fall_ms)
        return abs(middle - usual) < min(abs(before - usual), abs(after - usual))

    def _refined(self, course: Course, data: Float) -> Course:
        """Return a course whose times are moved to where its evidence is highest.

        ``data`` is what all courses leave; what this one explains is added to it again.
        """
        t, precision = self.times, self._precision
        alone = precision @ (data + np.outer(course.share(t), course.pattern))
        # Far behind a fall and far before a rise a course is constant: only what is near changes.
        near = (t > course.start_ms - 1000) & (t < min(course.end_ms, course.full_ms + 1000) + 1000)
        behind = t > t[near][-1]
        weighted, block = alone[near], precision[np.ix_(near, near)]
        weighted_behind = alone[behind].sum(axis=0)
        across = precision[np.ix_(near, behind)].sum(axis=1)
        known_behind = float(precision[np.ix_(behind, behind)].sum())
        inside = t[near]

        def fitted(one: Course) -> tuple[float, Float, float]:
            share = one.share(inside)
            level = 1.0 if one.stays else one.left_over  # what goes on behind
            product = share @ weighted + level * weighted_behind
            known = float(share @ block @ share + 2 * level * share @ across)
            known = max(known + level**2 * known_behind, 1e-9)
            squares = float(product @ product)
            gain = 1 + PATTERN**2 * known
            evidence = float(_evidence(np.array(squares), np.array(known), len(product)))
            return evidence, product * PATTERN**2 / gain, squares * PATTERN**2 / gain

        best, pattern, squares = fitted(course)
        names = ("start_ms", "full_ms") if course.stays else tuple(_TIMES)
        for by in MOVES_MS:
            improved = True
            while improved:
                improved = False
                for name in names:
                    for move in (-by, by):
                        other = replace(course, **{name: getattr(course, name) + move})
                        if not other.in_order(self.step):
                            continue
                        value = fitted(other)
                        if value[0] > best + 1e-6:
                            best, pattern, squares = value
                            course, improved = other, True
        strength = float(np.sqrt(squares / len(pattern)))
        return replace(course, pattern=pattern, strength=strength)

    def _seen(self, course: Course) -> float:
        """Return the share of a movement that the data show without a model of the rest.

        Where a course is much like that of the head, a large movement and a large leak of the
        head may cancel. Two courses may cancel, too. Neither is seen.
        """
        t = self.times
        last = min(course.end_ms, course.full_ms + 500.0) + SEEN_MS
        near = (t >= course.start_ms - SEEN_MS) & (t <= last)
        if near.sum() < 3:
            return 0.0
        curve = self._data[near] @ course.pattern / float(course.pattern @ course.pattern)
        share = course.share(t)[near]
        share = share - share.mean()
        return float(share @ curve / max(float(share @ share), 1e-9))


_TIMES = ("start_ms", "full_ms", "fall_ms", "end_ms")


def _evidence(squares: Float, known: Float, components: int, spread: float = PATTERN) -> Float:
    """Return the logarithm of the likelihood ratio to no movement.

    ``squares`` is the sum of (c' P y)^2 over the components, ``known`` is c' P c.
    """
    gain = 1 + spread**2 * known
    return np.asarray((squares * spread**2 / gain - components * np.log(gain)) / 2, np.float64)


def _step(t: Float, start: float | Float, length: float) -> Float:
    """Return a step from 0 to 1 that begins at ``start``: a quarter period of a squared sine."""
    return np.asarray(np.sin(np.pi / 2 * np.clip((t - start) / length, 0, 1)) ** 2, np.float64)


def _on_knots(values: Float, knots: NDArray[np.int64], count: int) -> Float:
    """Return the means (T, D) of values (N, D) at their knots; between them interpolated."""
    filled, first, sizes = np.unique(knots, return_index=True, return_counts=True)
    means = np.add.reduceat(values, first, axis=0) / sizes[:, None]
    every = np.arange(count)
    return np.stack([np.interp(every, filled, column) for column in means.T], axis=1)

"""The courses over time that synthetic recordings are made of, at any rate of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SEEN = 0.1  # of the peak: what the first and the last frame of a movement show at least


def span_of(share: Float) -> tuple[int, int, int]:
    """Return the first frame of a course (N,) with a tenth of its peak, the peak's, and the last.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.sample.courses import span_of
    >>> span_of(np.array([0.0, 0.05, 0.5, 1.0, 0.1, 0.02]))
    (2, 3, 4)
    """
    seen = np.flatnonzero(share >= SEEN * share.max())
    return int(seen[0]), int(np.argmax(share)), int(seen[-1])


def movement_course(
    rng: np.random.Generator, onset: int, length: int, fps: float, *, hold: bool
) -> tuple[int, Float]:
    """Draw the course of a movement whose offset is ``length`` frames behind its onset.

    Parameters
    ----------
    rng
        Draws how steep rise and fall are, and where between frames they lie.
    onset
        The frame with the first tenth of the motion.
    length
        2 or larger.
    fps
        Frames per second.
    hold
        The top is held as long as rise and fall leave time; else it is short.

    Returns
    -------
    start
        The frame of the first value.
    share
        (M,), 0 to 1 and 1 at one frame.
    """
    power_up, power_down = rng.uniform(0.8, 1.3, 2)
    seconds = length / fps
    if hold:  # rise and fall do not grow with the whole
        rise = min(rng.uniform(0.15, 0.7), 0.6 * seconds)
        fall = min(rng.uniform(0.2, 0.9), 0.8 * seconds)
        parts = np.array([rise, max(seconds - rise - fall, 0.05 * seconds), fall])
    else:
        parts = np.array([rng.uniform(0.3, 0.5), rng.uniform(0.02, 0.2), rng.uniform(0.4, 0.6)])
    parts /= parts.sum()
    top = parts[0] + parts[1] * rng.uniform(0.3, 0.7)

    def value(u: Float) -> Float:
        """The share at a part of the whole course, 0 to 1."""
        up = np.sin(np.pi / 2 * np.clip(u / parts[0], 0, 1)) ** (2 * power_up)
        down = np.sin(np.pi / 2 * np.clip((1 - u) / parts[2], 0, 1)) ** (2 * power_down)
        dome = 1 - 0.04 * np.clip(np.abs(u - top) / (parts[1] / 2 + 0.02), 0, 1) ** 2
        return np.asarray(up * down * dome, np.float64)

    fine = np.linspace(0, 1, 4001)
    shape = value(fine)
    begun = np.flatnonzero(shape >= SEEN * shape.max())
    first, last = fine[begun[0]], fine[begun[-1]]
    while True:
        # The tenth is crossed somewhere in the frame before the onset, and after the offset.
        before, after = rng.uniform(0.02, 0.98, 2)
        scale = (last - first) / (length + before + after)  # of the whole, a frame
        lead = int(np.ceil(first / scale - before)) + 1
        tail = int(np.ceil((1 - last) / scale - after)) + 1
        t = np.arange(-lead, length + tail + 1)
        share = value(np.clip(first + (t + before) * scale, 0, 1))
        share /= share.max()
        # The largest value of a frame is a little below the course's, which may shift a tenth.
        if span_of(share)[::2] == (lead, lead + length):
            return onset - lead, share


def blink_course(
    rng: np.random.Generator, count: int, begin: float, length: float, fps: float
) -> Float:
    """Draw how far the lids are closed (N,): fast down, a moment shut, slowly up. Times in s."""
    t = np.arange(count) / fps
    down = length * rng.uniform(0.25, 0.4)
    shut = min(length - down - 0.03, rng.uniform(0, 0.04))
    depth = 1.0 if rng.random() < 0.7 else rng.uniform(0.4, 1.0)
    rising = np.clip((t - begin) / down, 0, 1)
    falling = np.clip((begin + length - t) / (length - down - shut), 0, 1)
    shape = np.sin(np.pi / 2 * rising) ** 2 * np.sin(np.pi / 2 * falling) ** 2
    return np.asarray(depth * shape, np.float64)


def step_course(count: int, begin: float, length: float, fps: float) -> Float:
    """Return a smooth change (N,) from 0 to 1 that begins at ``begin`` and lasts ``length`` s."""
    u = np.clip((np.arange(count) / fps - begin) / length, 0, 1)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u**2), np.float64)


def wander(rng: np.random.Generator, count: int, fps: float, periods: tuple[float, float]) -> Float:
    """Return a slow smooth wander (N,) of about unit size: sines with periods in s between two."""
    terms = 5
    t = np.arange(count) / fps
    lengths = np.exp(rng.uniform(np.log(periods[0]), np.log(periods[1]), terms))
    phases = rng.uniform(0, 2 * np.pi, terms)
    sizes = rng.uniform(0.4, 1.0, terms) * np.sqrt(lengths / lengths.max())
    waves = sizes[:, None] * np.sin(2 * np.pi * t / lengths[:, None] + phases[:, None])
    return np.asarray(waves.sum(axis=0) / np.sqrt((sizes**2).sum() / 2), np.float64) / 2


def syllables(rng: np.random.Generator, count: int, fps: float, rate: tuple[float, float]) -> Float:
    """Draw the openings (N,) of a mouth that speaks, 0 to 1: pulses at a rate in Hz, and pauses."""
    t = np.arange(count) / fps
    course = np.zeros(count)
    at = 0.0
    while at < count / fps:
        length = 1 / rng.uniform(*rate)
        size = rng.uniform(0.35, 1.0)
        u = np.clip((t - at) / (1.15 * length), 0, 1)  # syllables run into each other
        course = np.maximum(course, size * np.sin(np.pi * u) ** 2)
        at += length + (rng.uniform(0.2, 0.5) if rng.random() < 0.1 else 0.0)
    left = np.clip((count / fps - t) / 0.15, 0, 1)
    course *= left * left * (3 - 2 * left)
    return np.asarray(course / course.max(), np.float64)

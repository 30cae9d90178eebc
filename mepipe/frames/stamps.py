"""The times of a video's frames, from the time stamps of its container."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.plausible import LONGEST_MS, is_rate

# Containers store time stamps in ticks, so even a constant rate jitters by a share of a step.
_CONSTANT_RATE_JITTER = 0.1
# A stated rate that differs from the time stamps by less is the exact one: 30000/1001, not 29.97.
_SAME_RATE = 0.005
_TICK_MS = 1.0  # the coarsest unit of time stamps (Matroska)
# A few broken time stamps can be mended from their neighbours. More are no time stamps.
_MOST_MENDED = 0.1


@dataclass(frozen=True)
class Times:
    """When the frames of a video were recorded.

    Parameters
    ----------
    fps
        Frames per second. None if the file does not say.
    times_ms
        The time of each frame, ms from the first, where the rate varies, else None.
    mended
        Number of frames whose time stamp was missing or did not increase.
    unusable
        True if so many are broken that the rate cannot be read from them.
    """

    fps: float | None
    times_ms: tuple[float, ...] | None = None
    mended: int = 0
    unusable: bool = False


def read_times(stamps_ms: Sequence[float | None], stated: float | None) -> Times:
    """Return the times of frames from their time stamps.

    A few stamps that are missing, or not later than one before, are replaced by points on
    the line between their neighbours. The others decide the rate.

    Parameters
    ----------
    stamps_ms
        The time stamp of each frame, ms, in the order of presentation. None: it has none.
    stated
        Frames per second in the file's header. None if there is no plausible rate.

    Examples
    --------
    >>> from mepipe.frames.stamps import read_times
    >>> read_times([0.0, 33.3, 66.7, 100.0], stated=30.0)
    Times(fps=30.0, times_ms=None, mended=0, unusable=False)

    From the third frame on, the camera was slower, and one stamp appears twice:

    >>> times = read_times([0, 10, 20, 50, 80, 80, 140, 170, 200, 230], stated=100.0)
    >>> times.times_ms, times.mended
    ((0.0, 10.0, 20.0, 50.0, 80.0, 110.0, 140.0, 170.0, 200.0, 230.0), 1)
    """
    count = len(stamps_ms)
    finite = [stamp for stamp in stamps_ms if stamp is not None and np.isfinite(stamp)]
    middle = float(np.median(finite)) if finite else 0.0
    # One wild stamp must not be what the others are measured by.
    near = [stamp if stamp is not None and abs(stamp - middle) <= LONGEST_MS else None
            for stamp in stamps_ms]  # fmt: skip
    good = _increasing(near)
    if all(stamp is None for stamp in stamps_ms) or count < 2:
        # Some containers have no time stamps (raw streams). Their header's rate is all there is.
        return Times(stated)
    mended = count - len(good)
    if len(good) < 2 or mended > max(1, _MOST_MENDED * count):
        return Times(None, None, mended, unusable=True)
    known = np.array([stamps_ms[position] for position in good], dtype=np.float64)
    times = _filled(np.array(good), known, count)
    steps = np.diff(times)
    if not times[-1] - times[0] <= LONGEST_MS:
        return Times(None, None, mended, unusable=True)
    typical = float(np.median(steps))
    span = float(times[-1] - times[0])
    measured = round(1000.0 * (count - 1) / span, 6)
    fps: float | None = measured if is_rate(measured) else None
    if stated is not None and abs(measured / stated - 1) <= max(_SAME_RATE, _TICK_MS / span):
        fps = stated
    if len(steps) > 1 and np.abs(steps - typical).max() > _CONSTANT_RATE_JITTER * typical:
        return Times(fps, tuple(round(float(t - times[0]), 3) for t in times), mended)
    return Times(fps, None, mended)


def _increasing(stamps_ms: Sequence[float | None]) -> list[int]:
    """Return the positions of the longest strictly increasing sequence of stamps.

    Positions outside it are the fewest whose removal leaves increasing times (patience
    sorting; Fredman, Discrete Mathematics 11, 1975).
    """
    ends: list[float] = []
    last: list[int] = []
    before: dict[int, int] = {}
    for position, stamp in enumerate(stamps_ms):
        if stamp is None or not np.isfinite(stamp):
            continue
        at = bisect_left(ends, stamp)
        if at < len(ends) and ends[at] == stamp:
            continue  # of equal stamps the first is believed: the others are copies
        if at:
            before[position] = last[at - 1]
        ends[at : at + 1] = [stamp]
        last[at : at + 1] = [position]
    found: list[int] = []
    position = last[-1] if last else -1
    while position >= 0:
        found.append(position)
        position = before.get(position, -1)
    return found[::-1]


def _filled(
    positions: NDArray[np.int_], known: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Return the times of all frames, (count,): known ones, and points on lines between them."""
    times = np.asarray(np.interp(np.arange(count), positions, known), np.float64)
    step = float(np.median(np.diff(known) / np.diff(positions)))
    first, last = int(positions[0]), int(positions[-1])
    times[:first] = known[0] - step * np.arange(first, 0, -1)
    times[last + 1 :] = known[-1] + step * np.arange(1, count - last)
    return times

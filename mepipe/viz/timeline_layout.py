"""Where things stand in the picture of a recording: rows, ticks, labels, points of a curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ONE_ROW_MS = 90_000.0
_ROWS_MS = (60_000.0, 120_000.0, 180_000.0, 300_000.0)
_FEW, _MOST = 12, 36  # rows
_STEPS_MS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000)
_TICKS = 14  # in a row


def row_length(length_ms: float) -> float:
    """Return how long a row of the picture is, ms.

    A recording of at most a minute and a half is one row. Longer ones have rows of at most five
    minutes, up to three hours; beyond, the picture would be too high.

    >>> [row_length(seconds * 1000) / 1000 for seconds in (10, 90, 100, 1500, 3600, 36_000)]
    [10.0, 90.0, 60.0, 180.0, 300.0, 1020.0]
    """
    if length_ms <= _ONE_ROW_MS:
        return max(length_ms, 1.0)
    fitting = (one for one in _ROWS_MS if length_ms <= one * _FEW)
    least = np.ceil(length_ms / _MOST / 60_000) * 60_000
    return next(fitting, max(_ROWS_MS[-1], float(least)))


def tick_step(row_ms: float) -> float:
    """Return the time from one tick of a row to the next, ms.

    >>> tick_step(10_000), tick_step(90_000), tick_step(300_000)
    (1000, 10000, 30000)
    """
    return next((step for step in _STEPS_MS if row_ms / step <= _TICKS), row_ms / _TICKS)


def clock(ms: float, *, hours: bool = False, tenths: bool = False) -> str:
    """Return a time as minutes and seconds.

    >>> clock(75_300), clock(75_300, tenths=True), clock(3_675_000, hours=True)
    ('1:15', '1:15.3', '1:01:15')
    """
    whole = round(ms / 100) if tenths else round(ms / 1000)
    seconds, rest = divmod(whole, 10) if tenths else (whole, 0)
    minutes, seconds = divmod(seconds, 60)
    end = f"{seconds:02d}" + f".{rest}" * tenths
    if not hours:
        return f"{minutes}:{end}"
    return f"{minutes // 60}:{minutes % 60:02d}:{end}"


def place_labels(
    centres: Sequence[float], widths: Sequence[float], low: float, high: float, levels: int
) -> list[tuple[int, float] | None]:
    """Return for each label the level above the row and the centre, so that none overlap.

    Each goes to the lowest level where it is free; where there is none it is left out. One at
    an edge is moved inside.

    Parameters
    ----------
    centres
        Ascending.
    widths
        In the same unit, with the gap between two labels.
    low, high
        The ends of the row.
    levels
        How many there are.

    Examples
    --------
    >>> place_labels([5, 8, 10, 30], [6, 6, 6, 6], low=0, high=32, levels=2)
    [(0, 5.0), (1, 8.0), None, (0, 29.0)]
    """
    ends = [-np.inf] * levels
    found: list[tuple[int, float] | None] = []
    for centre, width in zip(centres, widths, strict=True):
        inside = float(min(max(centre, low + width / 2), high - width / 2))
        begin = inside - width / 2
        level = next((one for one, end in enumerate(ends) if end <= begin), None)
        if level is None:
            found.append(None)
        else:
            ends[level] = inside + width / 2
            found.append((level, inside))
    return found


def thinned(
    times: NDArray[np.float64], values: NDArray[np.float32], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return a curve of at most two points in each of ``bins`` parts: its least and its most.

    So a peak of one frame stays. A part without any value is NaN.

    >>> t, y = thinned(np.arange(6.0), np.array([0, 9, 1, 2, np.nan, np.nan], "f4"), bins=2)
    >>> t.tolist(), y.tolist()
    ([0.0, 1.0, 3.0, 3.0], [0.0, 9.0, 2.0, 2.0])
    """
    if len(values) <= 2 * bins:
        return times, values
    size = -(-len(values) // bins)
    lack = -len(values) % size
    table = np.pad(values, (0, lack), constant_values=np.nan).reshape(-1, size)
    at = np.arange(len(table)) * size
    empty = np.isnan(table).all(axis=1)
    least = at + np.where(np.isnan(table), np.inf, table).argmin(axis=1)
    most = at + np.where(np.isnan(table), -np.inf, table).argmax(axis=1)
    order = np.sort(np.stack([least, most], axis=1), axis=1).ravel()
    kept = np.where(np.repeat(empty, 2), np.float32(np.nan), values[order])
    return times[order], kept


def gaps(times: NDArray[np.float64], values: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Return begin and end of each part of a curve that is NaN.

    It ends where the next value is, or with the last frame.

    >>> gaps(np.arange(5.0), np.array([np.nan, 1, np.nan, np.nan, 2], "f4"))
    [(0.0, 1.0), (2.0, 4.0)]
    """
    lost = np.concatenate([[False], np.isnan(values), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(lost)).reshape(-1, 2)
    last = len(times) - 1
    return [(float(times[begin]), float(times[min(end, last)])) for begin, end in edges]

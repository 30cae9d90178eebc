"""Blinks and turns of the head: what moves beside the expressions of a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# The look of an eye that closes differs by .34 to .74 from that around it, that of a gaze by at
# most .05 (made recordings, 3 faces; docs/recordings.md).
BLINK = 0.15
BLINK_EDGE = 0.3  # share of the height at which a blink begins and ends
LONGEST_BLINK_MS = 500.0
AROUND_MS = 1000.0  # the usual look is the median over so much

TURN = 0.026  # of yaw or pitch: 1.5 degrees, in radians
TURN_MS = 600.0  # within this time
TURN_EDGE = 0.1  # share of the whole turn at which it begins and ends


def running_median(values: Float, times_ms: Float, width_ms: float) -> Float:
    """Return the median over ``width_ms`` around each of N values (N, D), ascending times (N,).

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.blinks import running_median
    >>> values = np.array([0.0, 0.0, 9.0, 0.0, 0.0])[:, None]
    >>> running_median(values, np.arange(5) * 10.0, 40.0).ravel()
    array([0., 0., 0., 0., 0.])
    """
    step = float(np.median(np.diff(times_ms))) if len(times_ms) > 1 else width_ms
    half = max(1, round(width_ms / step / 2))
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    return np.asarray(np.median(windows, axis=-1), np.float64)


def find_blinks(eyes: Float, times_ms: Float) -> list[tuple[int, int, int]]:
    """Return the blinks as (first, most closed, last) positions, 0-based.

    A blink changes the look of the eyes and gives it back within half a second. A gaze changes
    it for longer, and less.

    Parameters
    ----------
    eyes
        (N, E): the look of the eyes (`mepipe.spotting.motion.FaceMotion`).
    times_ms
        (N,), ascending, ms.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.spotting.blinks import find_blinks
    >>> eyes = np.zeros((60, 1))
    >>> eyes[30:34, 0] = 0.3, 0.7, 0.7, 0.3
    >>> find_blinks(eyes, np.arange(60) * 33.3)
    [(30, 31, 33)]
    """
    if not eyes.shape[1] or len(eyes) < 3:
        return []
    away = np.linalg.norm(eyes - running_median(eyes, times_ms, AROUND_MS), axis=1)
    found: list[tuple[int, int, int]] = []
    for begin, end in _runs(away > BLINK):
        first, last = begin, end
        peak = first + int(np.argmax(away[first : last + 1]))
        level = max(BLINK_EDGE * away[peak], BLINK / 2)
        while first > 0 and away[first - 1] >= level:
            first -= 1
        while last < len(away) - 1 and away[last + 1] >= level:
            last += 1
        if times_ms[last] - times_ms[first] <= LONGEST_BLINK_MS and not (
            found and first <= found[-1][2]
        ):
            found.append((first, peak, last))
    return found


def find_turns(head: Float, times_ms: Float) -> list[tuple[int, int, int]]:
    """Return the turns of the head as (first, fastest, last) positions, 0-based.

    Parameters
    ----------
    head
        (N, 6), from `mepipe.spotting.motion.FaceMotion`. Yaw and pitch are its last two.
    times_ms
        (N,), ascending, ms.

    Examples
    --------
    A head turns by 3 degrees between frames 30 and 40:

    >>> import numpy as np
    >>> from mepipe.spotting.blinks import find_turns
    >>> head = np.zeros((80, 6))
    >>> head[:, 4] = np.radians(3) * np.clip((np.arange(80) - 30) / 10, 0, 1)
    >>> find_turns(head, np.arange(80) * 33.3)
    [(31, 35, 38)]
    """
    pose = head[:, 4:6]
    if len(pose) < 3:
        return []
    half = TURN_MS / 2
    before = np.searchsorted(times_ms, times_ms - half)
    after = np.minimum(np.searchsorted(times_ms, times_ms + half, side="right"), len(pose)) - 1
    change = np.linalg.norm(pose[after] - pose[before], axis=1)
    found = []
    for first, last in _runs(change > TURN):
        middle = (first + last) // 2
        low, high = int(before[middle]), int(after[middle])
        whole = pose[high] - pose[low]
        course = (pose[low : high + 1] - pose[low]) @ whole / float(whole @ whole)
        moving = np.flatnonzero((course >= TURN_EDGE) & (course <= 1 - TURN_EDGE))
        if len(moving):
            begin, end = low + int(moving[0]), low + int(moving[-1])
            found.append((begin, min(max(middle, begin), end), end))
    return found


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]

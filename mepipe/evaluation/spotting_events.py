"""Events in recordings, how much two of them overlap, and which of them belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mepipe.errors import UsageError
from mepipe.plausible import RATES, is_rate
from mepipe.schema import is_micro

Kind = Literal["micro", "macro"]
Spans = NDArray[np.float64]
Pairs = NDArray[np.int64]

IOU = 0.5
"""The least intersection over union of a true positive."""
# 29.97 x 0.5 or a third of a second has no exact float: no count hangs on the last bit.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Event:
    """One movement in a recording, true or predicted.

    Parameters
    ----------
    recording
        The name of the recording.
    onset, offset
        Its first and its last frame, both included.
    fps
        Frames per second of the recording; None if unknown.
    kind
        ``micro`` or ``macro``; empty: by its length (`kind_of`).
    subject
        The person; empty if unknown.
    emotion
        The class; empty if unknown.
    apex
        The frame of the apex; None if unknown.

    Raises
    ------
    UsageError
        If the event ends before it begins, or a value is impossible.

    Examples
    --------
    >>> Event("interview", 120, 129, fps=30).onset
    120
    """

    recording: str
    onset: int
    offset: int
    fps: float | None = None
    kind: Kind | Literal[""] = ""
    subject: str = ""
    emotion: str = ""
    apex: int | None = None

    def __post_init__(self) -> None:
        what = f"the event of {self.recording or 'a recording without a name'}"
        if self.offset < self.onset:
            raise UsageError(
                f"{what} from frame {self.onset} to {self.offset} ends before it begins",
                "Correct its onset or its offset.",
            )
        if self.fps is not None and not is_rate(self.fps):
            raise UsageError(f"{what}: {self.fps} frames per second", f"Give a rate of {RATES}.")
        if self.kind not in {"", "micro", "macro"}:
            raise UsageError(f"{what}: the kind {self.kind!r}", "Give micro or macro.")


def kind_of(onset: int, offset: int, fps: float) -> Kind:
    """Return whether an expression is micro or macro: micro is at most 0.5 s long.

    The length is the time from the onset frame to the offset frame,
    (offset - onset) / fps, as for all key frames in mepipe.

    >>> kind_of(100, 115, fps=30), kind_of(100, 116, fps=30)
    ('micro', 'macro')
    """
    return "micro" if is_micro((offset - onset) / fps) else "macro"


def iou(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Return the intersection over union of intervals of frames, both ends included.

    The intersection has min(offsets) - max(onsets) + 1 frames, or none, as in the baseline of
    MEGC 2020 (github.com/HeyingGithub/Baseline-project-for-MEGC2020_spotting).

    Parameters
    ----------
    truth, predicted
        (N, 2) and (M, 2), onset and offset.

    Returns
    -------
    array
        (N, M), 0 to 1.

    Examples
    --------
    >>> iou([[0, 9]], [[0, 9], [5, 14], [9, 18], [10, 19]]).round(3).tolist()
    [[1.0, 0.333, 0.053, 0.0]]
    """
    end = np.array([0.0, 1.0])  # the offset frame is part of the event
    return span_iou(_spans(truth) + end, _spans(predicted) + end)


def span_iou(truth: Spans, predicted: Spans) -> NDArray[np.float64]:
    """Return the intersection over union (N, M) of spans (N, 2), (M, 2) of a continuous axis."""
    shared = np.minimum(truth[:, None, 1], predicted[None, :, 1]) - np.maximum(
        truth[:, None, 0], predicted[None, :, 0]
    )
    shared = np.maximum(shared, 0.0)
    lengths = np.subtract(truth[:, 1], truth[:, 0])[:, None] + np.subtract(
        predicted[:, 1], predicted[:, 0]
    )
    overlap: NDArray[np.float64] = shared / (lengths - shared)
    return overlap


def match(overlap: ArrayLike, threshold: float = IOU) -> Pairs:
    """Return which truths and predictions belong together, each in one pair at most.

    There are as many pairs as there can be (a maximum matching); of all ways to have
    so many, that with the largest sum of intersections over union.

    Parameters
    ----------
    overlap
        (N, M), the intersections over union of truths and predictions.
    threshold
        The least that makes a pair.

    Returns
    -------
    array
        (K, 2), the index of the truth and of the prediction, in the order of the truths.

    Examples
    --------
    A prediction that overlaps two truths is paired with one of them:

    >>> match([[0.5], [0.5]]).tolist()
    [[0, 0]]

    Taking the best pair first would leave the second truth without one:

    >>> match([[0.9, 0.6], [0.7, 0.0]]).tolist()
    [[0, 1], [1, 0]]
    """
    from scipy.optimize import linear_sum_assignment

    table = np.atleast_2d(np.asarray(overlap, dtype=np.float64))
    fits = reaches(table, threshold)
    if not fits.any():
        return np.empty((0, 2), dtype=np.int64)
    # The sum of what the overlaps add stays below 1, the worth of one more pair.
    worth = np.where(fits, 1.0 + table / (min(table.shape) + 1.0), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = fits[rows, columns]
    return np.column_stack([rows[kept], columns[kept]]).astype(np.int64)


def reaches(overlap: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Return where overlaps (N, M) make a pair."""
    return (overlap >= threshold * (1 - _ROUNDING)) & (overlap > 0)


def _spans(intervals: ArrayLike) -> Spans:
    table = np.asarray(intervals, dtype=np.float64).reshape(-1, 2)
    if np.any(table[:, 1] < table[:, 0]):
        raise UsageError("an interval ends before it begins", "Give onset and offset, in order.")
    return table


def overlapping(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Return pairs of indices of events of one recording that share frames, each event once.

    >>> overlapping([Event("a", 0, 9), Event("a", 9, 12), Event("b", 0, 9)])
    [(0, 1)]
    """
    order = sorted(range(len(events)), key=lambda i: (events[i].recording, events[i].onset))
    found = []
    longest = -1
    for index in order:
        one = events[index]
        before = events[longest] if longest >= 0 else None
        if before is not None and before.recording == one.recording and one.onset <= before.offset:
            found.append((longest, index))
            longest = index if one.offset > before.offset else longest
        else:
            longest = index
    return found

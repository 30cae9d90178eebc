"""Apex spotting: the peak of the expressive regions' motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.centre import midpoint
from mepipe.spotting.curve import ONSET_SHARE, expression_curve, rest_frames, smoothed, span_above
from mepipe.spotting.marks import RegionPolygon, Spotted, check_marks
from mepipe.spotting.motion import face_motion

Float = NDArray[np.float64]

CONTEXT_MS = 50.0
PEAK_SHARE = 0.7  # the apex lies where the most likely course shows at least this share
APEX_TOLERANCE_MS = 25.0  # the middle of an annotated movement is so near to its apex
APEX_WIDTH_MS = 60.0  # a peak so wide is worth half the confidence of a sharp one
EDGE_WIDTH_MS = 30.0
MIN_NOISE = 0.002  # px: below this the flow itself is not exact


def flow_peak(
    crops: NDArray[np.uint8],
    times_ms: NDArray[np.float64],
    regions: Sequence[RegionPolygon],
    *,
    inter_ocular: float,
    smooth_ms: float = 20.0,
    threshold: float = 1.2,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
) -> Spotted:
    """Find onset, apex and offset from the motion of the facial regions.

    The motion of the regions less the head's (`mepipe.spotting.motion`); the
    course that a movement takes most likely, given all else that moves
    (`mepipe.spotting.evidence`); the motion along its pattern, smoothed
    (`mepipe.spotting.curve`). The apex is the curve's peak where that course is
    high; onset and offset are the first and the last frame around it with a
    tenth of its motion.

    Parameters
    ----------
    crops
        (N, S, S) uint8: aligned faces, all through one transform, so that the
        head's motion is still in them.
    times_ms
        (N,): the frames' times, ms, ascending; steps may differ.
    regions
        Polygons in px of the crop, at least one of them expressive. Eye regions
        also say where the face is for its relief.
    inter_ocular
        Distance of the eye centres in px of the crop.
    smooth_ms
        Width at half height of the Gaussian that smooths the motion, ms.
    threshold
        A movement is this many times stronger than what chance gives.
    onset, apex, offset
        Annotated positions, 0-based, or None. They are kept and bound the search.

    Raises
    ------
    ValueError
        If shapes, times or marks do not fit together.
    """
    count = len(crops)
    _check(crops, times_ms, regions, inter_ocular)
    check_marks(count, onset, apex, offset)
    first = 0 if onset is None else onset
    last = count - 1 if offset is None else offset
    if first == last:
        return _without_movement(count, onset, apex, offset, np.zeros(count))

    # Rest is before the onset and after the offset, where the clip goes on there.
    begin = int(np.searchsorted(times_ms, times_ms[first] - CONTEXT_MS))
    end = int(np.searchsorted(times_ms, times_ms[last] + CONTEXT_MS, side="right")) - 1
    motion = face_motion(
        crops, regions, inter_ocular=inter_ocular, reference=rest_frames(times_ms, begin, end)
    )
    # An apex on the onset or the offset itself would be a movement without motion.
    inside = slice(first + 1, last) if last - first > 1 else slice(first, last + 1)
    centres = inside if apex is None else _frames_near(times_ms, apex)
    raw, movement = expression_curve(motion, times_ms, slice(begin, end + 1), first, centres)
    raw = raw * inter_ocular
    curve = smoothed(raw, times_ms, smooth_ms)
    high = begin + np.flatnonzero(movement.course >= PEAK_SHARE * movement.course.max())
    high = high[(high >= inside.start) & (high < inside.stop)]
    if not len(high):
        high = np.arange(inside.start, inside.stop)
    peak = int(high[np.argmax(curve[high])]) if apex is None else apex
    if curve[peak] <= 0:
        return _without_movement(count, onset, apex, offset, curve)
    # What the curve does beside the movement's own course.
    left = curve[begin : end + 1] - curve[peak] * movement.course / movement.course.max()
    noise = float(np.hypot(left.std(), MIN_NOISE))
    return _key_frames_around(
        curve, times_ms, noise, peak, movement.strength, threshold, (onset, apex, offset)
    )


def _frames_near(times_ms: Float, apex: int) -> slice:
    first = int(np.searchsorted(times_ms, times_ms[apex] - APEX_TOLERANCE_MS))
    stop = int(np.searchsorted(times_ms, times_ms[apex] + APEX_TOLERANCE_MS, side="right"))
    return slice(first, stop)


def _check(
    crops: NDArray[np.uint8], times_ms: Float, regions: Sequence[RegionPolygon], inter_ocular: float
) -> None:
    if crops.ndim != 3 or crops.shape[1] != crops.shape[2] or crops.dtype != np.uint8:
        raise ValueError(f"crops {crops.shape} {crops.dtype} are not (N, S, S) uint8")
    if times_ms.shape != (len(crops),) or np.any(np.diff(times_ms) <= 0):
        raise ValueError(f"times_ms {times_ms.shape} are not {len(crops)} ascending times")
    if not any(region.role == "expressive" for region in regions):
        raise ValueError("there is no expressive region to look at")
    if not inter_ocular > 0:
        raise ValueError(f"inter_ocular {inter_ocular} is not positive")


def _without_movement(
    count: int, onset: int | None, apex: int | None, offset: int | None, curve: Float
) -> Spotted:
    guess = midpoint(count, onset=onset, apex=apex, offset=offset)
    return Spotted(
        guess.onset,
        guess.apex,
        guess.offset,
        guess.onset_confidence,
        guess.apex_confidence,
        guess.offset_confidence,
        movement=False,
        curve=curve.astype(np.float32),
    )


def _key_frames_around(
    curve: Float,
    times_ms: Float,
    noise: float,
    peak: int,
    strength: float,
    threshold: float,
    marks: tuple[int | None, int | None, int | None],
) -> Spotted:
    """Take onset and offset around the peak, and say how sure each position is."""
    onset, apex, offset = marks
    height = float(curve[peak])
    low = 0 if onset is None else onset
    high = len(curve) - 1 if offset is None else offset
    begin, end = span_above(curve, peak, ONSET_SHARE * height, low, high)
    # A movement that rises or falls within one frame still begins before its peak.
    begin, end = max(low, min(begin, peak - 1)), min(high, max(end, peak + 1))
    clear = strength**2 / (strength**2 + threshold**2)

    # The frames that noise could have made the peak, and the best one elsewhere.
    top_begin, top_end = span_above(curve, peak, height - noise, low, high)
    width = (times_ms[top_end] - times_ms[top_begin]) / 2
    elsewhere = np.concatenate([curve[low:begin], curve[end + 1 : high + 1], [0.0]])
    alone = 1 - min(1.0, float(elsewhere.max()) / height) ** 2
    apex_confidence = clear * alone / (1 + (width / APEX_WIDTH_MS) ** 2)

    def edge_confidence(position: int, step: int, limit: int) -> float:
        """How long the curve stays within the noise of the edge."""
        position = position if position != peak else position + step
        if not 0 <= position < len(curve):
            return 0.0
        level = ONSET_SHARE * height
        # From the edge towards the peak, to where the curve has surely risen.
        up = position
        while up != peak and curve[up] < level + noise:
            up -= step
        blur = abs(times_ms[up] - times_ms[position])
        # A movement that reaches the clip's end may go on beyond it.
        cut = 0.5 if position == limit else 1.0
        return float(cut * clear * alone / (1 + (blur / EDGE_WIDTH_MS) ** 2))

    return Spotted(
        onset=begin if onset is None else onset,
        apex=peak,
        offset=end if offset is None else offset,
        onset_confidence=1.0 if onset is not None else edge_confidence(begin, -1, 0),
        apex_confidence=1.0 if apex is not None else float(apex_confidence),
        offset_confidence=1.0 if offset is not None else edge_confidence(end, 1, len(curve) - 1),
        movement=bool(strength >= threshold),
        curve=curve.astype(np.float32),
        strength=strength,
    )

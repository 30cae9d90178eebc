"""Spotting by flow: the apex is the peak of the motion of the expressive regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mepipe.smoothing import gaussian_mean
from mepipe.spotting.centre import midpoint
from mepipe.spotting.confidence import APEX, OFFSET, ONSET, chance
from mepipe.spotting.curve import (
    FWHM,
    ONSET_SHARE,
    expression_curve,
    rest_frames,
    resting_level,
    smoothed,
    span_above,
    without_drift,
)
from mepipe.spotting.evidence import Movement
from mepipe.spotting.key_frames import RegionPolygon, Spotted, check_marks
from mepipe.spotting.motion import face_motion

Float = NDArray[np.float64]
Marks: TypeAlias = tuple[int | None, int | None, int | None]
"""Onset, apex and offset: 0-based positions, None where they are not annotated."""

CONTEXT_MS = 50.0  # so much before the onset and after the offset is read as rest
PEAK_SHARE = 0.7  # the apex lies where the most likely course shows at least this share
APEX_TOLERANCE_MS = 25.0  # between an annotated apex and the centre of its movement
APEX_WIDTH_MS = 60.0  # a peak so wide has half the confidence of a sharp one
EDGE_WIDTH_MS = 30.0  # the same for onset and offset
MIN_NOISE = 0.002  # px: the alignment of the cells is not more exact


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
    keys: Sequence[int] = (),
) -> Spotted:
    """Find onset, apex and offset from the motion of the facial regions.

    Three steps, each in a module of its own:

    1. the motion of the regions without the head's (`mepipe.spotting.motion`);
    2. the course in time that the movement most likely follows, given all else
       that moves (`mepipe.spotting.evidence`);
    3. the motion along the pattern of that movement, smoothed over time
       (`mepipe.spotting.curve`).

    The apex is the peak of this curve where the course is high. The onset is the first
    frame with a tenth of the rise, from the level at which the face rested; the offset the
    last one with a tenth of the fall, to the level at which it settles.

    Parameters
    ----------
    crops
        (N, S, S) uint8: aligned faces, all through one transform, so that the
        motion of the head is still in them.
    times_ms
        (N,) float64: times of the frames, ascending, ms. Steps may differ.
    regions
        Polygons in px of the crop, at least one of them expressive. Eye regions
        also locate the face for the model of its relief.
    inter_ocular
        Distance of the eye centres, px of the crop.
    smooth_ms
        Full width at half maximum of the Gaussian that smooths the curve, ms.
    threshold
        Minimum strength of a movement, relative to noise.
    onset, apex, offset
        Annotated positions, 0-based, or None. They are kept and bound the search.
    keys
        Positions of the key frames of a video codec that draws the others from them
        (`mepipe.spotting.codec.predicts`): the picture steps there, and in between its parts
        catch up. Empty for frames that are drawn each for itself.

    Returns
    -------
    The key frames, their confidences, the curve in px, the strength, and the motion of the
    expressive regions.

    Raises
    ------
    ValueError
        If shapes, times or positions do not fit together, or no region is
        expressive.

    Examples
    --------
    A made clip of 40 frames at 200 fps in which the mouth rises by 1.5 px and comes
    back; the apex is frame 20:

    >>> import numpy as np
    >>> from mepipe.assets import regions, template
    >>> from mepipe.spotting import RegionPolygon, flow_peak
    >>> size, face = 96, template()
    >>> polygons = [
    ...     RegionPolygon(r.name, r.role, r.polygon(face.points) * size - 0.5)
    ...     for r in regions()
    ... ]
    >>> y, x = np.mgrid[:size, :size]
    >>> course = np.sin(np.pi * np.clip((np.arange(40) - 8) / 24, 0, 1)) ** 2
    >>> lift = 1.5 * np.exp(-((x - 48) ** 2 + (y - 72) ** 2) / 200)
    >>> rows = y + course[:, None, None] * lift
    >>> crops = 128 + 50 * np.sin(x / 3) * np.cos(rows / 4) + 40 * np.cos(x / 5 + rows / 3)
    >>> found = flow_peak(
    ...     crops.astype(np.uint8), np.arange(40) * 5.0, polygons,
    ...     inter_ocular=face.inter_ocular * size,
    ... )
    >>> found.apex, found.movement
    (20, True)
    """
    count = len(crops)
    _check(crops, times_ms, regions, inter_ocular)
    check_marks(count, onset, apex, offset)
    first = 0 if onset is None else onset
    last = count - 1 if offset is None else offset
    if first == last:
        expressive = sum(region.role == "expressive" for region in regions)
        still = np.zeros((count, expressive, 2), np.float32)
        return _without_movement(count, (onset, apex, offset), np.zeros(count), still)

    # Rest is before the onset and after the offset, where the clip goes on there.
    begin = int(np.searchsorted(times_ms, times_ms[first] - CONTEXT_MS))
    end = int(np.searchsorted(times_ms, times_ms[last] + CONTEXT_MS, side="right")) - 1
    motion = face_motion(
        crops, regions, inter_ocular=inter_ocular, reference=rest_frames(times_ms, begin, end)
    )
    # An apex on the onset or the offset itself would be a movement without motion.
    inside = slice(first + 1, last) if last - first > 1 else slice(first, last + 1)
    centres = inside if apex is None else _frames_near(times_ms, apex)
    raw, movement = expression_curve(motion, times_ms, slice(begin, end + 1), first, centres, keys)
    raw = raw * inter_ocular
    moved = without_drift(motion, slice(begin, end + 1), movement) * inter_ocular
    each = gaussian_mean(moved, times_ms, smooth_ms / FWHM).astype(np.float32)
    each = each.reshape(motion.regions.shape)
    curve = smoothed(raw, times_ms, smooth_ms)
    high = begin + np.flatnonzero(movement.course >= PEAK_SHARE * movement.course.max())
    high = high[(high >= inside.start) & (high < inside.stop)]
    if not len(high):
        high = np.arange(inside.start, inside.stop)
    peak = int(high[np.argmax(curve[high])]) if apex is None else apex
    if curve[peak] <= 0:
        return _without_movement(count, (onset, apex, offset), curve, each)
    # Noise is what the curve does beside the course of the movement.
    remainder = curve[begin : end + 1] - curve[peak] * movement.course / movement.course.max()
    noise = float(np.hypot(remainder.std(), MIN_NOISE))
    course = movement.course[np.clip(np.arange(count) - begin, 0, end - begin)]
    return _key_frames_around(
        curve, course, times_ms, noise, peak, movement, threshold, (onset, apex, offset), each
    )


def _frames_near(times_ms: Float, apex: int) -> slice:
    """Return the frames among which the centre of a movement with this apex lies."""
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
    count: int, marks: Marks, curve: Float, regions: NDArray[np.float32]
) -> Spotted:
    onset, apex, offset = marks
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
        regions=regions,
    )


def _key_frames_around(
    curve: Float,
    course: Float,
    times_ms: Float,
    noise: float,
    peak: int,
    found: Movement,
    threshold: float,
    marks: Marks,
    regions: NDArray[np.float32],
) -> Spotted:
    """Return onset and offset around the peak, and a confidence for each position."""
    onset, apex, offset = marks
    height, strength = float(curve[peak]), found.strength
    low = 0 if onset is None else onset
    high = len(curve) - 1 if offset is None else offset
    rests = [resting_level(curve, course, times_ms, peak, limit) for limit in (low, high)]
    levels = [rest + ONSET_SHARE * (height - rest) for rest in rests]
    begin, _ = span_above(curve, peak, levels[0], low, high)
    _, end = span_above(curve, peak, levels[1], low, high)
    # A movement that rises or falls within one frame still begins before its peak.
    begin, end = max(low, min(begin, peak - 1)), min(high, max(end, peak + 1))
    # 1/2 at the threshold, towards 1 for a clear movement.
    clear = strength**2 / (strength**2 + threshold**2)

    # Two doubts about the apex: the width of the run that is within the noise of the peak,
    # and a second peak elsewhere that is as high.
    top_begin, top_end = span_above(curve, peak, height - noise, low, high)
    width = (times_ms[top_end] - times_ms[top_begin]) / 2
    beside = curve[low:begin] - rests[0], curve[end + 1 : high + 1] - rests[1], np.zeros(1)
    alone = 1 - min(1.0, float(np.concatenate(beside).max()) / height) ** 2
    apex_confidence = clear * alone / (1 + (width / APEX_WIDTH_MS) ** 2)

    def edge_confidence(position: int, step: int, limit: int, level: float) -> float:
        """Return the confidence of an edge: how fast the curve leaves its noise there."""
        position = position if position != peak else position + step
        if not 0 <= position < len(curve):
            return 0.0
        # Walk from the edge towards the peak, until the curve is above the noise.
        up = position
        while up != peak and curve[up] < level + noise:
            up -= step
        blur = abs(times_ms[up] - times_ms[position])
        # A movement that reaches the end of the clip may go on after it.
        cut = 0.5 if position == limit else 1.0
        return float(cut * clear * alone / (1 + (blur / EDGE_WIDTH_MS) ** 2))

    moves = bool(strength >= threshold and found.evidence > 0)

    def told(score: float, fitted: tuple[float, float]) -> float:
        # Without a movement the positions are candidates: their score only ranks them.
        return chance(score, fitted) if moves else score

    edges = (
        edge_confidence(begin, -1, 0, levels[0]),
        edge_confidence(end, 1, len(curve) - 1, levels[1]),
    )
    return Spotted(
        onset=begin if onset is None else onset,
        apex=peak,
        offset=end if offset is None else offset,
        onset_confidence=1.0 if onset is not None else told(edges[0], ONSET),
        apex_confidence=1.0 if apex is not None else told(float(apex_confidence), APEX),
        offset_confidence=1.0 if offset is not None else told(edges[1], OFFSET),
        movement=moves,
        curve=curve.astype(np.float32),
        strength=strength,
        regions=regions,
    )

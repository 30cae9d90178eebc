"""Apex spotting from local binary patterns by divide and conquer.

Liong, See, Wong, Le Ngo, Oh and Phan, "Automatic apex frame spotting in
micro-expression database", ACPR 2015: each frame's local binary patterns
(Ojala, Pietikainen and Maenpaa, TPAMI 2002) over three regions (both eyes with
their brows, and the mouth) are compared with the onset frame's by correlation;
the sequence of differences is halved again and again, keeping the half whose
peaks sum up to more, until one peak is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.centre import midpoint
from mepipe.spotting.curve import ONSET_SHARE, smoothed, span_above
from mepipe.spotting.marks import RegionPolygon, Spotted, check_marks

Float = NDArray[np.float64]

BLOCKS = 5  # each region is so many blocks wide and high
MIN_STRENGTH = 3.0  # a peak so many times the noise above the median difference
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
# By the names in landmarks/regions.json: the parts of each of the paper's regions.
_PARTS = (
    ("right_eye", "right_inner_brow", "right_outer_brow"),
    ("left_eye", "left_inner_brow", "left_outer_brow"),
    ("right_mouth_corner", "left_mouth_corner", "upper_lip", "lower_lip"),
)


def lbp_divide(
    crops: NDArray[np.uint8],
    times_ms: Float,
    regions: Sequence[RegionPolygon],
    *,
    smooth_ms: float = 20.0,
    onset: int | None = None,
    apex: int | None = None,
    offset: int | None = None,
) -> Spotted:
    """Find the apex by divide and conquer, onset and offset around it.

    The paper takes onset and offset for granted. Where they are not given, the
    first frame is compared with, and they are the first and the last frame
    around the apex whose difference is a tenth of its rise above the least.

    Parameters
    ----------
    crops
        (N, S, S) uint8, aligned faces.
    times_ms
        (N,), ascending, ms.
    regions
        Polygons in px of the crop, with the names of ``landmarks/regions.json``.
    smooth_ms
        Width at half height of the Gaussian that smooths the differences, ms.
    onset, apex, offset
        Annotated positions, 0-based, or None.

    Raises
    ------
    ValueError
        If marks do not fit, or a region's name is wanting.
    """
    count = len(crops)
    check_marks(count, onset, apex, offset)
    first = 0 if onset is None else onset
    last = count - 1 if offset is None else offset
    boxes = _boxes(regions, crops.shape[1])
    features = np.stack([lbp_features(crop, boxes) for crop in crops])
    raw = correlation_distance(features, first)
    curve = smoothed(raw, times_ms, smooth_ms)
    if last - first < 2:
        peak = midpoint(count, onset=onset, apex=apex, offset=offset).apex
    else:
        peak = divide_and_conquer(curve, first, last)
    peak = peak if apex is None else apex
    inside = curve[first : last + 1]
    floor = float(inside.min())
    level = floor + ONSET_SHARE * (float(curve[peak]) - floor)
    begin, end = span_above(curve, peak, level, first, last)
    typical = float(np.median(inside))
    # Noise is what differs from one frame to the next.
    steps = np.abs(np.diff(raw[first : last + 1]))
    noise = float(1.4826 / np.sqrt(2) * np.median(steps)) if len(steps) else 0.0
    strength = (float(curve[peak]) - typical) / max(noise, 1e-9)
    confidence = strength**2 / (strength**2 + MIN_STRENGTH**2) / 2 if strength > 0 else 0.0
    return Spotted(
        onset=begin if onset is None else onset,
        apex=peak,
        offset=end if offset is None else offset,
        onset_confidence=confidence if onset is None else 1.0,
        apex_confidence=confidence if apex is None else 1.0,
        offset_confidence=confidence if offset is None else 1.0,
        movement=strength >= MIN_STRENGTH,
        curve=curve.astype(np.float32),
        strength=strength,
    )


def lbp_features(
    crop: NDArray[np.uint8], boxes: Sequence[tuple[int, int, int, int]]
) -> NDArray[np.float64]:
    """Return the histograms of uniform patterns over all blocks of all boxes, one vector."""
    grey = crop.astype(np.int16)
    height, width = grey.shape
    inner = grey[1:-1, 1:-1]
    code = np.zeros(inner.shape, np.uint8)
    for bit, (dy, dx) in enumerate(_NEIGHBOURS):
        around = grey[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
        code |= (around >= inner).astype(np.uint8) << bit
    labels = _UNIFORM[code]
    parts = []
    for x0, y0, x1, y1 in boxes:
        part = labels[y0:y1, x0:x1]
        rows = np.arange(part.shape[0]) * BLOCKS // part.shape[0]
        columns = np.arange(part.shape[1]) * BLOCKS // part.shape[1]
        block = rows[:, None] * BLOCKS + columns
        parts.append(np.bincount((block * 59 + part).ravel(), minlength=BLOCKS**2 * 59))
    return np.concatenate(parts).astype(np.float64)


def correlation_distance(features: Float, first: int) -> Float:
    """Return 1 less the correlation of each frame's features (N, F) with the frame ``first``'s."""
    centred = features - features.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    product = centred @ centred[first] / np.maximum(length * length[first], 1e-12)
    return np.asarray(1 - product, np.float64)


def divide_and_conquer(curve: Float, first: int, last: int) -> int:
    """Return the peak of a stretch that divide and conquer ends at (the maximum if none is)."""
    inner = curve[first + 1 : last]
    rises = (inner > curve[first : last - 1]) & (inner >= curve[first + 2 : last + 1])
    peaks = first + 1 + np.flatnonzero(rises)
    if not len(peaks):
        return first + int(np.argmax(curve[first : last + 1]))
    low, high = first, last
    while len(peaks) > 1:
        half = (low + high) / 2
        left, right = peaks[peaks <= half], peaks[peaks > half]
        if curve[left].sum() >= curve[right].sum():
            peaks, high = left, int(half)
        else:
            peaks, low = right, int(half)
    return int(peaks[0])


def _boxes(regions: Sequence[RegionPolygon], size: int) -> list[tuple[int, int, int, int]]:
    by_name = {region.name: region.vertices for region in regions}
    missing = [name for names in _PARTS for name in names if name not in by_name]
    if missing:
        raise ValueError(f"the regions {', '.join(missing)} are wanting")
    boxes = []
    for names in _PARTS:
        points = np.concatenate([by_name[name] for name in names])
        x0, y0 = np.clip(np.floor(points.min(axis=0)).astype(int), 0, size - 3 * BLOCKS)
        x1, y1 = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, size - 2)
        boxes.append((int(x0), int(y0), int(x1), int(y1)))
    return boxes


def _uniform() -> NDArray[np.int64]:
    """Return the label of each of the 256 patterns: 58 with at most two changes, and the rest."""
    labels = np.full(256, 58)
    found = 0
    for code in range(256):
        bits = [(code >> bit) & 1 for bit in range(8)]
        if sum(bits[i] != bits[i - 1] for i in range(8)) <= 2:
            labels[code] = found
            found += 1
    return labels


_UNIFORM = _uniform()

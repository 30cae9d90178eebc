"""Apex spotting from local binary patterns by divide and conquer.

Liong, See, Wong, Le Ngo, Oh and Phan, "Automatic apex frame spotting in
micro-expression database", ACPR 2015:

1. The local binary patterns of each frame (Ojala, Pietikainen and Maenpaa, TPAMI
   2002) over three regions: both eyes with their brows, and the mouth.
2. Their correlation with those of the onset frame, as a difference.
3. Divide and conquer: the sequence of differences is halved again and again,
   keeping the half whose peaks have the larger sum, until one peak is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.centre import midpoint
from mepipe.spotting.curve import ONSET_SHARE, smoothed, span_above
from mepipe.spotting.key_frames import RegionPolygon, Spotted, check_marks

Float = NDArray[np.float64]

BLOCKS = 5  # each region is so many blocks wide and high
MIN_STRENGTH = 3.0  # of a movement: its peak above the median difference, in units of the noise
# The eight pixels around one, clockwise: neighbours in the circle are neighbouring bits.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
# The parts of each of the paper's three regions, by their names in landmarks/regions.json.
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
    """Find the apex by divide and conquer, and onset and offset around it.

    The paper assumes that onset and offset are known. Where they are not given,
    frames are compared with the first one; onset and offset are the first and
    the last frame around the apex with a tenth of its rise above the minimum.

    Parameters
    ----------
    crops
        (N, S, S) uint8, aligned faces.
    times_ms
        (N,) float64, ascending, ms. Steps may differ.
    regions
        Polygons in px of the crop, with the names of ``landmarks/regions.json``.
    smooth_ms
        Full width at half maximum of the Gaussian that smooths the differences, ms.
    onset, apex, offset
        Annotated positions, 0-based, or None. They are kept.

    Returns
    -------
    The key frames. Confidences of what is found are at most 1/2.

    Raises
    ------
    ValueError
        If the positions do not ascend, or a region is missing.

    Examples
    --------
    A made clip of 40 frames at 200 fps in which the mouth rises by 1.5 px and comes
    back; the apex is frame 20:

    >>> import numpy as np
    >>> from mepipe.assets import regions, template
    >>> from mepipe.spotting import RegionPolygon, lbp_divide
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
    >>> found = lbp_divide(crops.astype(np.uint8), np.arange(40) * 5.0, polygons)
    >>> found.onset, found.apex, found.offset
    (10, 20, 30)
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
    # Noise is what differs from one frame to the next: median absolute step, as sigma
    # (1.4826), of the difference of two values (sqrt 2).
    steps = np.abs(np.diff(raw[first : last + 1]))
    noise = float(1.4826 / np.sqrt(2) * np.median(steps)) if len(steps) else 0.0
    strength = (float(curve[peak]) - typical) / max(noise, 1e-9)
    # Half of what flow-peak would give: this method is right much less often.
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
    """Return the histograms of uniform patterns over all blocks of all boxes.

    Parameters
    ----------
    crop
        (S, S) uint8.
    boxes
        x0, y0, x1, y1 of each region, px.

    Returns
    -------
    (len(boxes) * 25 * 59,) float64: counts of the 59 labels in 5 x 5 blocks.
    """
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
    """Return 1 minus the correlation of each frame's features (N, F) with frame ``first``'s."""
    centred = features - features.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    product = centred @ centred[first] / np.maximum(length * length[first], 1e-12)
    return np.asarray(1 - product, np.float64)


def divide_and_conquer(curve: Float, first: int, last: int) -> int:
    """Return the peak that divide and conquer ends at; the maximum if there is no peak.

    A peak is a local maximum between ``first`` and ``last``. The paper does not
    define it; this is our choice.
    """
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
    """Return the bounding boxes (x0, y0, x1, y1) of the paper's regions, within the crop."""
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
    """Return the label of each of the 256 patterns.

    The 58 uniform ones, with at most two changes between 0 and 1 around the
    circle, have a label each. All others share label 58.
    """
    labels = np.full(256, 58)
    found = 0
    for code in range(256):
        bits = [(code >> bit) & 1 for bit in range(8)]
        if sum(bits[i] != bits[i - 1] for i in range(8)) <= 2:
            labels[code] = found
            found += 1
    return labels


_UNIFORM = _uniform()

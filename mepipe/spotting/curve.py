"""From the regions' motion to one curve: the expression's course over the clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.spotting.model import RegionPolygon

Float = NDArray[np.float64]

END_MS = 25.0  # the clip's first and last frames: so long, or an eighth of it
PEAK_MS = 25.0  # the direction of motion is averaged over so long on either side of the peak
BLINK_SHARE = 0.012  # eyelids that move by this share of the inter-ocular distance blink
BLINK_MARGIN_MS = 30.0
EYE_REACH = 0.55  # regions this near to an eye (inter-ocular distances) feel its blinks


def ends(times_ms: Float, first: int, last: int) -> tuple[slice, slice]:
    """Return the first and the last frames of a stretch, as slices of positions."""
    length = min(END_MS, (times_ms[last] - times_ms[first]) / 8)
    start = int(np.searchsorted(times_ms, times_ms[first] + length, side="right"))
    stop = int(np.searchsorted(times_ms, times_ms[last] - length, side="left"))
    return slice(first, max(start, first + 1)), slice(min(stop, last), last + 1)


def less_line(vectors: Float, times_ms: Float, first: int, last: int) -> Float:
    """Subtract the straight line from the stretch's first frames to its last ones.

    What the fit of the head leaves over drifts slowly; an expression comes back.
    Outside the stretch the line's ends go on.
    """
    if last == first:
        return np.asarray(vectors - vectors[first], np.float64)
    head, tail = ends(times_ms, first, last)
    t0, t1 = times_ms[head].mean(), times_ms[tail].mean()
    share = np.clip((times_ms - t0) / max(t1 - t0, 1e-9), 0, 1)[:, None, None]
    line = (1 - share) * vectors[head].mean(axis=0) + share * vectors[tail].mean(axis=0)
    return np.asarray(vectors - line, np.float64)


def bridge_blinks(
    vectors: Float, times_ms: Float, regions: Sequence[RegionPolygon], inter_ocular: float
) -> Float:
    """Interpolate the regions around the eyes over the frames in which the eyelids close.

    A lid that closes drags the flow of the brow and the cheek along. Frames
    count as a blink where an eye region's mean moves down by more than
    `BLINK_SHARE`; a clip that would lose half of its frames is left as it is.
    """
    eyes = [k for k, region in enumerate(regions) if region.role == "eye"]
    if not eyes:
        return vectors
    lids = vectors[:, eyes, 1].mean(axis=1)
    closed = np.flatnonzero(np.abs(lids - np.median(lids)) > BLINK_SHARE * inter_ocular)
    if not len(closed):
        return vectors
    before = np.searchsorted(times_ms[closed], times_ms - BLINK_MARGIN_MS)
    after = np.searchsorted(times_ms[closed], times_ms + BLINK_MARGIN_MS, side="right")
    blink = after > before
    if np.count_nonzero(blink) > len(times_ms) / 2:
        return vectors
    centres = np.array([region.vertices.mean(axis=0) for region in regions])
    result = vectors.copy()
    open_ = ~blink
    for k, region in enumerate(regions):
        away = np.linalg.norm(centres[eyes] - centres[k], axis=1).min()
        if region.role == "eye" or away > EYE_REACH * inter_ocular:
            continue
        for axis in (0, 1):
            result[blink, k, axis] = np.interp(
                times_ms[blink], times_ms[open_], vectors[open_, k, axis]
            )
    return result


def along_peak(
    vectors: Float, times_ms: Float, inside: slice, peak: int | None
) -> tuple[Float, float]:
    """Return the motion along the pattern that the regions show at the peak, and the rest's.

    An expression is one pattern of motion over the face that grows and fades;
    what does not go along it (other regions' noise, drift) averages out. The
    pattern is the mean around the peak, and the peak that of the motion along
    it: a few rounds agree. All is scaled so that the curve is the motion of the
    region that moves most.

    Parameters
    ----------
    vectors
        (N, K, 2): the expressive regions, smoothed, at rest at zero.
    inside
        Positions among which the peak may lie.
    peak
        Its position where it is known.

    Returns
    -------
    curve
        (N,), px.
    rest
        px, root mean square over the positions inside: the length of what is
        left, over all regions, without the pattern. In noise it is as long as
        the pattern itself, so their ratio tells a movement from chance.
    """
    flat = vectors.reshape(len(vectors), -1)
    amount = np.linalg.norm(flat, axis=1)
    for _ in range(4):
        centre = peak if peak is not None else inside.start + int(np.argmax(amount[inside]))
        near = np.abs(times_ms - times_ms[centre]) <= PEAK_MS
        pattern = flat[near].mean(axis=0)
        length = float(np.linalg.norm(pattern))
        if length == 0:
            return np.zeros(len(vectors)), 0.0
        amount = flat @ pattern / length
    scale = float(np.linalg.norm(pattern.reshape(-1, 2), axis=1).max()) / length
    rest = flat[inside] - amount[inside, None] * pattern / length
    return amount * scale, scale * float(np.sqrt((rest**2).sum(axis=1).mean()))

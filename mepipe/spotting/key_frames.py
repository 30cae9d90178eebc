"""The regions that spotting reads, and the key frames that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import regions, template


@dataclass(frozen=True)
class RegionPolygon:
    """A facial region on the aligned face.

    Parameters
    ----------
    name
        As in ``landmarks/regions.json``.
    role
        ``expressive``: moves with the muscles; ``eye``: blinks and gaze;
        ``rigid``: moves with the head alone.
    vertices
        (V, 2) float64, px of the crop, x right and y down. Pixel centres are at
        whole numbers.

    Examples
    --------
    The regions of the template on a crop of 160 px:

    >>> from mepipe.assets import regions, template
    >>> from mepipe.spotting import RegionPolygon
    >>> polygons = [
    ...     RegionPolygon(r.name, r.role, r.polygon(template().points) * 160 - 0.5)
    ...     for r in regions()
    ... ]
    >>> polygons[0].vertices.shape[1]
    2
    """

    name: str
    role: Literal["expressive", "eye", "rigid"]
    vertices: NDArray[np.float64]


def template_regions(size: int) -> list[RegionPolygon]:
    """Return the regions of the template on an aligned face of ``size`` px a side.

    Examples
    --------
    >>> from mepipe.spotting.key_frames import template_regions
    >>> {region.role for region in template_regions(160)} == {"expressive", "eye", "rigid"}
    True
    """
    return [
        RegionPolygon(region.name, region.role, region.polygon(template().points) * size - 0.5)
        for region in regions()
    ]


@dataclass(frozen=True)
class Spotted:
    """The key frames of a clip.

    Parameters
    ----------
    onset, apex, offset
        0-based positions, ascending. Two are equal only where the clip is too
        short for three.
    onset_confidence, apex_confidence, offset_confidence
        0 (a guess) to 1 (annotated). With a movement by ``flow_peak``, the chance that a
        position is right, on made videos (`mepipe.spotting.confidence`). Otherwise they
        rank clips by how far a position can be trusted.
    movement
        True if the strength reaches the method's threshold, and the movement is likelier
        than none. Otherwise the positions are the best candidates.
    curve
        (N,) float32, px of the crop: how far the region that moves most is from
        rest, along its direction at the apex. Negative: the opposite direction.
        For ``lbp-divide`` the difference from the onset, 0 to 2, without a unit.
    strength
        How many times stronger the movement is than chance. It ranks clips by
        how likely they show a movement.
    regions
        (N, K, 2) float32, px of the crop, x right and y down: how far each expressive region,
        in the order in which they were given, is from rest in each frame. Head motion, drift
        and what the eyes drag along are removed, and it is smoothed over time as the curve is.
        None where the method measures none: only `flow_peak` does.

    Examples
    --------
    >>> from mepipe.spotting import midpoint
    >>> key_frames = midpoint(11)
    >>> key_frames.apex, key_frames.apex_confidence, key_frames.curve.shape
    (5, 0.0, (11,))
    """

    onset: int
    apex: int
    offset: int
    onset_confidence: float
    apex_confidence: float
    offset_confidence: float
    movement: bool
    curve: NDArray[np.float32]
    strength: float = 0.0
    regions: NDArray[np.float32] | None = None


def check_marks(count: int, onset: int | None, apex: int | None, offset: int | None) -> None:
    """Check annotated positions, each 0-based or None.

    Raises
    ------
    ValueError
        If they do not ascend or are not positions of a clip of ``count`` frames.
    """
    if count < 1:
        raise ValueError("a clip without frames has no key frames")
    marks = [mark for mark in (onset, apex, offset) if mark is not None]
    if marks != sorted(marks) or any(not 0 <= mark < count for mark in marks):
        raise ValueError(
            f"onset {onset}, apex {apex}, offset {offset} are not ascending positions "
            f"in a clip of {count} frames"
        )

"""What spotting is told about a face, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


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
        (V, 2), px of the crop, x right and y down, pixel centres at whole numbers.
    """

    name: str
    role: Literal["expressive", "eye", "rigid"]
    vertices: NDArray[np.float64]


@dataclass(frozen=True)
class Spotted:
    """The key frames of a clip.

    Parameters
    ----------
    onset, apex, offset
        0-based positions, in ascending order (equal only where the clip leaves
        no choice).
    onset_confidence, apex_confidence, offset_confidence
        0 (a guess) to 1 (annotated); they order clips by how far the position
        can be trusted and are no probabilities.
    movement
        Whether the strength reaches the method's threshold. Where it does not,
        the positions are the best candidates.
    curve
        (N,) float32: the expression's motion in each frame, px of the crop: how
        far the region that moves most has gone from rest, along the direction
        in which it goes at the apex. Below zero: the opposite direction.
    strength
        How many times the movement is stronger than what chance would give;
        it orders clips by how likely they show a movement at all.
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


def check_marks(count: int, onset: int | None, apex: int | None, offset: int | None) -> None:
    """Raise ValueError unless the given marks are ascending positions of ``count`` frames."""
    if count < 1:
        raise ValueError("a clip without frames has no key frames")
    marks = [mark for mark in (onset, apex, offset) if mark is not None]
    if marks != sorted(marks) or any(not 0 <= mark < count for mark in marks):
        raise ValueError(
            f"onset {onset}, apex {apex}, offset {offset} are not ascending positions "
            f"in a clip of {count} frames"
        )

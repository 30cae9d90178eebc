"""What is out of range: movements that are longer or larger than a micro-expression.

A class of micro-expressions says nothing of such a movement, whatever probability a model gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.schema import FLOW_CHANNELS, LONGEST_MICRO_S, is_micro

LARGEST_MICRO = 0.04
"""The largest micro-expression, as a fraction of the distance between the eyes: 3.6 px of the
aligned face of 224 px. Papers call micro-expressions "subtle" and give no bound in px, so it is
ours: twice the largest that mepipe's own material and its measurements know as micro (2.2 px at
110 px between the eyes, 2 %; docs/recordings.md, docs/features.md)."""

_KNEE = 0.75  # `mepipe.flow.tensor.KNEE`, without its imports
_SMALLEST_GAP = 2.0**-24  # of float32 below 1


@dataclass(frozen=True)
class Extent:
    """How long and how large a movement is.

    Parameters
    ----------
    seconds
        From onset to offset. None if the offset or the frame rate is unknown.
    px
        The largest motion from onset to apex, px of the aligned face, averaged over a cell of the
        tensor. None if it is unknown.
    eyes_px
        The distance of the eye centres in the aligned face, px. None if it is unknown.

    Examples
    --------
    >>> from mepipe.micro import Extent
    >>> Extent(0.2, 1.5, 90.0).micro, Extent(None, 1.5, 90.0).micro, Extent(0.2, 13.0, 90.0).micro
    (True, None, False)
    >>> Extent(1.8, 13.0, 90.0).text
    '1.80 s, 13.0 px: not a micro-expression; the classes do not apply'
    """

    seconds: float | None
    px: float | None
    eyes_px: float | None = None

    @property
    def micro(self) -> bool | None:
        """Whether it is a micro-expression. None if its length is unknown, and it is not large."""
        if self.long or self.large:
            return False
        return None if self.seconds is None else True

    @property
    def long(self) -> bool:
        """True if it is longer than a micro-expression."""
        return self.seconds is not None and not is_micro(self.seconds)

    @property
    def large(self) -> bool:
        """True if it is larger than a micro-expression."""
        known = self.px is not None and self.eyes_px is not None
        return known and self.px > LARGEST_MICRO * self.eyes_px  # type: ignore[operator]

    @property
    def text(self) -> str:
        """One line that says that it is out of range. Empty if it is not."""
        if self.micro is not False:
            return ""
        return f"{self.measured}: not a micro-expression; the classes do not apply"

    @property
    def measured(self) -> str:
        """Length and size, those that are known."""
        known = [] if self.seconds is None else [f"{self.seconds:.2f} s"]
        return ", ".join([*known, *([] if self.px is None else [f"{self.px:.1f} px"])])

    @property
    def limits(self) -> str:
        """One line that says how long and how large a micro-expression can be."""
        large = "" if self.eyes_px is None else f" and {LARGEST_MICRO * self.eyes_px:.1f} px"
        return f"a micro-expression has at most {LONGEST_MICRO_S:g} s{large} of the aligned face"


def length_s(onset: int | None, offset: int | None, fps: float | None) -> float | None:
    """Return the time from onset to offset in seconds. None if one of the three is unknown.

    Unknown is None; in the columns of features.h5 it is -1 or NaN.
    """
    if onset is None or offset is None or fps is None or not fps > 0 or min(onset, offset) < 0:
        return None
    return (offset - onset) / fps


def moved_px(
    x: NDArray[np.float32], settings: Mapping[str, Any], eyes_px: float | None
) -> NDArray[np.float64]:
    """Return the largest motion in each tensor, (N,), px of the aligned face.

    The scale of the tensor is undone. It is NaN where that cannot be done: with ``tensor.scale``
    ``clip`` or ``minmax``, and beyond the limit with ``tensor.limit`` ``hard``.

    Parameters
    ----------
    x
        (N, C, S, S): u, v and others, as ``tensor`` of `mepipe.Config` scales them.
    settings
        The settings of the tensor: ``scale``, ``limit`` and ``displacement_range``.
    eyes_px
        The distance of the eye centres in the aligned face, px. None: unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow import flow_tensor
    >>> from mepipe.micro import moved_px
    >>> flow = np.full((2, 56, 56), [[[0.0]], [[6.0]]], np.float32)
    >>> x = flow_tensor(flow, size=28, inter_ocular=90.0)
    >>> settings = {"scale": "fixed", "limit": "soft", "displacement_range": 0.03}
    >>> moved_px(x[None], settings, 90.0).round(3)
    array([6.])
    """
    unknown = np.full(len(x), math.nan)
    if not x.size:
        return unknown
    uv = np.abs(x[:, :FLOW_CHANNELS].astype(np.float64))
    scale = settings.get("scale")
    if scale == "fixed" and eyes_px is not None:
        if settings.get("limit", "hard") == "soft":
            gap = 1 - _KNEE
            over = np.clip((uv - _KNEE) / gap, 0, 1 - _SMALLEST_GAP)
            straight = np.where(over > 0, _KNEE + gap * over / (1 - over), uv)
            uv = np.where(uv > 1, math.nan, straight)  # no tensor of this scale is above 1
        else:
            uv[uv >= 1] = math.nan
        uv *= float(settings.get("displacement_range", math.nan)) * eyes_px
    elif scale != "none":
        return unknown
    return np.asarray(np.hypot(uv[:, 0], uv[:, 1]).reshape(len(x), -1).max(axis=1), np.float64)

"""How long and how large the movements of some features are, from their columns and from ``x``.

They are no columns of the file: older files have them too, and no result is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.micro import Extent, moved_px

if TYPE_CHECKING:
    from mepipe.features.features import Features

_BLOCK = 256  # rows in memory at once


def eyes_px(settings: Mapping[str, Any]) -> float | None:
    """Return the distance of the eyes in the aligned face, px. None of features without a face."""
    size = _section(settings, "flow").get("size")
    return template().inter_ocular * size if isinstance(size, int) else None


def seconds_of(features: Features) -> NDArray[np.float64]:
    """Return the time from onset to offset of each clip, (N,), s; NaN where it is unknown."""
    onset, offset, fps = (features.columns[name] for name in ("onset", "offset", "fps"))
    known = (onset >= 0) & (offset >= 0) & (fps > 0)
    seconds = np.full(len(features), np.nan)
    seconds[known] = (offset - onset)[known] / fps[known]
    return seconds


def px_of(features: Features) -> NDArray[np.float64]:
    """Return the largest motion of each clip, (N,), px of the aligned face; NaN: unknown.

    ``x`` is read a block of rows at a time.
    """
    tensor, eyes = _section(features.settings, "tensor"), eyes_px(features.settings)
    found = [
        moved_px(features.read("x", slice(start, start + _BLOCK)), tensor, eyes)
        for start in range(0, len(features), _BLOCK)
    ]
    return np.concatenate(found) if found else np.empty(0)


def micro_of(features: Features) -> NDArray[np.int8]:
    """Return whether each movement is a micro-expression, (N,): 1 yes, 0 no, -1 unknown."""
    eyes = eyes_px(features.settings)

    def kind(moved: bool, seconds: float, px: float) -> int:
        extent = Extent(_known(seconds), _known(px), eyes)
        return -1 if extent.micro is None or not moved else int(extent.micro)

    measured = (features.columns["movement"], features.seconds, features.px)
    rows = zip(*(values.tolist() for values in measured), strict=True)
    return np.array([kind(*row) for row in rows], dtype=np.int8)


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    # The file may be anybody's. Without a size or a scale, the motion in px is unknown.
    found = settings.get(name)
    return found if isinstance(found, dict) else {}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


MEASURED: Mapping[str, Callable[[Features], NDArray[Any]]] = {
    "seconds": seconds_of,
    "px": px_of,
    "micro": micro_of,
}
"""What stands in the table beside the columns."""

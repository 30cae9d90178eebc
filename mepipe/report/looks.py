"""What the page's script draws a clip from when its card is opened: compact plain values."""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Sequence
from typing import Any

from mepipe.cache.keys import Json
from mepipe.cache.manifest import REPORT_FILES
from mepipe.report.content import ClipCard, Page
from mepipe.report.quality import FIGURES

_POINTS = 240  # of the curve of a clip: more than that is not seen
_REGION_POINTS = 64  # of the small curves


def looks(page: Page, *, folder: bool) -> dict[str, Json]:
    """Return what is in the page beside its cards, by the place of a card.

    Parameters
    ----------
    page
        The content of the page.
    folder
        Whether the large pictures lie in a folder, as `picture_files` names them.
    """
    return {
        "faces": page.faces,
        "spotPx": page.spot_px,
        "folder": REPORT_FILES if folder else "",
        "figures": {key: [one.title, one.means] for key, one in FIGURES.items()},
        "clips": [_clip(card, folder=folder) for card in page.cards],
    }


def picture_files(cards: Sequence[ClipCard]) -> dict[str, bytes]:
    """Return the large pictures by their names in the folder: numbers, no name of a dataset."""
    return {
        f"{place:04d}-{name}.jpg": data
        for place, card in enumerate(cards)
        for name, data in card.pictures.large.items()
    }


def _clip(card: ClipCard, *, folder: bool) -> dict[str, Json]:
    pictures = card.pictures
    found: dict[str, Any] = {
        "clip": card.clip,
        "subject": card.subject,
        "emotion": card.emotion,
        "label": card.label,
        "confidence": card.confidence,
        "strength": card.strength,
        "weight": round(card.weight, 4),
        "frames": card.frames,
        "fps": card.fps,
        "part": list(card.part) if card.part else None,
        "marks": [[m.name, m.position, m.number, m.source, m.confidence] for m in card.marks],
        "figures": dict(card.figures),
        "units": card.action_units,
        "missing": pictures.missing,
        "side": pictures.face_px,
        "px": round(pictures.largest_px, 3),
        "strain": round(pictures.largest_strain, 4),
        "moves": _text(pictures.moves),
        "movesPx": pictures.moves_px,
        "grid": _text(pictures.grid),
        "gridPx": pictures.grid_px,
    }
    if pictures.curve:
        found["curve"] = _curve(pictures.curve, _POINTS) | {"from": pictures.curve_from}
    if card.regions:
        largest = max(max(map(abs, one), default=0.0) for one in card.regions.values())
        found["regions"] = {
            name: _curve(values, _REGION_POINTS, largest) for name, values in card.regions.items()
        }
    if card.motion is not None:
        says = card.motion
        pairs = zip(says.marks, says.confidence, strict=True)
        found["spotted"] = {
            "marks": [[name, position, round(sure, 3)] for (name, position), sure in pairs],
            "movement": says.movement,
            "strength": round(says.strength, 2),
        }
    said: dict[str, Any] = {
        "predicted": card.predicted,
        "votes": card.votes,
        "notes": list(card.notes),
        "doubts": list(card.doubts),
    }
    found |= {key: value for key, value in said.items() if value}
    if folder and pictures.large:
        found["large"] = list(pictures.large)
    return found


def _curve(values: Sequence[float], most: int, largest: float | None = None) -> dict[str, Json]:
    """Return a curve as signed bytes: 127 is ``largest``, by default its own, and 0 is 0."""
    # Thousands of short curves: numpy would take longer to begin than this takes.
    whole = [0.0 if math.isnan(value) else value for value in values]
    count, own = len(whole), max(map(abs, whole), default=0.0)
    shown, peak = min(count, most), own if largest is None else largest
    places = [round(place * (count - 1) / max(shown - 1, 1)) for place in range(shown)]
    levels = array("b", [round(127 * whole[place] / max(peak, 1e-9)) for place in places])
    return {
        "count": count,
        "top": round(peak, 4),
        "own": round(own, 3),
        "levels": _text(levels.tobytes()),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()

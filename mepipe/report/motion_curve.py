"""The motion curve of a clip as the geometry of a small drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mepipe.report.content import ClipCard

WIDTH, HEIGHT = 340, 96
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 332, 18, 78
_MOST = 120  # points; more than that are not seen


@dataclass(frozen=True)
class DrawnMark:
    """A key frame in the drawing; ``anchor`` keeps its name inside."""

    name: str
    x: float
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """A curve in a box of `WIDTH` by `HEIGHT`.

    ``points`` is empty where nothing was measured; ``zero`` is the height of no motion;
    ``first`` and ``last`` are the words at the ends of the axis, ``words`` the whole.
    """

    points: str
    zero: float
    marks: tuple[DrawnMark, ...]
    first: str
    last: str
    words: str


def draw(card: ClipCard) -> Drawing:
    """Return the drawing of a clip's motion curve and key frames."""
    last = max(card.frames - 1, 1)
    curve, start = card.pictures.curve, card.pictures.curve_from

    def across(position: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * min(position, last) / last, 1)

    low, high = min((*curve, 0.0)), max((*curve, 1e-9))

    def up(value: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low), 1)

    known = [mark for mark in card.marks if mark.position is not None]
    kept = _kept(len(curve), [int(mark.position or 0) - start for mark in known])
    if card.fps:
        ends = "0 ms", f"{1000 * (card.frames - 1) / card.fps:.0f} ms"
    else:
        ends = "frame 0", f"frame {card.frames - 1}"
    return Drawing(
        " ".join(f"{across(start + i):g},{up(curve[i]):g}" for i in kept),
        up(0.0),
        tuple(
            DrawnMark(mark.name, across(mark.position or 0), anchor)
            for mark, anchor in zip(known, _anchors([m.name for m in known]), strict=True)
        ),
        *ends,
        _words(card, measured=bool(curve)),
    )


def _kept(count: int, marked: Sequence[int]) -> list[int]:
    """Return the points that are drawn: evenly spread, and those of the key frames."""
    if count <= _MOST:
        return list(range(count))
    even = {round(place * (count - 1) / (_MOST - 1)) for place in range(_MOST)}
    return sorted(even | {place for place in marked if 0 <= place < count})


def _anchors(names: Sequence[str]) -> list[str]:
    return [{"onset": "start", "offset": "end"}.get(name, "middle") for name in names]


def _words(card: ClipCard, *, measured: bool) -> str:
    marks = "; ".join(
        f"{mark.name} at frame {mark.position}, {mark.source}"
        if mark.position is not None
        else f"{mark.name} unknown"
        for mark in card.marks
    )
    return f"{'Motion curve' if measured else 'Key frames, no curve was measured'}: {marks}"

"""The motion curve of a clip as the geometry of a small drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mepipe.viz.label_layout import spread_labels, text_width

WIDTH, HEIGHT = 340, 100
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 332, 18, 78
_MOST = 120  # points; more than that are not seen
_LETTERS = 11  # font size of a name

Mark = tuple[str, int | None, str]
"""A key frame: its name, its frame (None if unknown) and its origin."""


@dataclass(frozen=True)
class DrawnMark:
    """A key frame in the drawing: its line at ``x``, its name centred at ``label``."""

    name: str
    x: float
    label: float


@dataclass(frozen=True)
class Drawing:
    """A curve in a box of `WIDTH` by `HEIGHT`.

    ``points`` is empty where nothing was measured; ``zero`` is the height of no motion; no name
    covers another, and none leaves the box; ``spotted`` are the places of what motion says;
    ``first`` and ``last`` are the words at the ends of the axis, ``words`` the whole.
    """

    points: str
    zero: float
    marks: tuple[DrawnMark, ...]
    first: str
    last: str
    words: str
    spotted: tuple[tuple[str, float], ...] = ()


def draw_curve(
    curve: Sequence[float],
    frames: int,
    *,
    start: int = 0,
    first: int = 0,
    fps: float | None = None,
    marks: Sequence[Mark] = (),
    spotted: Sequence[tuple[str, int]] = (),
) -> Drawing:
    """Return the drawing of a clip's motion curve and key frames.

    Parameters
    ----------
    curve
        The motion at each frame from ``start``; empty where nothing was measured.
    frames
        Frames of the clip, all of them, or up to the end of the part that is drawn.
    start
        The frame of the first value, from 0.
    first
        The frame at which the axis begins: of a long recording a part is drawn, to ``frames``.
    fps
        Frames a second; None if unknown: then the axis counts frames.
    marks
        Name, frame (None if unknown) and origin of each key frame.
    spotted
        Name and frame of each key frame that motion says beside ``marks``.

    Examples
    --------
    >>> drawing = draw_curve([0, 1, 0], 3, fps=200, marks=[("apex", 1, "spotted")])
    >>> drawing.points, drawing.last
    ('8,78 170,18 332,78', '10 ms')
    >>> part = draw_curve([0, 1, 0], 103, start=100, first=100, fps=200)
    >>> part.points == drawing.points, part.first, part.last
    (True, '500 ms', '510 ms')
    >>> drawing.words
    'Motion curve: apex at frame 1, spotted'
    >>> close = draw_curve([0, 1, 0], 3, marks=[("onset", 1, ""), ("apex", 1, "")])
    >>> [(mark.x, mark.label) for mark in close.marks]
    [(170.0, 153.2), (170.0, 186.8)]
    """
    span = max(frames - 1 - first, 1)

    def across(position: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * min(max(position - first, 0), span) / span, 1)

    low, high = min((*curve, 0.0)), max((*curve, 1e-9))

    def up(value: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low), 1)

    known = [(name, position) for name, position, _ in marks if position is not None]
    shown = _shown(len(curve), [position - start for _, position in known])
    if fps:
        ends = f"{1000 * first / fps:.0f} ms", f"{1000 * (frames - 1) / fps:.0f} ms"
    else:
        ends = f"frame {first}", f"frame {frames - 1}"
    return Drawing(
        " ".join(f"{across(start + i):g},{up(curve[i]):g}" for i in shown),
        up(0.0),
        _named([(name, across(position)) for name, position in known]),
        *ends,
        _words(marks, spotted, measured=bool(len(curve))),
        tuple((name, across(position)) for name, position in spotted),
    )


def _named(places: Sequence[tuple[str, float]]) -> tuple[DrawnMark, ...]:
    """Return marks whose names do not cover each other: three names always fit into one row."""
    widths = [text_width(name, _LETTERS) for name, _ in places]
    labels = spread_labels([x for _, x in places], widths, 0, WIDTH)
    return tuple(
        DrawnMark(name, x, round(label, 1))
        for (name, x), (_, label) in zip(places, labels, strict=True)
    )


def _shown(count: int, marked: Sequence[int]) -> list[int]:
    """Return which points are drawn: evenly spread, and those of the key frames."""
    if count <= _MOST:
        return list(range(count))
    even = {round(place * (count - 1) / (_MOST - 1)) for place in range(_MOST)}
    return sorted(even | {place for place in marked if 0 <= place < count})


def _words(marks: Sequence[Mark], spotted: Sequence[tuple[str, int]], *, measured: bool) -> str:
    named = "; ".join(
        f"{name} unknown" if position is None else f"{name} at frame {position}, {origin}"
        for name, position, origin in marks
    )
    said = ", ".join(f"{name} at frame {position}" for name, position in spotted)
    named += f"; motion alone says {said}" if said else ""
    return f"{'Motion curve' if measured else 'Key frames, no curve was measured'}: {named}"

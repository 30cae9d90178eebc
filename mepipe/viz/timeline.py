"""A recording as a picture: its motion over time, and what happens in it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.viz.lettering import Lettering
from mepipe.viz.palette import LIGHT
from mepipe.viz.timeline_layout import clock, gaps, place_labels, row_length, thinned, tick_step

_MOVEMENTS = ("micro", "macro")
_LANES = ("return", "blink", "turn", "speech", "cut")
_COLOURS: Mapping[str, str] = {
    "micro": LIGHT["apex"], "macro": LIGHT["bar"], "return": LIGHT["muted"],
    "blink": LIGHT["onset"], "turn": LIGHT["offset"], "speech": LIGHT["warn"],
    "cut": LIGHT["text"],
}  # fmt: skip
_DPI = 100
# Inches.
_WIDTH, _LEFT, _RIGHT = 14.0, 0.8, 0.3
_HEAD, _LABEL, _BETWEEN, _LANE, _TICKS = 0.75, 0.15, 0.07, 0.14, 0.38
_SMALL = 7  # points
_LEVELS = 3  # of labels above a row
_LONGEST_NAME, _LONGEST_LABEL = 110, 30  # characters
_LEAST_PX = 2.5  # of a movement: it must be seen in a row of five minutes


@dataclass(frozen=True)
class TimelineEvent:
    """An event: micro, macro, return, blink, turn or speech; its face, and times in ms.

    ``label`` stands beside the number of a movement.
    """

    kind: str
    face: int
    onset_ms: float
    apex_ms: float
    offset_ms: float
    label: str = ""


@dataclass(frozen=True)
class Timeline:
    """What the picture shows.

    Parameters
    ----------
    name
        Of the recording.
    times_ms, curve
        (N,): the time of each frame, and the motion there, px; NaN where no face is seen.
    events
        In the order of their onsets. Movements are numbered in this order, from 1.
    cuts_ms
        The times of cuts.
    """

    name: str
    times_ms: NDArray[np.float64]
    curve: NDArray[np.float32]
    events: Sequence[TimelineEvent]
    cuts_ms: Sequence[float] = ()


def timeline_png(timeline: Timeline) -> bytes:
    """Return the picture of a recording as PNG, 1400 px wide.

    Time runs along rows of at most some minutes. A row has the motion curve with the micro and
    macro movements and their numbers; below it are blinks, turns of the head, speech, returns to
    rest and cuts, each in a lane. Where movements are so near that their numbers would overlap,
    some have none. The same input gives the same bytes (same versions of matplotlib, same fonts).

    >>> still = Timeline("a", np.arange(250) * 40.0, np.zeros(250, np.float32), ())
    >>> timeline_png(still)[1:4]
    b'PNG'
    """
    lettering = Lettering.of([timeline.name, *(event.label for event in timeline.events)])
    with lettering.used():
        figure = draw_timeline(timeline, lettering)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


@dataclass(frozen=True)
class _Row:
    """One row: its begin and end, ms, and the movements' numbers with level and place, px."""

    begin: float
    end: float
    labels: Sequence[tuple[str, str, int, float]]


def draw_timeline(timeline: Timeline, lettering: Lettering) -> Any:
    """Return the picture as a figure of matplotlib; its fonts are those in use."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    times = timeline.times_ms
    begin, end = (float(times[0]), float(times[-1])) if len(times) else (0.0, 0.0)
    rows, left_out = _rows(timeline, lettering, begin, end)
    levels = max((level + 1 for row in rows for _, _, level, _ in row.labels), default=1)
    kinds = {event.kind for event in timeline.events} | ({"cut"} if timeline.cuts_ms else set())
    lanes = [kind for kind in _LANES if kind in kinds]
    over, deep = _LABEL * levels, _LANE * len(lanes)
    curve = 1.8 if len(rows) == 1 else 1.1 if len(rows) <= 6 else 0.7
    row_height = over + curve + _BETWEEN + deep + _TICKS
    height = _HEAD + len(rows) * row_height
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=LIGHT["card"])
    FigureCanvasAgg(figure)

    def axes_at(bottom: float, high: float) -> Any:
        wide = _WIDTH - _LEFT - _RIGHT
        return figure.add_axes((_LEFT / _WIDTH, bottom / height, wide / _WIDTH, high / height))

    top = _highest(timeline)
    for number, row in enumerate(rows):
        bottom = height - _HEAD - number * row_height - over - curve
        above = axes_at(bottom, curve)
        _draw_row(above, timeline, row, top)
        axes = above
        if lanes:
            axes = axes_at(bottom - _BETWEEN - deep, deep)
            above.tick_params(bottom=False, labelbottom=False)
            above.spines["bottom"].set_color(LIGHT["line"])
            _draw_lanes(axes, timeline, row, lanes)
        _draw_clock(axes, row, hours=end >= 3_600_000)
    _draw_head(figure, timeline, lettering, height, end - begin, left_out=left_out)
    return figure


def _rows(
    timeline: Timeline, lettering: Lettering, begin: float, end: float
) -> tuple[list[_Row], int]:
    """Return the rows, and how many movements' numbers have no place in theirs."""
    length = row_length(end - begin)
    count = max(1, int(np.ceil((end - begin) / length - 1e-9)))
    numbered = [event for event in timeline.events if event.kind in _MOVEMENTS]
    several = len({event.face for event in numbered}) > 1
    by_row: list[list[tuple[float, str, str]]] = [[] for _ in range(count)]
    for number, event in enumerate(numbered, start=1):
        words = f"{number}, face {event.face}" if several else str(number)
        words = f"{words} {lettering.plain(_short(event.label, _LONGEST_LABEL))}".rstrip()
        row = min(int((event.apex_ms - begin) / length), count - 1)
        by_row[row].append(((event.apex_ms - begin) / length - row, words, event.kind))
    wide = _DPI * (_WIDTH - _LEFT - _RIGHT)
    rows, left_out = [], 0
    measure = _text_width()
    for row, labels in enumerate(by_row):
        labels.sort()
        centres = [part * wide for part, _, _ in labels]
        widths = [measure(words) + 4 for _, words, _ in labels]
        places = place_labels(centres, widths, 0.0, wide, _LEVELS)
        left_out += sum(place is None for place in places)
        rows.append(
            _Row(
                begin + row * length,
                begin + (row + 1) * length,
                [
                    (words, kind, *place)
                    for (_, words, kind), place in zip(labels, places, strict=True)
                    if place is not None
                ],
            )
        )
    return rows, left_out


def _text_width() -> Callable[[str], float]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    canvas: Any = FigureCanvasAgg(Figure(dpi=_DPI))
    renderer = canvas.get_renderer()
    font = FontProperties(size=_SMALL)
    return lambda words: float(renderer.get_text_width_height_descent(words, font, ismath=False)[0])


def _highest(timeline: Timeline) -> float:
    """Return the top of the curve's axis: at least 1 px; a jump of some frames may leave it."""
    seen = timeline.curve[np.isfinite(timeline.curve)]
    if not len(seen):
        return 1.0
    usual = 1.6 * float(np.quantile(seen, 0.99))
    return max(1.0, min(1.08 * float(seen.max()), usual))


def _draw_row(axes: Any, timeline: Timeline, row: _Row, top: float) -> None:
    axes.set_xlim(row.begin, row.end)
    axes.set_ylim(0, top)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_SMALL)
    axes.yaxis.set_major_locator(_few_ticks())
    axes.set_ylabel("motion, px", fontsize=_SMALL)
    first, after = np.searchsorted(timeline.times_ms, (row.begin, row.end))
    part = slice(max(0, int(first) - 1), int(after) + 1)
    times, curve = timeline.times_ms[part], timeline.curve[part]
    lost = [(one, other - one) for one, other in gaps(times, curve)]
    axes.broken_barh(lost, (0, top), facecolor=LIGHT["line"], alpha=0.7, linewidth=0)
    least = _LEAST_PX * (row.end - row.begin) / (_DPI * (_WIDTH - _LEFT - _RIGHT))
    for kind in reversed(_MOVEMENTS):  # the shorter ones lie above
        bars = [
            (event.onset_ms, max(event.offset_ms - event.onset_ms, least))
            for event in timeline.events
            if event.kind == kind and event.offset_ms >= row.begin and event.onset_ms <= row.end
        ]
        colour = _COLOURS[kind]
        axes.broken_barh(bars, (0, top), facecolor=colour, alpha=0.22, linewidth=0)
        axes.broken_barh(bars, (0.96 * top, 0.04 * top), facecolor=colour, linewidth=0)
    axes.plot(*thinned(times, curve, 2000), color=LIGHT["text"], linewidth=0.8)
    for cut in timeline.cuts_ms:
        if row.begin <= cut < row.end:
            axes.axvline(cut, color=_COLOURS["cut"], linewidth=0.8, linestyle=":")
    wide = _DPI * (_WIDTH - _LEFT - _RIGHT)
    for words, kind, level, x in row.labels:
        axes.annotate(
            words,
            (x / wide, 1.0),
            xycoords="axes fraction",
            xytext=(0, 72 * _LABEL * level + 1.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=_SMALL,
            color=_COLOURS[kind],
        )


def _short(text: str, longest: int) -> str:
    """Return a text in one line, its middle left out if it is too long."""
    line = " ".join(text.split())
    half = (longest - 5) // 2
    return line if len(line) <= longest else f"{line[:half]} ... {line[-half:]}"


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3, steps=[1, 2, 5, 10])


def _draw_lanes(axes: Any, timeline: Timeline, row: _Row, lanes: Sequence[str]) -> None:
    axes.set_xlim(row.begin, row.end)
    axes.set_ylim(len(lanes), 0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([lane + 0.5 for lane in range(len(lanes))], lanes, fontsize=_SMALL)
    axes.tick_params(left=False)
    for lane, kind in enumerate(lanes):
        axes.axhline(lane + 0.5, color=LIGHT["line"], linewidth=0.6, zorder=0)
        colour = _COLOURS[kind]
        events = [event for event in timeline.events if event.kind == kind]
        if kind in {"turn", "speech"}:
            bars = [(one.onset_ms, one.offset_ms - one.onset_ms) for one in events]
            axes.broken_barh(bars, (lane + 0.25, 0.5), facecolor=colour, linewidth=0.8,
                             edgecolor=colour)  # fmt: skip
        else:
            at = timeline.cuts_ms if kind == "cut" else [one.apex_ms for one in events]
            inside = [time for time in at if row.begin <= time <= row.end]
            axes.vlines(inside, lane + 0.1, lane + 0.9, color=colour, linewidth=1.5)


def _draw_clock(axes: Any, row: _Row, *, hours: bool) -> None:
    step = tick_step(row.end - row.begin)
    first, last = np.ceil(row.begin / step - 1e-9), np.floor(row.end / step + 1e-9)
    ticks = np.arange(first, last + 1) * step
    words = [clock(tick, hours=hours, tenths=step < 1000) for tick in ticks]
    axes.set_xticks(ticks, words, fontsize=8)


def _draw_head(
    figure: Any,
    timeline: Timeline,
    lettering: Lettering,
    height: float,
    length_ms: float,
    *,
    left_out: int,
) -> None:
    from matplotlib.patches import Patch

    name = _short(timeline.name, _LONGEST_NAME)
    line = _LEFT / _WIDTH
    figure.text(line, 1 - 0.12 / height, lettering.plain(name), va="top", fontsize=11)
    counts = {kind: sum(event.kind == kind for event in timeline.events) for kind in _MOVEMENTS}
    tenths = length_ms < 10_000
    lasts = clock(length_ms, hours=length_ms >= 3_600_000, tenths=tenths)
    words = f"{counts['micro']} micro and {counts['macro']} macro movements in {lasts}"
    if left_out:
        words += f"; not numbered for want of space: {left_out}"
    figure.text(line, 1 - 0.4 / height, words, va="top", fontsize=9, color=LIGHT["muted"])
    patches = [
        Patch(facecolor=_COLOURS["micro"], label="micro"),
        Patch(facecolor=_COLOURS["macro"], label="macro"),
        Patch(facecolor=LIGHT["line"], label="no face"),
    ]
    figure.legend(
        handles=patches,
        loc="upper right",
        bbox_to_anchor=(1 - _RIGHT / _WIDTH, 1 - 0.36 / height),
        ncols=3,
        fontsize=8,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
    )

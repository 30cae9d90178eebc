"""An ablation as a table and as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

NOTE = (
    "Every row is evaluated on the same subjects, so the best one is chosen on them: its figure "
    "says nothing about new subjects. Only what is chosen on inner splits (--tune) is comparable."
)


@dataclass(frozen=True)
class AblationRow:
    """One variant.

    Parameters
    ----------
    study, name
        What is varied, and how.
    parameters
        Trained numbers of the network.
    uf1, uar
        Pooled figures, means over the seeds.
    interval
        95 % over resampled subjects, of UF1; None with too few.
    difference
        UF1 less that of the first row, with its paired 95 % interval (None, None with
        too few subjects); None for the first row itself.
    p, p_holm
        Two-sided p of that difference, and the same corrected for all rows; None
        without an interval.
    cells
        Cells a side of each branch.
    """

    study: str
    name: str
    parameters: int
    uf1: float
    uar: float
    interval: tuple[float, float] | None
    difference: tuple[float, float | None, float | None] | None
    p: float | None = None
    p_holm: float | None = None
    cells: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-able values."""
        return asdict(self)

    @property
    def verdict(self) -> str:
        """Return what the paired interval says of the row, against the first."""
        if self.difference is None:
            return ""
        _, low, high = self.difference
        if low is None or high is None:
            return "not tested"
        if low <= 0 <= high:
            return "not distinguishable"
        word = "better" if low > 0 else "worse"
        holds = self.p_holm is None or self.p_holm <= 0.05
        return word if holds else f"{word}, but not after Holm"


def ablation_markdown(rows: Sequence[AblationRow], protocol: str, notes: Sequence[str] = ()) -> str:
    """Return the study as a Markdown table with its notes."""
    lines = [
        "| varied | variant | cells | parameters | UF1 [95 %] | UAR | UF1 less the first [95 %] "
        "| p | p Holm | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        around = "" if row.interval is None else " [{:.2f}, {:.2f}]".format(*row.interval)
        less = ""
        if row.difference is not None:
            value, below, above = row.difference
            less = f"{value:+.3f}"
            less += "" if below is None else f" [{below:+.3f}, {above:+.3f}]"
        lines.append(
            f"| {row.study} | {row.name} | {row.cells} | {row.parameters:,} "
            f"| {row.uf1:.3f}{around} | {row.uar:.3f} | {less} "
            f"| {_p(row.p)} | {_p(row.p_holm)} | {row.verdict} |"
        )
    told = [line for note in notes for line in (f"{note}.", "")]
    return "\n".join([f"Protocol: {protocol}.", "", *lines, "", *told, NOTE, ""])


def _p(value: float | None) -> str:
    return "" if value is None else "< .001" if value < 0.001 else f"{value:.3f}"


def ablation_png(rows: Sequence[AblationRow], protocol: str) -> bytes:
    """Return a PNG: UF1 of every row, with the paired interval of its difference to the first.

    >>> first = AblationRow("baseline", "{2, 3}", 9000, 0.70, 0.69, (0.63, 0.77), None)
    >>> other = AblationRow(
    ...     "without", "no pyramid", 8000, 0.68, 0.68, (0.6, 0.75), (-0.02, -0.06, 0.01), p=0.3
    ... )
    >>> other.verdict, ablation_png([first, other], "leave one subject out")[1:4]
    ('not distinguishable', b'PNG')
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 1.4 + 0.29 * len(rows)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first = rows[0].uf1
    axes.axvline(first, color="#777777", linewidth=0.9, linestyle="--")
    colours = {"better": "#1b7837", "worse": "#b2182b"}
    for place, row in enumerate(rows):
        if row.difference is not None:
            _, below, above = row.difference
            colour = colours.get(row.verdict.partition(",")[0], "#555555")
            if below is not None and above is not None:
                ends = [first + below, first + above]
                axes.plot(ends, [place, place], color=colour, linewidth=1.6)
            axes.plot(row.uf1, place, "o", color=colour, markersize=5)
        else:
            axes.plot(row.uf1, place, "*", color="#08519c", markersize=12)
    axes.set_yticks(range(len(rows)), [f"{row.study}: {row.name}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("UF1; bars: 95 % of the paired difference to the star", fontsize=9)
    axes.set_title(f"The pyramid varied, {protocol}", fontsize=11)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()

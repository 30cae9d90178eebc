"""How often answers of each confidence are right, as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReliabilityBins:
    """Answers by their confidence, in B bins that divide 0 to 1 evenly.

    Parameters
    ----------
    clips
        (B,) how many answers are in each bin.
    confidence
        (B,) their mean confidence; NaN in an empty bin.
    accuracy
        (B,) the share of them that is right; NaN in an empty bin.
    """

    clips: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean over answers of |accuracy - confidence|."""
        apart = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((self.clips * apart).sum() / self.clips.sum())


def reliability_png(curves: Mapping[str, ReliabilityBins], *, title: str = "") -> bytes:
    """Return a PNG of reliability curves: the share of right answers over their confidence.

    On the diagonal confidence is what it says; below it the model is too sure. The bars below
    count the answers of each bin. The same input gives the same bytes (same versions of
    matplotlib, same fonts).

    Parameters
    ----------
    curves
        By name, one or more, with the same number of bins.
    title
        Above the picture.

    Raises
    ------
    ValueError
        If there is no curve, or their numbers of bins differ.

    Examples
    --------
    >>> bins = ReliabilityBins(np.array([5, 9]), np.array([0.4, 0.8]), np.array([0.4, 0.6]))
    >>> reliability_png({"as trained": bins})[1:4]
    b'PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = {len(one.clips) for one in curves.values()}
    if len(counts) != 1:
        raise ValueError(f"one or more curves with the same number of bins, not {sorted(counts)}")
    (bins,) = counts
    figure = Figure(figsize=(5.2, 5.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="#777777", linewidth=0.8, linestyle="--")
    middle = (np.arange(bins) + 0.5) / bins
    width = 0.8 / bins / len(curves)
    for number, (name, one) in enumerate(curves.items()):
        colour = ("#31688e", "#c1272d", "#35b779", "#c8b418")[number % 4]
        there = one.clips > 0
        axes.plot(
            one.confidence[there],
            one.accuracy[there],
            color=colour,
            marker="o",
            markersize=4,
            label=f"{name} (expected calibration error {one.error:.3f})",
        )
        beside = (number - (len(curves) - 1) / 2) * width
        below.bar(middle + beside, one.clips, width=width, color=colour)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of right answers")
    # Above the axes: curves may be anywhere inside.
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.02))
    below.set_ylabel("answers")
    below.set_xlabel("confidence: the largest probability")
    if title:
        axes.figure.suptitle(title, fontsize=11)
    for each in (axes, below):
        each.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()

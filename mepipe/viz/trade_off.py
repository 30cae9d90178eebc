"""Recovered motion against noise, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from mepipe.flow.settings import PRESETS, Tvl1Settings


def trade_off_png(points: Sequence[tuple[Tvl1Settings, float, float]]) -> bytes:
    """Return a PNG; the first points are those of `mepipe.flow.settings.PRESETS`.

    Parameters
    ----------
    points
        Settings, share of a motion of 0.6 px that is recovered, and the mean
        flow that noise alone gives, px.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.0), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    floor = points[0][2]
    colours = {0.05: "#440154", 0.1: "#31688e", 0.2: "#35b779", 0.3: "#c8b418"}
    for settings, recovered, noise in points[len(PRESETS) :]:
        axes.scatter(
            noise,
            recovered,
            s=30 + 160 * settings.lambda_,
            marker="o" if settings.border == 0 else "s",
            facecolor=colours[settings.theta] if settings.epsilon < 0.01 else "none",
            edgecolor=colours[settings.theta],
            linewidth=1.2,
        )
    for (_, recovered, noise), name in zip(points[: len(PRESETS)], PRESETS, strict=True):
        axes.scatter(noise, recovered, s=190, marker="*", color="#c1272d", zorder=3)
        axes.annotate(name, (noise, recovered), xytext=(9, -4), textcoords="offset points")
    axes.axvline(floor, color="#777777", linewidth=0.8, linestyle="--")
    for theta, colour in colours.items():
        axes.scatter([], [], s=60, color=colour, label=f"theta {theta:g}")
    axes.scatter([], [], s=60, marker="o", facecolor="none", edgecolor="k", label="zeros outside")
    axes.scatter([], [], s=60, marker="s", facecolor="none", edgecolor="k", label="mirrored border")
    axes.scatter([], [], s=60, color="k", label="filled: epsilon 0.003, else 0.01")
    axes.legend(frameon=False, fontsize=8, loc="lower right", title="size: lambda .15, .2, .3, .45")
    axes.set_xlabel("mean flow from noise alone, px (dashed: OpenCV's defaults)")
    axes.set_ylabel("share of a 0.6 px motion that is recovered")
    axes.set_title("TV-L1 settings: motion kept against noise let in", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()

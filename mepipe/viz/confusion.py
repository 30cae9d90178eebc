"""The confusion matrix as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.viz.lettering import Lettering

_UNNAMED = (
    "Numbers: the order of the classes in results.json.\nNo installed font has their letters."
)


def confusion_png(
    matrix: NDArray[np.int64],
    classes: Sequence[str],
    *,
    uf1: float | None,
    uar: float | None,
    name: str = "",
    runs: int = 1,
) -> bytes:
    """Return a PNG of a confusion matrix: counts, and the share of each true class in per cent.

    The same input gives the same bytes (same versions of matplotlib, same fonts). A class whose
    name has letters that no installed font has is drawn as "class 2", and a line says so.

    Parameters
    ----------
    matrix
        (K, K), rows truth, columns prediction, in clips: each clip counts once.
    classes
        K names.
    uf1, uar
        For the title, 0 to 1; None where undefined.
    name
        What was evaluated, for the title.
    runs
        Of how many seeds the prediction is the class that most of them gave.

    Examples
    --------
    >>> matrix = np.array([[219, 22, 9], [40, 62, 7], [21, 3, 59]])  # STSTNet, FG 2019
    >>> png = confusion_png(matrix, ("negative", "positive", "surprise"), uf1=0.735, uar=0.719)
    >>> png[1:4]
    b'PNG'
    """
    lettering = Lettering.of([*classes, name])
    with lettering.used():
        return _drawn(
            np.asarray(matrix), classes, lettering, uf1=uf1, uar=uar, name=name, runs=runs
        )


def _drawn(
    matrix: NDArray[np.int64],
    classes: Sequence[str],
    lettering: Lettering,
    *,
    uf1: float | None,
    uar: float | None,
    name: str,
    runs: int,
) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    truth = matrix.sum(axis=1, keepdims=True)
    share = np.where(truth > 0, matrix / np.maximum(truth, 1), 0.0)
    side = max(4.2, 1.6 + 0.95 * len(classes))
    figure = Figure(figsize=(side + 0.9, side), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(100 * share, cmap="Blues", vmin=0, vmax=100)
    for row in range(len(classes)):
        for column in range(len(classes)):
            axes.text(
                column,
                row,
                f"{matrix[row, column]}\n{100 * share[row, column]:.0f} %"
                if truth[row, 0]
                else "0",
                ha="center",
                va="center",
                color="white" if share[row, column] > 0.55 else "#1a1a1a",
                fontsize=11,
            )
    ticks = np.arange(len(classes))
    plain = [
        lettering.plain(label) if lettering.draws(label) else f"class {number}"
        for number, label in enumerate(classes, start=1)
    ]
    slanted = len(classes) > 4 or max(map(len, plain)) > 9
    axes.set_xticks(
        ticks, plain, rotation=35 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_yticks(
        ticks, [f"{label}\n({total})" for label, total in zip(plain, truth[:, 0], strict=True)]
    )
    unnamed = not all(map(lettering.draws, classes))
    words = f"predicted by most of {runs} seeds" if runs > 1 else "predicted"
    axes.set_xlabel(f"{words}\n\n{_UNNAMED}" if unnamed else words)
    axes.set_ylabel("true (clips)")
    figures = [
        f"{label} {value:.3f}" for label, value in (("UF1", uf1), ("UAR", uar)) if value is not None
    ]
    title = [part for part in (lettering.plain(name), ", ".join(figures)) if part]
    axes.set_title("\n".join(title), fontsize=12)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 25, 50, 75, 100])
    bar.set_label("% of the true class")
    bar.outline.set_visible(False)
    out = io.BytesIO()
    # Without this the file names matplotlib's version.
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()

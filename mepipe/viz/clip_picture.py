"""One clip as a picture: what was found in it, and why."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.viz.lettering import Lettering

_MARKS = {"onset": "tab:green", "apex": "tab:red", "offset": "tab:purple"}


@dataclass(frozen=True)
class ClipPicture:
    """What the picture shows.

    Parameters
    ----------
    name
        The title.
    frame
        (H, W, 3) or (H, W) uint8, B G R: where the face was found.
    box, landmarks
        x0, y0, x1, y1 and (68, 2), px of the frame.
    onset_face, apex_face
        (S, S) uint8, aligned; None where there is no flow.
    flow
        (2, S, S), px: u right, v down; None likewise.
    strain
        (S, S); None likewise.
    curve
        (N,), NaN where the face is not seen; None where nothing was measured.
    curve_title, curve_unit
        What it is a curve of.
    times_ms
        (N,), or None where the rate is unknown: then there is no curve either.
    marks
        Position and confidence of onset, apex and offset; empty where none was found.
    lines
        What is said beside the curve.
    """

    name: str
    frame: NDArray[np.uint8]
    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    onset_face: NDArray[np.uint8] | None
    apex_face: NDArray[np.uint8] | None
    flow: NDArray[np.float32] | None
    strain: NDArray[np.float32] | None
    curve: NDArray[np.float32] | None
    curve_title: str
    curve_unit: str
    times_ms: NDArray[np.float64] | None
    marks: Mapping[str, tuple[int, float]]
    lines: Sequence[str]


def flow_colours(flow: NDArray[np.float32], largest: float) -> NDArray[np.uint8]:
    """Return a flow as colours: hue is direction, depth is length, no motion is white.

    As in Baker et al., "A database and evaluation methodology for optical
    flow", IJCV 2011.

    Parameters
    ----------
    flow
        (2, H, W): u (right) and v (down), in any unit.
    largest
        The length, in the same unit, that has the deepest colour.

    Returns
    -------
    colours
        (H, W, 3) uint8, R G B.

    Examples
    --------
    >>> flow = np.zeros((2, 1, 3), np.float32)
    >>> flow[0, 0] = -1.0, 0.0, 1.0  # to the left, not at all, to the right
    >>> flow_colours(flow, largest=1.0)[0].tolist()
    [[0, 255, 255], [255, 255, 255], [255, 0, 0]]
    """
    import cv2

    u, v = np.asarray(flow, np.float32)
    hsv = np.empty((*u.shape, 3), np.uint8)
    half = np.rint(np.arctan2(v, u) * np.float32(90 / np.pi)).astype(np.int16)
    hsv[..., 0] = np.where(half < 0, half + 180, half)  # degrees by two: they fit into a byte
    hsv[..., 1] = np.rint(255 * np.minimum(np.hypot(u, v) / max(largest, 1e-9), 1))
    hsv[..., 2] = 255
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def clip_png(clip: ClipPicture) -> bytes:
    """Return the picture as PNG. Characters that no installed font has are drawn as codes.

    >>> import numpy as np
    >>> grey = np.full((200, 200), 128, np.uint8)
    >>> still = np.zeros((2, 96, 96), np.float32)
    >>> clip = ClipPicture(
    ...     name="s01/c01", frame=grey, box=np.array([50.0, 50, 150, 150]),
    ...     landmarks=np.full((68, 2), 100.0), onset_face=None, apex_face=None, flow=None,
    ...     strain=None, curve=None, curve_title="motion", curve_unit="px", times_ms=None,
    ...     marks={"apex": (12, 0.9)}, lines=["apex at frame 12"],
    ... )
    >>> clip_png(clip)[1:4]
    b'PNG'
    """
    lettering = Lettering.of([clip.name, *clip.lines])
    with lettering.used():
        return _drawn(clip, lettering)


def _drawn(clip: ClipPicture, lettering: Lettering) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(lettering.plain(clip.name))
    rows = figure.add_gridspec(2, 1, height_ratios=[1, 0.95])
    top = rows[0].subgridspec(1, 5, width_ratios=[1.35, 1, 1, 1, 1])
    bottom = rows[1].subgridspec(1, 2, width_ratios=[3, 1])
    _face(figure.add_subplot(top[0]), clip)
    for place, (title, face) in enumerate(
        (("onset, aligned", clip.onset_face), ("apex, aligned", clip.apex_face)), start=1
    ):
        axes = _bare(figure.add_subplot(top[place]), title)
        if face is not None:
            axes.imshow(face, cmap="gray", vmin=0, vmax=255)
    _flow(figure.add_subplot(top[3]), clip)
    _strain(figure, figure.add_subplot(top[4]), clip)
    _curve(figure.add_subplot(bottom[0]), clip)
    words = _bare(figure.add_subplot(bottom[1]), "what was found")
    words.axis("off")
    lines = "\n".join(map(lettering.plain, clip.lines))
    words.text(0, 0.98, lines, va="top", fontsize=9, transform=words.transAxes)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _bare(axes: Any, title: str) -> Any:
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def _face(axes: Any, clip: ClipPicture) -> None:
    """Draw the frame's part around the face, with box and landmarks."""
    _bare(axes, "the face that was found")
    grey = clip.frame.ndim == 2
    shown = clip.frame if grey else clip.frame[..., ::-1]
    axes.imshow(shown, cmap="gray" if grey else None)
    x0, y0, x1, y1 = clip.box
    axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="tab:orange", linewidth=1.5)
    axes.plot(*clip.landmarks.T, ".", color="lime", markersize=2.5)
    margin = 0.5 * (x1 - x0)
    height, width = clip.frame.shape[:2]
    axes.set_xlim(max(x0 - margin, -0.5), min(x1 + margin, width - 0.5))
    axes.set_ylim(min(y1 + margin, height - 0.5), max(y0 - margin, -0.5))


def _flow(axes: Any, clip: ClipPicture) -> None:
    if clip.flow is None:
        _bare(axes, "flow: none")
        return
    length = np.hypot(*clip.flow)
    largest = float(np.quantile(length, 0.999))
    _bare(axes, f"flow, up to {length.max():.2f} px")
    axes.imshow(flow_colours(clip.flow, largest))
    # The key: a disc whose rim moves outwards.
    y, x = np.mgrid[-1:1:81j, -1:1:81j]
    disc = flow_colours(np.stack([x, y]).astype(np.float32), 1.0)
    alpha = 255 * (np.hypot(x, y) <= 1)
    key = axes.inset_axes((0.78, 0.0, 0.22, 0.22))
    key.imshow(np.dstack([disc, alpha.astype(np.uint8)]))
    key.set_title(f"{largest:.2f} px", fontsize=7, pad=1)
    key.axis("off")


def _strain(figure: Any, axes: Any, clip: ClipPicture) -> None:
    if clip.strain is None:
        _bare(axes, "strain: none")
        return
    _bare(axes, "optical strain")
    # The rim of the crop strains where flow leaves it.
    image = axes.imshow(
        clip.strain, cmap="magma", vmin=0, vmax=float(np.quantile(clip.strain[8:-8, 8:-8], 0.999))
    )
    figure.colorbar(image, ax=axes, shrink=0.6)


def _curve(axes: Any, clip: ClipPicture) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(clip.curve_title, fontsize=10)
    if clip.curve is not None:
        axes.plot(clip.times_ms, clip.curve, color="black")
        axes.axhline(0, color="0.8", linewidth=0.8)
    else:
        axes.set_yticks([])
    for name, (position, confidence) in clip.marks.items():
        x = position if clip.times_ms is None else float(clip.times_ms[position])
        label = f"{name}: frame {position}, confidence {confidence:.2f}"
        axes.axvline(x, color=_MARKS[name], label=label)
    axes.set_xlabel("frame" if clip.times_ms is None else "ms")
    axes.set_ylabel(clip.curve_unit)
    if clip.marks:
        axes.legend(fontsize=8)

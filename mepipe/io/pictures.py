"""Features as pictures to look at: flow as colour, strain as grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.io.file_names import UniqueNames, parts, plain_name
from mepipe.io.selection import Exported, Selection
from mepipe.io.tables import csv_line
from mepipe.viz.clip_picture import flow_colours

_SIDE = 224  # px of each half, about
_GAP = 4


def write_pictures(selection: Selection, out: Path, into: Path) -> Exported:
    """Write ``<collection>/<subject>/<clip>.png`` for every clip, and ``pictures.csv``.

    Raises
    ------
    UsageError
        If two clips would have one picture, or the channels are not u, v, strain.
    """
    selection.refuse_other_channels()
    features = selection.features
    names_used = UniqueNames("picture", "Export them apart with --select dataset=...")
    names = {}
    for row in selection.rows:
        clip = str(features.clip[row])
        name = "/".join(plain_name(part, clip) for part in parts(clip) if part) + ".png"
        names_used.claim(name, clip, clip)
        names[row] = name
    for folder in sorted({(into / name).parent for name in names.values()}):
        disk.make_folder(folder)
    with disk.replacing(into / "pictures.csv") as table:
        table.write(csv_line(("picture", "clip", "label", "largest_flow", "largest_strain")))
        for row, tensor in selection.tensors():
            still = np.median(tensor, axis=(1, 2), keepdims=True)
            x = tensor - still if selection.scale == "minmax" else tensor
            flow = float(np.hypot(x[0], x[1]).max())
            clip, label = str(features.clip[row]), str(features.columns["label"][row])
            strain = float(x[2].max())
            table.write(csv_line((names[row], clip, label, f"{flow:.4g}", f"{strain:.4g}")))
            disk.write_new(into / names[row], png(picture(x)))
    notes: tuple[str, ...] = ()
    if selection.scale == "minmax":
        notes = (
            "min-max scaled features have lost where 0 is: the median of each channel is drawn as "
            "no motion",
        )
    return Exported("png", out, len(selection.rows), len(selection.rows) + 1, notes=notes)


def picture(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return x (3, S, S) as a picture (H, W, 3), R G B: flow left, strain right.

    Hue is the direction of the motion and depth its length, full at the clip's
    largest; strain is grey, white at its largest. Cells are squares.
    """
    colours = flow_colours(x[:2], float(np.hypot(x[0], x[1]).max()))
    largest = float(x[2].max())
    grey = np.clip(x[2] / largest, 0, 1) if largest > 0 else np.zeros_like(x[2])
    strain = np.repeat((255 * grey).round().astype(np.uint8)[..., None], 3, axis=2)
    times = max(1, round(_SIDE / x.shape[1]))
    halves = [np.kron(half, np.ones((times, times, 1), np.uint8)) for half in (colours, strain)]
    gap = np.full((halves[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.hstack([halves[0], gap, halves[1]])


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image (H, W, 3), R G B, or (H, W) as a PNG file."""
    import cv2

    shown = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    done, data = cv2.imencode(".png", shown)
    if not done:
        raise AssertionError("OpenCV did not encode a picture")
    return data.tobytes()

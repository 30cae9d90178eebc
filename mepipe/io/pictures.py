"""Features as pictures to look at: flow as colour, strain as grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mepipe.cache import disk
from mepipe.datasets.csv_tables import csv_line, encoded
from mepipe.io.exported_rows import Exported, Selection
from mepipe.io.file_names import UniqueNames, parts, plain_name
from mepipe.viz.feature_picture import png, tensor_picture


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
        table.write(
            encoded(csv_line(("picture", "clip", "label", "largest_flow", "largest_strain")))
        )
        for row, tensor in selection.tensors():
            still = np.median(tensor, axis=(1, 2), keepdims=True)
            x = tensor - still if selection.scale == "minmax" else tensor
            flow = float(np.hypot(x[0], x[1]).max())
            clip, label = str(features.clip[row]), str(features.columns["label"][row])
            strain = float(x[2].max())
            table.write(
                encoded(csv_line((names[row], clip, label, f"{flow:.4g}", f"{strain:.4g}")))
            )
            disk.write_new(into / names[row], png(tensor_picture(x)))
    notes: tuple[str, ...] = ()
    if selection.scale == "minmax":
        notes = (
            "min-max scaled features have lost where 0 is: the median of each channel is drawn as "
            "no motion",
        )
    return Exported("png", out, len(selection.rows), len(selection.rows) + 1, notes=notes)

"""What the public training script of HTNet (Wang et al., 2023) reads.

Beside the tree of `mepipe.io.ststnet` it wants all pictures in one folder, the apex frame's
face of each clip (to find the eyes and the mouth in), and a table. In its file names a
space stands before the dot. It makes these names from the table, as pandas reads it: where
pandas would take every person for a number (``006``), the names say so in words.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mepipe.cache import disk
from mepipe.datasets.csv_tables import csv_text, encoded
from mepipe.errors import BadDataError, UsageError
from mepipe.io.exported_rows import Exported, Selection
from mepipe.io.ststnet import (
    Picture,
    at_the_limit,
    labelled,
    limit_notes,
    make_folds,
    pixels,
    places,
    write_in_folds,
    write_index,
)
from mepipe.viz.feature_picture import png

HTNET_ROOT = "datasets/three_norm_u_v_os"
WHOLE = "datasets/STSNet_whole_norm_u_v_os"
FACES = "datasets/combined_datasets_whole"
TABLE = "combined_3_class2_for_optical_flow.csv"
END = " .png"
COLUMNS = ("dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename")


def write_htnet(selection: Selection, out: Path, into: Path) -> Exported:
    """Write the two trees, the faces, the table and ``clips.csv``.

    Raises
    ------
    UsageError
        If the features have no faces; else as `labelled`.
    BadDataError
        If a clip has no face of its apex.
    """
    chosen, left_out = labelled(selection)
    faces = _apex_faces(chosen)
    pictures, table = _readable_places(chosen)
    folds = make_folds(into / HTNET_ROOT, pictures)
    for folder in (WHOLE, FACES):
        disk.make_folder(into / folder)
    clipped = 0
    for place, face, (row, x) in zip(pictures, faces, chosen.tensors(), strict=True):
        data, name = png(pixels(x)), f"{place.stem}{END}"
        write_in_folds(into / HTNET_ROOT, folds, place, name, data)
        disk.write_new(into / WHOLE / name, data)
        apex = chosen.features.read("faces", [row])[0, face]
        disk.write_new(into / FACES / _face_name(place), png(apex), private=True)
        clipped += at_the_limit(chosen, x)
    disk.write_new(into / TABLE, table)
    write_index(into, chosen, pictures, END)
    return Exported(
        target="htnet",
        out=out,
        clips=len(pictures),
        files=len(pictures) * (len(folds) + 2) + 2,
        left_out=left_out,
        notes=limit_notes(clipped),
    )


def _apex_faces(selection: Selection) -> list[int]:
    """Return, for each clip, which of its faces is the apex frame's; 0 is the onset's."""
    features = selection.features
    if "faces" not in features.maps:
        raise UsageError(
            f"{features.name} holds no faces, and HTNet looks for eyes and mouth in the apex's",
            'Run with --set flow.keep_faces=true --set \'pack.include=["x","faces"]\': the cache '
            "and the features then hold faces, which are biometric data.",
        )
    targets = features.targets
    assert targets is not None  # a file with faces says of which frames they are
    found = []
    for row, positions in zip(selection.rows, targets[list(selection.rows)], strict=True):
        apex = int(features.columns["apex"][row])
        hits = np.flatnonzero(positions == apex).tolist() if apex >= 0 else []
        if not hits:
            raise BadDataError(
                f"the features hold no face of the apex of {features.clip[row]} (frame {apex}), "
                f"only of the frames {', '.join(map(str, positions))}",
                "Make them with --set flow.targets=apex.",
            )
        found.append(1 + hits[0])
    return found


def _readable_places(selection: Selection) -> tuple[list[Picture], bytes]:
    """Return places whose names survive pandas, and the table."""
    changed = {"sub": False, "filename_o": False}
    for _ in (1, 2):
        pictures = places(
            selection, prefix_person=changed["sub"], prefix_name=changed["filename_o"]
        )
        table = _table(selection, pictures)
        lost = _lost(pictures, table)
        if not any(lost.values()):
            return pictures, table
        changed = {name: changed[name] or lost[name] for name in changed}
    raise BadDataError(
        "pandas does not read the names of these clips as they are written",
        "Rename the clips, or leave some out with --select.",
    )


def _lost(pictures: Sequence[Picture], table: bytes) -> dict[str, bool]:
    """Return, for each column of names, True if pandas reads other texts than were written."""
    import pandas as pd

    with warnings.catch_warnings():
        # pandas warns if it takes a part of a long column for numbers: what is looked for here.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        read = pd.read_csv(io.BytesIO(table))
    written = {
        "sub": [place.person for place in pictures],
        "filename_o": [place.name for place in pictures],
    }
    return {name: [str(one) for one in read[name]] != texts for name, texts in written.items()}


def _table(selection: Selection, pictures: Sequence[Picture]) -> bytes:
    columns = selection.features.columns
    rows = (
        (
            # smic and not smic-hs, as the script's own table has it.
            str(columns["group"][place.row]).partition("/")[0],
            place.person,
            place.name,
            int(place.y),
            int(columns["apex_number"][place.row]),
            _face_name(place),
            place.stem,
        )
        for place in pictures
    )
    return encoded(csv_text(COLUMNS, rows))


def _face_name(place: Picture) -> str:
    return f"{place.stem}_apex.png"

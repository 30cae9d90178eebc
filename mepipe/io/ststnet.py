"""The trees of pictures that public training scripts read, one pair of folders a person.

``<root>/<person>/{u_train,u_test}/{0,1,2}/<person>_<clip>.png``, 28x28: ``u_test`` has the
person's clips and ``u_train`` everyone else's. This is what the scripts of STSTNet (Liong et
al., FG 2019) and of the networks after it walk through. R = u, G = v, B = strain, each
channel min-max scaled to 0..255 by itself; the scripts read with OpenCV and so see strain, v, u.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.datasets.csv_tables import csv_line, encoded
from mepipe.errors import NothingUsableError, UsageError
from mepipe.io.exported_rows import Exported, Selection
from mepipe.io.file_names import UniqueNames, parts, plain_name
from mepipe.schema import CLASSES
from mepipe.viz.feature_picture import png

STSTNET_ROOT = "norm_u_v_os"
SIDES = TRAIN, TEST = "u_train", "u_test"
SIZE = 28
INDEX = "clips.csv"
"""The table beside the tree: which picture shows which clip."""


@dataclass(frozen=True)
class Picture:
    """One clip's place in a tree: row of the features, id, person's folder, name, class."""

    row: int
    clip: str
    person: str
    name: str
    y: int

    @property
    def stem(self) -> str:
        """Return ``<person>_<clip>``."""
        return f"{self.person}_{self.name}"


def labelled(selection: Selection) -> tuple[Selection, tuple[str, ...]]:
    """Return the clips that have a class, and the ids of those that have none.

    Raises
    ------
    UsageError
        If the features do not fit such a tree: its classes, its size, a person
        of whom nothing is known, one person alone.
    NothingUsableError
        If no clip has a class.
    """
    selection.refuse_other_channels()
    features = selection.features
    if tuple(features.classes) != CLASSES:
        raise UsageError(
            f"the classes are {', '.join(features.classes)}, and the tree's folders 0, 1, 2 are "
            f"{', '.join(CLASSES)}",
            "Make the features with labels.classes = megc3.",
        )
    if features.shape[2:] != (SIZE, SIZE):
        height, width = features.shape[2:]
        raise UsageError(
            f"the features are {height}x{width}, and scripts that read such a tree take "
            f"{SIZE}x{SIZE}",
            f"Make them with --set tensor.size={SIZE}.",
        )
    rows = [row for row in selection.rows if features.y[row] >= 0]
    left_out = tuple(str(features.clip[row]) for row in selection.rows if features.y[row] < 0)
    if not rows:
        raise NothingUsableError(
            f"none of the {len(selection.rows)} clips has a class, and the tree's folders are "
            "classes",
            "Give labels (a labels.csv beside the clips), or export with --to npz.",
        )
    for row in rows:
        if not features.group[row]:
            raise UsageError(
                f"the person of {features.clip[row]} is unknown, and the tree leaves one person "
                "out at a time",
                "Give its subject in labels.csv, or leave it out with --select.",
            )
    if len({str(features.group[row]) for row in rows}) < 2:
        raise UsageError(
            f"all clips with a class are of {features.group[rows[0]]}, and the tree leaves one "
            "person out at a time",
            "Export features of two persons or more.",
        )
    return replace(selection, rows=rows), left_out


def places(
    selection: Selection, *, prefix_person: bool = False, prefix_name: bool = False
) -> list[Picture]:
    """Return the place of each clip.

    Parameters
    ----------
    selection
        Clips that have a class and a person.
    prefix_person, prefix_name
        Put the collection before the person, ``clip_`` before the clip's name.

    Raises
    ------
    UsageError
        If two persons would share a folder, or two clips a name.
    """
    features = selection.features
    apart = "Export them apart: --select dataset=..."
    persons, stems = UniqueNames("person's folder", apart), UniqueNames("picture", apart)
    found = []
    for row in selection.rows:
        clip, group = str(features.clip[row]), str(features.group[row])
        collection, _, who = group.rpartition("/")
        person = plain_name(f"{collection}_{who}" if prefix_person else who, clip)
        name = plain_name(parts(clip)[2] or clip, clip)
        place = Picture(
            row, clip, person, f"clip_{name}" if prefix_name else name, int(features.y[row])
        )
        persons.claim(person, group, clip)
        stems.claim(place.stem, clip, clip)
        found.append(place)
    return found


def write_ststnet(selection: Selection, out: Path, into: Path) -> Exported:
    """Write the tree ``norm_u_v_os`` and, beside it, ``clips.csv``; errors as `labelled`."""
    chosen, left_out = labelled(selection)
    pictures = places(chosen)
    folds = make_folds(into / STSTNET_ROOT, pictures)
    clipped = 0
    for place, (_, x) in zip(pictures, chosen.tensors(), strict=True):
        write_in_folds(into / STSTNET_ROOT, folds, place, f"{place.stem}.png", png(pixels(x)))
        clipped += at_the_limit(chosen, x)
    write_index(into, chosen, pictures, ".png")
    return Exported(
        target="ststnet",
        out=out,
        clips=len(pictures),
        files=len(pictures) * len(folds) + 1,
        left_out=left_out,
        notes=limit_notes(clipped),
    )


def pixels(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return x (3, S, S) as pixels (S, S, 3), R G B: each channel min-max 0..255, still ones 0."""
    wide = x.astype(np.float64)
    low = wide.min(axis=(1, 2), keepdims=True)
    span = wide.max(axis=(1, 2), keepdims=True) - low
    unit = (wide - low) / np.where(span > 0, span, 1)
    return np.asarray(np.rint(255 * unit), np.uint8).transpose(1, 2, 0)


def at_the_limit(selection: Selection, x: NDArray[np.float32]) -> bool:
    """Return True if the fixed scale has cut off the largest motion of a clip."""
    return selection.scale == "fixed" and bool((np.abs(x) >= 1).any())


def limit_notes(clipped: int) -> tuple[str, ...]:
    """Return the note on clips whose largest motion was cut off."""
    if not clipped:
        return ()
    return (
        f"{clipped} clip(s) move more than tensor.scale = fixed holds, so their largest values are "
        "cut off: features of tensor.scale = minmax give a tree without that",
    )


def make_folds(root: Path, pictures: Sequence[Picture]) -> list[str]:
    """Make every folder of the tree and return the persons.

    All three classes, though a person has none of one: some scripts ask for each.
    """
    persons = sorted({place.person for place in pictures})
    for person in persons:
        for side in SIDES:
            for y in range(len(CLASSES)):
                disk.make_folder(root / person / side / str(y))
    return persons


def write_in_folds(
    root: Path, persons: Sequence[str], place: Picture, name: str, data: bytes
) -> None:
    """Write one clip's picture into every person's fold.

    Each is a file of its own: with hard links, a change to one would change all.
    """
    for person in persons:
        side = TEST if person == place.person else TRAIN
        disk.write_new(root / person / side / str(place.y) / name, data)


def write_index(into: Path, selection: Selection, pictures: Sequence[Picture], end: str) -> None:
    """Write ``clips.csv``: each picture's name and the clip that it shows."""
    columns = selection.features.columns
    with disk.replacing(into / INDEX) as table:
        table.write(encoded(csv_line(("picture", "clip", "dataset", "group", "label", "y"))))
        for place in pictures:
            texts = (str(columns[name][place.row]) for name in ("dataset", "group", "label"))
            table.write(encoded(csv_line((f"{place.stem}{end}", place.clip, *texts, str(place.y)))))

"""Published features into the format of features.h5."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe import __version__
from mepipe.cache import disk
from mepipe.cache.keys import Json
from mepipe.cache.pack import COLUMNS, Pack, encode_pack
from mepipe.datasets.subjects import subject_id
from mepipe.errors import BadDataError, MepipeError, UsageError
from mepipe.features import load
from mepipe.io.published_arrays import Published, read_published
from mepipe.io.published_trees import read_tree
from mepipe.schema import CLASSES, IMPORTED, SCALES
from mepipe.versions import libraries


@dataclass(frozen=True)
class Import:
    """What was imported: ``scale_seen`` says that the data showed it; ``notes`` are for the user.

    ``size`` is the side of the tensors, ``clips`` maps datasets and ``labels``
    classes to numbers of clips.
    """

    features: Path
    clips: dict[str, int]
    labels: dict[str, int]
    subjects: int
    size: int
    scale: str
    scale_seen: bool
    sha256: str
    notes: tuple[str, ...]


def import_features(
    source: Path,
    out: Path,
    *,
    classes: Sequence[str] = CLASSES,
    scale: str | None = None,
    dataset: str | None = None,
) -> Import:
    """Write the features.h5 that holds what the published ``source`` does.

    Parameters
    ----------
    source
        An .npz of x (N, S, S, 3) uint8 or float in the order u, v, strain; y;
        subject; dataset; clip. Or a folder: the tree of pictures that STSTNet's and
        HTNet's scripts read. uint8 is divided by 255.
    out
        Where it goes. An earlier import there is replaced, nothing else.
    classes
        Names of the classes of y, 0 first.
    scale
        How the features were scaled, as `tensor.scale` has it. None: found in the
        data, which show only ``minmax``.
    dataset
        The dataset of a tree's clips, where no table beside it says that.

    Raises
    ------
    UsageError
        If ``source`` is no such file, ``out`` is anything but an earlier import,
        or the scale must be given.
    BadDataError
        If the content of ``source`` is not what it must be.
    SystemProblemError
        If the file cannot be read or written.
    """
    if not classes or len(set(classes)) < len(classes) or not all(map(str.strip, classes)):
        raise UsageError(
            f"{','.join(classes)!r} are not names of classes",
            "Write different ones: --classes a,b,c.",
        )
    _check_replaceable(out)
    published, source_notes = _read(source, dataset)
    outside = (published.y < 0) | (published.y >= len(classes))
    if outside.any():
        row = int(np.argmax(outside))
        raise BadDataError(
            f"y[{row}] ({published.ids[row]}) is {published.y[row]}, and the classes are 0 to "
            f"{len(classes) - 1} ({', '.join(classes)})",
            "Name all classes with --classes, or leave such clips out.",
        )
    seen = is_minmax(published.x)
    used_scale = scale or ("minmax" if seen else None)
    if used_scale is None:
        low, high = published.x.min(), published.x.max()
        raise UsageError(
            f"{source} does not show how it was scaled: its values go from {low:g} to {high:g}, "
            "and not each clip and channel from end to end",
            f"Say it with --scale: {', '.join(SCALES)} (as tensor.scale in `mepipe config`).",
        )
    order = sorted(range(len(published.ids)), key=published.ids.__getitem__)
    x = tensors(published.x)[order]
    rows = _rows(published, order, x, classes)
    settings: dict[str, Json] = {
        "tensor": {"size": x.shape[2], "scale": used_scale},
        IMPORTED: {"sha256": published.sha256, "scale_given": scale is not None},
    }
    made_by = {"mepipe": __version__, **libraries(("h5py", "numpy"))}
    disk.make_folder(out.parent)
    disk.write_atomic(out, encode_pack(Pack(rows, classes, settings, made_by), x))
    return Import(
        features=out,
        clips={name: published.dataset.count(name) for name in sorted(set(published.dataset))},
        labels={name: int((published.y == number).sum()) for number, name in enumerate(classes)},
        subjects=len({str(row["group"]) for row in rows}),
        size=x.shape[2],
        scale=used_scale,
        scale_seen=scale is None,
        sha256=published.sha256,
        notes=(*source_notes, *_notes(rows, x, used_scale, seen=seen)),
    )


def _read(source: Path, dataset: str | None) -> tuple[Published, tuple[str, ...]]:
    if source.is_dir():
        return read_tree(source, dataset)
    if dataset is not None:
        raise UsageError(f"{source} names the dataset of each clip itself", "Leave out --dataset.")
    return read_published(source), ()


def _check_replaceable(out: Path) -> None:
    """Raise UsageError if ``out`` is there and no import wrote it."""
    if not out.exists():
        return
    try:
        imported = IMPORTED in load(out).settings
    except MepipeError:
        imported = False
    if not imported:
        raise UsageError(
            f"{out} is there already and was not made by an import", "Name another file with --out."
        )


def is_minmax(x: NDArray[np.generic]) -> bool:
    """Return True if each channel of each clip (N, S, S, C) spans exactly its range.

    The range is 0 to 255 for whole numbers and 0 to 1 for others. A channel may be 0
    throughout (nothing moved), but not all of them.
    """
    top = 255 if x.dtype.kind == "u" else 1
    low, high = np.asarray(x.min(axis=(1, 2))), np.asarray(x.max(axis=(1, 2)))
    spans = high == top
    return bool((low == 0).all() and (spans | (high == 0)).all() and spans.any())


def tensors(x: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return (N, C, S, S) float32 of (N, S, S, C); whole numbers are divided by 255."""
    moved = np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=np.float32)
    return moved / np.float32(255) if x.dtype.kind == "u" else moved


def _rows(
    published: Published, order: Sequence[int], x: NDArray[np.float32], classes: Sequence[str]
) -> list[dict[str, Json]]:
    # What a published file does not say stays unknown: an empty text, no number.
    unknown: dict[str, Json] = {
        name: "" if kind == "text" else None for name, kind in COLUMNS.items()
    }
    return [
        {
            **unknown,
            "clip": published.ids[row],
            "dataset": published.dataset[row],
            "subject": published.subject[row],
            "group": subject_id(published.dataset[row], published.subject[row]),
            "label": classes[published.y[row]],
            "y": int(published.y[row]),
            # A published file does not say that a clip has no movement.
            "movement": True,
            "object": hashlib.sha256(pixels.astype("<f4").tobytes()).hexdigest(),
        }
        for row, pixels in zip(order, x, strict=True)
    ]


def _notes(
    rows: Sequence[dict[str, Json]], x: NDArray[np.float32], scale: str, *, seen: bool
) -> list[str]:
    notes = []
    if scale != "minmax" and float(x[:, :2].min()) >= 0:
        notes.append(
            f"u and v are nowhere below 0, which features of the scale {scale!r} would be: is it "
            "minmax?"
        )
    if scale == "minmax" and not seen:
        notes.append("not each clip and channel spans the range, which minmax features would")
    first: dict[str, dict[str, Json]] = {}
    for row in rows:
        twin = first.setdefault(str(row["object"]), row)
        if twin["group"] != row["group"]:
            notes.append(
                f"{twin['clip']} and {row['clip']} have the same values under two persons: no "
                "honest split can hold both"
            )
    return notes

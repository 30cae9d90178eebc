"""Published trees of pictures (STSTNet's, HTNet's), read without trust.

A tree holds every clip once for each person: in the ``u_test`` of its own, in the
``u_train`` of all others. The ``u_test`` folders together are the dataset; that each
``u_train`` is the rest of it, pixel for pixel, is checked, for else the tree gives other
figures than the features that are read from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.datasets.csv_tables import read_csv
from mepipe.errors import BadDataError, UsageError
from mepipe.frames.images import decode_image
from mepipe.io.htnet import HTNET_ROOT, TABLE
from mepipe.io.published_arrays import Published, checked
from mepipe.io.ststnet import INDEX, STSTNET_ROOT, TEST, TRAIN

_HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_RGB = b"\x08\x02"  # 8 bits, three channels
_LARGEST = 1024  # px; the usual side is 28
_AGAIN = "Get the tree again, or export it again."


@dataclass(frozen=True)
class _Place:
    person: str
    y: int
    path: Path
    sha256: str


def read_tree(path: Path, dataset: str | None = None) -> tuple[Published, tuple[str, ...]]:
    """Read and check a tree of pictures.

    Parameters
    ----------
    path
        The folder that holds ``norm_u_v_os`` or ``datasets/three_norm_u_v_os``, or
        one of these. A ``clips.csv`` (of `mepipe export`) or HTNet's table beside
        the tree names the clips.
    dataset
        The dataset of the clips where no table names it.

    Returns
    -------
    published
        x (N, S, S, 3) uint8 in the order u, v, strain, and the rest.
    notes
        What the user should know.

    Raises
    ------
    UsageError
        If there is no such tree there.
    BadDataError
        If a picture is none, a clip is of two persons, or a ``u_train`` is not the
        rest of the dataset.
    SystemProblemError
        If a file cannot be read.
    """
    tree, base = _find(path)
    tested = _tested(tree)
    for person in sorted({place.person for place in tested.values()}):
        _check_train(tree, person, tested)
    names = sorted(tested)
    x = [_pixels(tested[name].path) for name in names]
    for name, image in zip(names, x, strict=True):
        if image.shape != x[0].shape:
            raise BadDataError(
                f"{tested[name].path} is {image.shape[1]}x{image.shape[0]} px and "
                f"{tested[names[0]].path} {x[0].shape[1]}x{x[0].shape[0]}",
                "Bring all pictures to one size.",
            )
    ids, notes = _ids(base, tree, tested, dataset)
    digest = hashlib.sha256()
    for name, image in zip(names, x, strict=True):
        place = tested[name]
        digest.update(f"{ids[name]}\0{place.y}\0{image.shape}\0".encode() + image.tobytes())
    columns = zip(*(ids[name] for name in names), strict=True)
    arrays: dict[str, NDArray[Any]] = {
        "x": np.stack(x),
        "y": np.array([tested[name].y for name in names], dtype=np.int64),
        **{
            name: np.array(values, dtype=np.str_)
            for name, values in zip(("dataset", "subject", "clip"), columns, strict=True)
        },
    }
    return checked(arrays, digest.hexdigest()), notes


def _find(path: Path) -> tuple[Path, Path]:
    """Return the tree's root and the folder that tables lie in."""
    for inner in (STSTNET_ROOT, HTNET_ROOT):
        if (path / inner).is_dir():
            return path / inner, path
    if any((path / person / TEST).is_dir() for person in disk.names(path)):
        here = path.resolve()
        # A table is the tree's own only where the tree lies as its script wants it.
        for inner in (STSTNET_ROOT, HTNET_ROOT):
            if here.as_posix().endswith(f"/{inner}"):
                return path, here.parents[inner.count("/")]
        return path, path
    raise UsageError(
        f"{path} is a folder, and holds neither {STSTNET_ROOT} nor {HTNET_ROOT}",
        f"Give an .npz file, or the folder that holds {STSTNET_ROOT}/PERSON/{TEST}/CLASS/*.png.",
    )


def _pictures(side: Path) -> list[tuple[str, int, Path]]:
    """Return name, class and path of each picture in a person's ``u_test`` or ``u_train``."""
    found = []
    for label in disk.names(side):
        if not (label.isascii() and label.isdigit()) or str(int(label)) != label:
            raise BadDataError(
                f"{side} holds {label!r}, and its folders are the classes 0, 1, 2, ...", _AGAIN
            )
        for name in disk.names(side / label):
            if not name.lower().endswith(".png"):
                raise BadDataError(f"{side / label / name} is no .png file", "Move it away.")
            found.append((name, int(label), side / label / name))
    return found


def _tested(tree: Path) -> dict[str, _Place]:
    """Return each clip's own place, by its file's name."""
    found: dict[str, _Place] = {}
    for person in disk.names(tree):
        for name, y, path in _pictures(tree / person / TEST):
            if name in found:
                raise BadDataError(
                    f"{found[name].path} and {path} are one clip twice",
                    "Leave the clip in the folder of its person and class only.",
                )
            found[name] = _Place(person, y, path, hashlib.sha256(_bytes(path)).hexdigest())
    if not found:
        raise BadDataError(f"no {TEST} in {tree} holds a picture", _AGAIN)
    return found


def _check_train(tree: Path, person: str, tested: Mapping[str, _Place]) -> None:
    side = tree / person / TRAIN
    seen = set()
    for name, y, path in _pictures(side):
        if name not in tested:
            raise BadDataError(f"{path} is a clip that is in nobody's {TEST}", _AGAIN)
        own = tested[name]
        if own.person == person:
            raise BadDataError(
                f"{path} and {own.path} are one clip on both sides: it would be learnt before it "
                "is tested",
                _AGAIN,
            )
        if name in seen:
            raise BadDataError(f"{side} holds the clip {name!r} twice", _AGAIN)
        if own.y != y:
            raise BadDataError(f"{path} and {own.path} are one clip of two classes", _AGAIN)
        data = _bytes(path)
        if hashlib.sha256(data).hexdigest() != own.sha256 and not np.array_equal(
            _pixels(path), _pixels(own.path)
        ):
            raise BadDataError(f"{path} and {own.path} are one clip with other pixels", _AGAIN)
        seen.add(name)
    missing = sorted(name for name in tested if tested[name].person != person and name not in seen)
    if missing:
        raise BadDataError(
            f"{side} lacks {len(missing)} clip(s) of other persons: {tested[missing[0]].path}",
            _AGAIN,
        )


def _bytes(path: Path) -> bytes:
    data = disk.read_bytes(path)
    if data is None:
        raise BadDataError(f"{path} is gone", _AGAIN)
    return data


def _pixels(path: Path) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3), R G B: u, v, strain."""
    data = _bytes(path)
    size = (int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    if not data.startswith(_HEADER) or data[24:26] != _RGB:
        raise BadDataError(f"{path} is no PNG of three channels of 8 bits", _AGAIN)
    if not 0 < min(size) <= max(size) <= _LARGEST:
        raise BadDataError(f"{path} says it is {size[0]}x{size[1]} px", _AGAIN)
    try:
        return decode_image(data)[..., ::-1]
    except BadDataError as error:
        raise BadDataError(f"{path}: {error.message}", _AGAIN) from error


_Ids = dict[str, tuple[str, str, str]]


def _ids(
    base: Path, tree: Path, tested: Mapping[str, _Place], dataset: str | None
) -> tuple[_Ids, tuple[str, ...]]:
    """Return dataset, subject and clip of each picture, and notes."""
    index, table = disk.read_bytes(base / INDEX), disk.read_bytes(base / TABLE)
    if index is not None:
        found: _Ids = {}
        for row in _rows(base / INDEX, index, ("picture", "clip")):
            collection, subject, clip = (*row["clip"].split("/", 2), "", "")[:3]
            found[row["picture"]] = collection, subject, clip
        return _complete(base / INDEX, found, tested), ()
    if table is not None and tree.name != STSTNET_ROOT:
        columns = ("dataset", "sub", "filename_o")
        found = {
            f"{row['sub']}_{row['filename_o']} .png": (
                row["dataset"],
                row["sub"],
                row["filename_o"],
            )
            for row in _rows(base / TABLE, table, columns)
        }
        return _complete(base / TABLE, found, tested), ()
    name = dataset or tree.resolve().name
    names = {
        picture: (name, place.person, _stem(picture).removeprefix(f"{place.person}_"))
        for picture, place in tested.items()
    }
    if dataset:
        return names, ()
    note = (
        f"nothing in the tree names its datasets: clips and persons are called {name}/... and do "
        "not match those of other features (--dataset names one)"
    )
    return names, (note,)


def _stem(picture: str) -> str:
    return picture[: -len(".png")].rstrip()


def _rows(path: Path, data: bytes, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        table = [cells for _, cells in read_csv(data.decode("utf-8-sig")) if cells]
    except ValueError as error:
        raise BadDataError(f"{path} is not a table ({error})", _AGAIN) from error
    rows = [dict(zip(table[0], cells, strict=False)) for cells in table[1:]]
    for number, row in enumerate(rows, 1):
        if any(row.get(name) is None for name in columns):
            raise BadDataError(f"row {number} of {path} lacks {' or '.join(columns)}", _AGAIN)
    return rows


def _complete(path: Path, found: _Ids, tested: Mapping[str, _Place]) -> _Ids:
    """Return ``found``; refuse a table of other clips than the tree's."""
    for name, place in tested.items():
        if name not in found:
            raise BadDataError(f"{place.path} is not in {path}", _AGAIN)
    extra = sorted(found.keys() - tested.keys())
    if extra:
        raise BadDataError(f"{path} names {extra[0]!r}, which is in nobody's {TEST}", _AGAIN)
    return found

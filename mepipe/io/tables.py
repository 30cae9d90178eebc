"""Features as arrays (.npz) and as tables (.csv), written a block of rows at a time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.datasets.csv_tables import Cell, csv_line, encoded
from mepipe.io.exported_rows import Exported, Selection
from mepipe.schema import FACE_ARRAYS

_FIRST = ("clip", "dataset", "subject", "group", "label", "y")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time stands in the file: equal features, equal bytes


class _Stream:
    """What `zipfile` writes a stream to: an output that cannot go back."""

    def __init__(self, output: disk.Output) -> None:
        self._output = output

    def write(self, data: bytes) -> int:
        self._output.write(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: every write reaches the file."""


def write_npz(selection: Selection, out: Path, into: Path) -> Exported:
    """Write ``features.npz``: x (N, 3, S, S) float32, every column, classes, channels, settings.

    Whatever more the features file holds of a clip is in it under its own name.
    ``np.load`` reads it without unpickling.
    """
    features = selection.features
    private = not FACE_ARRAYS.isdisjoint(features.maps)
    with disk.replacing(into / "features.npz", private=private) as output:
        stream = cast(IO[bytes], _Stream(output))
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name in selection.features.maps:
                _write_map(archive, selection, name)
            for name in features.columns:
                _write_member(archive, name, selection.column(name))
            if features.targets is not None:
                _write_member(archive, "targets", features.targets[list(selection.rows)])
            _write_member(archive, "classes", np.array(features.classes, dtype=np.str_))
            _write_member(archive, "channels", np.array(features.channels, dtype=np.str_))
            settings = json.dumps(features.settings, sort_keys=True, ensure_ascii=False)
            _write_member(archive, "settings", np.array(settings))
    return Exported("npz", out, len(selection.rows), 1)


def _write_map(archive: zipfile.ZipFile, selection: Selection, name: str) -> None:
    blocks = selection.blocks(name)
    first = next(blocks)
    header = {
        "descr": npy.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (len(selection.rows), *first.shape[1:]),
    }
    with _member(archive, name) as member:
        npy.write_array_header_1_0(member, header)
        for block in _with_first(first, blocks):
            member.write(np.ascontiguousarray(block, dtype=first.dtype).tobytes())
            if name == "x":
                for _ in block:
                    selection.advance()


def _with_first(first: NDArray[Any], rest: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    yield first
    yield from rest


def _write_member(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with _member(archive, name) as member:
        npy.write_array(member, array, allow_pickle=False)


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    return archive.open(info, "w", force_zip64=True)


def write_csv(selection: Selection, out: Path, into: Path) -> Exported:
    """Write ``features.csv`` and ``table.csv``, one row a clip, in the same order.

    ``table.csv`` has every column of the features file. ``features.csv`` has clip,
    dataset, subject, group, label and y, then a column for every cell:
    ``u_0_0``, ``u_0_1`` ... ``strain_27_27``, channel, row, column. Nine digits
    give each float32 back exactly. An unknown number that is no whole one is empty.
    """
    features = selection.features
    names = list(features.columns)
    columns = {name: selection.column(name) for name in names}
    with disk.replacing(into / "table.csv") as output:
        output.write(_line(names))
        for number in range(len(selection.rows)):
            output.write(_line(_plain(columns[name][number]) for name in names))
    height, width = features.shape[2:]
    cells = [
        f"{channel}_{row}_{column}"
        for channel in features.channels
        for row in range(height)
        for column in range(width)
    ]
    form = ",%.9g" * len(cells) + "\n"
    with disk.replacing(into / "features.csv") as output:
        output.write(_line([*_FIRST, *cells]))
        number = 0
        for block in selection.blocks("x"):
            lines = []
            for x in block:
                start = _line(_plain(columns[name][number]) for name in _FIRST)
                lines.append(start[:-1] + (form % tuple(x.ravel().tolist())).encode())
                number += 1
                selection.advance()
            output.write(b"".join(lines))
    return Exported("csv", out, len(selection.rows), 2)


def _line(cells: Iterable[Cell]) -> bytes:
    return encoded(csv_line(cells))


def _plain(value: Any) -> Cell:
    if isinstance(value, np.floating):
        return None if np.isnan(value) else float(value)
    return int(value) if isinstance(value, np.integer) else str(value)

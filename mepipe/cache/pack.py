"""The pack: tensors, other maps and columns of a run in one read-only features.h5."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t
from numpy.typing import NDArray

from mepipe.cache.keys import Json, canonical
from mepipe.cache.objects import fixed_text, fixed_texts
from mepipe.cache.sparse_buffer import SparseBuffer
from mepipe.errors import DamageError
from mepipe.schema import CHANNELS, MAPS, PER_TARGET

FORMAT = "mepipe-features"
# 2 added the digests `x_sha256` and `content`; 3 the maps beside x, and `targets`.
FORMAT_VERSION = 3
_DIGEST = h5py.string_dtype("utf-8", 64)

# Column -> how it is stored. An unknown number, null in JSON, is -1 among integers and NaN
# among floats.
COLUMNS: Mapping[str, str] = {
    "clip": "text",
    "dataset": "text",
    "subject": "text",
    "group": "text",
    "emotion": "text",
    "label": "text",
    "y": "int",
    "fps": "float",
    "frames": "int",
    "onset": "int",
    "apex": "int",
    "offset": "int",
    "onset_number": "int",
    "apex_number": "int",
    "offset_number": "int",
    "onset_source": "text",
    "apex_source": "text",
    "offset_source": "text",
    "onset_confidence": "float",
    "apex_confidence": "float",
    "offset_confidence": "float",
    "movement": "bool",
    "au": "text",
    "au_units": "text",
    "object": "text",
}


@dataclass(frozen=True)
class Pack:
    """Everything that decides a features.h5, except the tensors that ``object`` names.

    Parameters
    ----------
    rows
        One mapping per clip with every name of `COLUMNS`, sorted by clip.
    classes
        Class names in the order of ``y``.
    settings
        The settings that decided the features, by section.
    libraries
        Versions of the libraries that computed them.
    targets
        The 0-based positions of each row's target frames, where a map of
        `mepipe.schema.PER_TARGET` is packed.
    flows
        Digests of the flow objects, where their arrays are packed.
    others
        The same of other stages, by stage; ``object`` of a row is that of its tensor.
    """

    rows: Sequence[Mapping[str, Json]]
    classes: Sequence[str]
    settings: Mapping[str, Json]
    libraries: Mapping[str, str]
    targets: Sequence[Sequence[int]] = ()
    flows: Sequence[str] = ()
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parts(self) -> dict[str, Json]:
        """Return all of it in the form that the pack's key contains."""
        others: dict[str, Json] = {"others": self.others} if self.others else {}
        return {
            **others,
            "targets": self.targets,
            "flows": self.flows,
            "rows": self.rows,
            "classes": self.classes,
            "settings": self.settings,
            "libraries": self.libraries,
        }


class Sink(Protocol):
    """The destination of a file: `mepipe.cache.disk.Output`, or memory."""

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""

    def patch(self, position: int, data: bytes) -> None:
        """Overwrite the bytes at ``position`` with ``data``."""


@dataclass(frozen=True)
class Rows:
    """The rows of a map in the order of the pack: the ``shape`` of each, and an iterable."""

    shape: Sequence[int]
    values: Iterable[NDArray[Any]]


def write_pack(
    sink: Sink,
    pack: Pack,
    shape: Sequence[int],
    tensors: Iterable[NDArray[np.float32]],
    maps: Mapping[str, Rows] | None = None,
) -> None:
    """Write features.h5 with one row of one map in memory. Equal content gives equal bytes.

    Parameters
    ----------
    sink
        An empty file.
    pack
        The columns and what they mean.
    shape
        (C, S, S) of each tensor.
    tensors
        One (C, S, S) float32 tensor for each row, in their order.
    maps
        Other maps than x, by their names in `mepipe.schema.MAPS`. They are read in the
        order of that table, each to its end.

    Raises
    ------
    DamageError
        If a row has another shape than its map.
    """
    every = {"x": Rows(shape, tensors), **(maps or {})}
    every = {name: every[name] for name in MAPS if name in every}
    columns = {
        f"columns/{name}": stored_column([row[name] for row in pack.rows], kind)
        for name, kind in COLUMNS.items()
    }
    columns["classes"] = fixed_texts(list(pack.classes))
    columns["channels"] = fixed_texts(list(CHANNELS))
    attributes = {
        "settings": canonical(pack.settings),
        "libraries": canonical(pack.libraries),
    }
    # The digests are known only when all rows were written. Until then they are zeros.
    for name in every:
        columns[f"{name}_sha256"] = np.zeros(len(pack.rows), dtype=_DIGEST)
    if PER_TARGET & every.keys():
        columns["targets"] = np.array(pack.targets, dtype="<i8")
    buffer = SparseBuffer()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = fixed_text(FORMAT)
        file.attrs["format_version"] = np.int64(FORMAT_VERSION)
        for name, text in attributes.items():
            file.attrs[name] = fixed_text(text)
        for name, rows in every.items():
            _reserve(file, name, (len(pack.rows), *rows.shape))
        for name, values in columns.items():
            file.create_dataset(name, data=values)
        file.create_dataset("content", data=np.zeros((), dtype=_DIGEST))
        # A hard link under the usual name of labels.
        file["y"] = file["columns/y"]
        file.flush()
        place = {
            name: file[name].id.get_offset() or 0
            for name in ("content", *every, *(f"{name}_sha256" for name in every))
        }
    # The file is now the buffer with holes for the maps. It is written front to back: a piece of
    # the buffer, the rows of a map, and so on. Then the digests are patched in.
    done = 0
    # HDF5 chooses the offsets, which need not be in the order of creation.
    for name in sorted(every, key=place.__getitem__):
        sink.write(buffer.part(done, place[name]))
        digests, size = _write_rows(sink, name, every[name])
        done = place[name] + size
        columns[f"{name}_sha256"] = np.array([d.encode() for d in digests], dtype=_DIGEST)
    sink.write(buffer.part(done, buffer.size))
    for name in every if pack.rows else ():
        sink.patch(place[f"{name}_sha256"], columns[f"{name}_sha256"].tobytes())
    sink.patch(place["content"], content_digest(attributes, columns).encode())


def _write_rows(sink: Sink, name: str, rows: Rows) -> tuple[list[str], int]:
    """Write a map. Return the digest of each row, and the number of bytes of all."""
    digests, size = [], 0
    for values in rows.values:
        if values.shape != tuple(rows.shape):
            raise DamageError(
                f"a row of {name} has the shape {values.shape} instead of {tuple(rows.shape)}"
            )
        row = np.ascontiguousarray(values, dtype=MAPS[name].dtype)
        sink.write(row.data)
        digests.append(hashlib.sha256(row.data).hexdigest())
        size += row.nbytes
    return digests, size


def content_digest(attributes: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the sha256 of everything in a features.h5 except its maps.

    Their rows have digests of their own, which it includes. Of each text and array,
    in the order of names: the name, the type, the shape and the bytes.
    """
    # NUL bytes separate the fields, so that no two contents give the same stream.
    found = hashlib.sha256()
    for name, text in sorted(attributes.items()):
        found.update(f"{name}\0text\0\0".encode() + text.encode())
    for name, array in sorted(arrays.items()):
        shape = ",".join(map(str, array.shape))
        found.update(f"{name}\0{array.dtype.str}\0{shape}\0".encode() + array.tobytes())
    return found.hexdigest()


def encode_pack(
    pack: Pack, x: NDArray[np.float32], maps: Mapping[str, NDArray[Any]] | None = None
) -> bytes:
    """Return the bytes that `write_pack` writes, for the tensors (N, C, S, S) and other maps."""
    memory = _Memory()
    others = {name: Rows(values.shape[1:], values) for name, values in (maps or {}).items()}
    write_pack(memory, pack, x.shape[1:], x, others)
    return bytes(memory.data)


class _Memory:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        self.data += memoryview(data).cast("B")

    def patch(self, position: int, data: bytes) -> None:
        self.data[position : position + len(data)] = data


def _reserve(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    """Create the dataset of a map with space for its data, and write none."""
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_layout(h5d.CONTIGUOUS)
    # Early allocation fixes the offset of the data. Never filling leaves the space empty, so that
    # the sparse buffer holds no zeros for it.
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    creation.set_obj_track_times(False)  # otherwise the bytes contain the time of creation
    kind = h5t.py_create(np.dtype(MAPS[name].dtype))
    h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), creation)


def stored_column(values: list[Json], kind: str) -> NDArray[Any]:
    """Return a column of `COLUMNS` as it is stored. Text is fixed-length UTF-8."""
    if kind == "text":
        return fixed_texts([str(value) for value in values])
    if kind == "int":
        return np.array([-1 if value is None else value for value in values], dtype=np.int64)
    if kind == "bool":
        return np.array(values, dtype=np.uint8)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

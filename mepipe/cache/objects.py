"""One result as the bytes of one HDF5 file, and back.

The layout is described in ``cache/README.md``. Only plain, contiguous datasets
of numbers and fixed-length UTF-8 strings are written; anything else in a file
is refused when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import Json, canonical
from mepipe.errors import DamageError

FORMAT = "mepipe-object"
FORMAT_VERSION = 1

Array = NDArray[Any]


@dataclass(frozen=True)
class StoredObject:
    """What an object holds.

    ``values`` are the small results that later stages read (and that may enter
    their keys); ``failure`` is set instead where the stage found the data bad.
    """

    stage: str
    version: int
    key: str
    parts: Mapping[str, Any]
    values: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    failure: Mapping[str, Any] | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)


def fixed_text(value: str) -> Array:
    """Return ``value`` as a scalar array of fixed-length UTF-8."""
    data = value.encode()
    return np.array(data, dtype=h5py.string_dtype("utf-8", max(len(data), 1)))


def fixed_texts(values: list[str]) -> Array:
    """Return ``values`` as a 1-D array of fixed-length UTF-8, long enough for the longest."""
    data = [value.encode() for value in values]
    length = max((len(item) for item in data), default=1)
    return np.array(data, dtype=h5py.string_dtype("utf-8", max(length, 1)))


def encode(item: StoredObject) -> bytes:
    """Return the HDF5 file of ``item``. Equal items give equal bytes."""
    with h5py.File.in_memory() as file:
        file.attrs["format"] = fixed_text(FORMAT)
        file.attrs["format_version"] = np.int64(FORMAT_VERSION)
        file.attrs["stage"] = fixed_text(item.stage)
        file.attrs["stage_version"] = np.int64(item.version)
        file.attrs["key"] = fixed_text(item.key)
        texts: dict[str, Json] = {
            "parts": item.parts,
            "values": item.values,
            "libraries": item.libraries,
        }
        if item.failure is not None:
            texts["failure"] = item.failure
        for name in sorted(texts):
            file.create_dataset(name, data=fixed_text(canonical(texts[name])))
        group = file.create_group("arrays")
        for name in sorted(item.arrays):
            group.create_dataset(name, data=np.ascontiguousarray(item.arrays[name]))
        file.flush()
        return bytes(file.id.get_file_image())


def decode(data: bytes) -> StoredObject:
    """Return the object in ``data``.

    Raises
    ------
    DamageError
        If it is no object of mepipe, or of a format newer than this mepipe's.
    """
    try:
        file = h5py.File.in_memory(data)
    except OSError as error:
        raise DamageError(f"not an HDF5 file ({error})") from error
    with file:
        if plain_text(file.attrs.get("format")) != FORMAT:
            raise DamageError("not an object of mepipe")
        if int(file.attrs["format_version"]) > FORMAT_VERSION:
            raise DamageError(
                f"written in format {file.attrs['format_version']}, newer than this mepipe's "
                f"{FORMAT_VERSION}",
                "Update mepipe.",
            )
        texts = {
            name: json.loads(bytes(file[name][()]))
            for name in ("parts", "values", "libraries", "failure")
            if name in file
        }
        arrays: dict[str, Array] = {}
        for name, dataset in file["arrays"].items():
            refuse_unplain(dataset, name)
            arrays[name] = dataset[()]
        return StoredObject(
            stage=plain_text(file.attrs["stage"]),
            version=int(file.attrs["stage_version"]),
            key=plain_text(file.attrs["key"]),
            parts=texts["parts"],
            values=texts["values"],
            arrays=arrays,
            failure=texts.get("failure"),
            libraries=texts["libraries"],
        )


def plain_text(value: object) -> str:
    """Return a fixed-length string attribute as `str` (empty for anything else)."""
    return value.decode() if isinstance(value, bytes) else ""


def refuse_unplain(dataset: object, name: str) -> None:
    """Refuse what is not a plain dataset: external or virtual storage, objects, var-length.

    A virtual dataset whose source is gone reads as zeros, and external storage
    reads any file of the machine; neither is ever written by mepipe.

    Raises
    ------
    DamageError
        Naming the dataset.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise DamageError(f"{name!r} is not a dataset")
    if dataset.is_virtual or dataset.external:
        raise DamageError(f"the data of {name!r} lies outside the file")
    if dataset.dtype.kind not in "biufS":
        raise DamageError(f"{name!r} has the type {dataset.dtype}, which mepipe never writes")

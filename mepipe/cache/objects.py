"""One result as the bytes of one HDF5 file, and back.

``docs/reference/cache-format.md`` describes the layout. Only plain, contiguous
datasets of numbers and fixed-length UTF-8 strings are written; anything else in
a file is refused when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import Json, canonical, object_key
from mepipe.cache.plain import (
    damage,
    plain_array,
    plain_attribute,
    plain_attributes,
    plain_group,
    plain_names,
    plain_text,
)
from mepipe.errors import DamageError

FORMAT = "mepipe-object"
FORMAT_VERSION = 1

_ATTRIBUTES = {"format", "format_version", "stage", "stage_version", "key"}
_TEXTS = {"parts", "values", "libraries"}

Array = NDArray[Any]
Declaration: TypeAlias = Mapping[str, tuple[str, int]]


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
        If it is no object of mepipe, is of a format newer than this mepipe's,
        holds anything that mepipe never writes, or is not what its key says.
    """
    with damage("the file"):
        try:
            file = h5py.File.in_memory(data)
        except OSError as error:
            raise DamageError(f"not an HDF5 file ({error})") from error
        with file:
            return _checked(file)


def _checked(file: h5py.File) -> StoredObject:
    if plain_attribute(file, "format") != FORMAT:
        raise DamageError("not an object of mepipe")
    version = plain_attribute(file, "format_version")
    if not isinstance(version, int) or version < 1:
        raise DamageError("its format has no version")
    if version > FORMAT_VERSION:
        raise DamageError(
            f"written in format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    if file.userblock_size:
        raise DamageError("something stands before the HDF5 file")
    attributes = plain_attributes(file, _ATTRIBUTES)
    found = set(plain_names(file)) - {"arrays", "failure"}
    if found != _TEXTS:
        raise DamageError(f"it holds {sorted(found)} instead of {sorted(_TEXTS)}")
    texts = {
        name: json.loads(plain_text(plain_array(file, name)))
        for name in (*sorted(_TEXTS), "failure")
        if name in file
    }
    if not all(isinstance(value, dict) for value in texts.values()):
        raise DamageError("its texts are not what they should be")
    group = plain_group(file, "arrays")
    arrays = {name: plain_array(group, name) for name in plain_names(group)}
    item = StoredObject(
        stage=str(attributes["stage"]),
        version=int(attributes["stage_version"]),
        key=str(attributes["key"]),
        parts=texts["parts"],
        values=texts["values"],
        arrays=arrays,
        failure=texts.get("failure"),
        libraries=texts["libraries"],
    )
    if object_key(item.stage, item.version, item.parts) != item.key:
        raise DamageError("its key is not that of what it says it was made of")
    return item


def refuse_undeclared(item: StoredObject, declared: Declaration) -> None:
    """Refuse arrays that the stage of ``item`` does not give.

    Parameters
    ----------
    item
        What was read.
    declared
        (dtype, number of dimensions) of every array that the stage may give, by name.

    Raises
    ------
    DamageError
        Naming the array.
    """
    for name, array in item.arrays.items():
        kind, dimensions = declared.get(name, ("", 0))
        if name not in declared or array.dtype != np.dtype(kind) or array.ndim != dimensions:
            raise DamageError(
                f"its array {name!r} ({array.dtype}, {array.ndim} dimensions) is none that "
                f"the stage {item.stage} gives"
            )

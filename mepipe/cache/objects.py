"""Encode one result as the bytes of an HDF5 file, and decode it.

``docs/reference/cache-format.md`` describes the layout. Only plain, contiguous
datasets of numbers and fixed-length UTF-8 strings are written. Reading refuses
anything else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t
from numpy.typing import NDArray

from mepipe.cache.declared import Declaration, Declared
from mepipe.cache.keys import Json, canonical, object_key
from mepipe.cache.safe_hdf5 import (
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
# Bytes by which a file in memory grows. h5py's default; the content does not depend on it.
_BLOCK = 64 * 1024

_ATTRIBUTES = {"format", "format_version", "stage", "stage_version", "key"}
_TEXTS = {"parts", "values", "libraries"}

Array = NDArray[Any]


@dataclass(frozen=True)
class StoredObject:
    """The content of an object.

    ``values`` are the small results that later stages read and that may enter their
    keys. ``failure`` is set instead if the stage raised `BadDataError`.
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
    """Return the HDF5 file of ``item``. Equal items give equal bytes.

    It uses the low-level functions of h5py: its objects would take more than half of
    the time. The bytes are the same.
    """
    access, creation = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    access.set_fapl_core(_BLOCK, False)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    creation.set_obj_track_times(False)  # otherwise the bytes contain the time of creation
    file = h5f.create(_name_in_memory(), h5f.ACC_EXCL, fcpl=creation, fapl=access)
    # Everything is written in a fixed order, because the order decides the bytes.
    try:
        _write_text(file, "format", FORMAT, attribute=True)
        _write_number(file, "format_version", FORMAT_VERSION)
        _write_text(file, "stage", item.stage, attribute=True)
        _write_number(file, "stage_version", item.version)
        _write_text(file, "key", item.key, attribute=True)
        texts: dict[str, Json] = {
            "parts": item.parts,
            "values": item.values,
            "libraries": item.libraries,
        }
        if item.failure is not None:
            texts["failure"] = item.failure
        for name_of_text in sorted(texts):
            _write_text(file, name_of_text, canonical(texts[name_of_text]))
        group = h5g.create(file, b"arrays")
        for name_of_array in sorted(item.arrays):
            array = np.ascontiguousarray(item.arrays[name_of_array])
            kind, space = h5t.py_create(array.dtype, logical=True), h5s.create_simple(array.shape)
            dataset = h5d.create(group, name_of_array.encode(), kind, space, _untimed())
            dataset.write(h5s.ALL, h5s.ALL, array)
        h5f.flush(file)
        return bytes(file.get_file_image())
    finally:
        file.close()


def _untimed() -> h5p.PropDCID:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)  # otherwise the bytes contain the time of creation
    return creation


def _write_text(file: h5f.FileID, name: str, text: str, *, attribute: bool = False) -> None:
    value = fixed_text(text)
    kind, space = h5t.py_create(value.dtype, logical=True), h5s.create(h5s.SCALAR)
    if attribute:
        h5a.create(file, name.encode(), kind, space).write(value)
    else:
        h5d.create(file, name.encode(), kind, space, _untimed()).write(h5s.ALL, h5s.ALL, value)


def _write_number(file: h5f.FileID, name: str, number: int) -> None:
    value = np.array(number, dtype="<i8")
    h5a.create(file, name.encode(), h5t.STD_I64LE, h5s.create(h5s.SCALAR)).write(value)


def decode(data: bytes) -> StoredObject:
    """Return the object in ``data``.

    Raises
    ------
    DamageError
        If it is no object of mepipe, has a newer format, contains anything that
        mepipe never writes, or does not match its key.
    """
    with damage("the file"):
        try:
            file = _opened(data)
        except OSError as error:
            raise DamageError(f"not an HDF5 file ({error})") from error
        try:
            return _checked(h5py.Group(h5g.open(file, b"/")), file)
        finally:
            file.close()


def _opened(data: bytes) -> h5f.FileID:
    """Open a file in memory. `h5py.File.in_memory` does the same in seven times the time."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(_BLOCK, False)
    access.set_file_image(data)
    # Closing the file closes what was opened in it.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    return h5f.open(_name_in_memory(), h5f.ACC_RDONLY, fapl=access)


def _name_in_memory() -> bytes:
    # No such file is created, but files in memory that are open at once need different names.
    return f"object-{threading.get_ident()}".encode()


def _checked(root: h5py.Group, file: h5f.FileID) -> StoredObject:
    if plain_attribute(root, "format") != FORMAT:
        raise DamageError("not an object of mepipe")
    version = plain_attribute(root, "format_version")
    if not isinstance(version, int) or version < 1:
        raise DamageError("its format has no version")
    if version > FORMAT_VERSION:
        raise DamageError(
            f"written in format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    # HDF5 allows foreign bytes before its data, for example a script. mepipe writes none.
    if file.get_create_plist().get_userblock():
        raise DamageError("there are other bytes before the HDF5 data")
    attributes = plain_attributes(root, _ATTRIBUTES)
    names = set(plain_names(root))
    found = names - {"arrays", "failure"}
    if found != _TEXTS:
        raise DamageError(f"it holds {sorted(found)} instead of {sorted(_TEXTS)}")
    texts = {
        name: json.loads(plain_text(plain_array(root, name)))
        for name in (*sorted(_TEXTS), "failure")
        if name in names
    }
    if not all(isinstance(value, dict) for value in texts.values()):
        raise DamageError("its texts are not JSON objects")
    group = plain_group(root, "arrays")
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
    # The digest in the name only shows that the bytes are those that were written. This shows
    # that they belong to the key.
    if object_key(item.stage, item.version, item.parts) != item.key:
        raise DamageError("its key does not match its parts")
    return item


def refuse_undeclared(item: StoredObject, declared: Declaration) -> None:
    """Check that ``item`` has no arrays but those that its stage declares, and fitting values.

    Parameters
    ----------
    item
        The object that was read.
    declared
        (dtype, number of dimensions) of every array of the stage, by name; `Declared` checks more.

    Raises
    ------
    DamageError
        If it has. The message names the array.
    """
    for name, array in item.arrays.items():
        kind, dimensions = declared.get(name, ("", 0))
        if name not in declared or array.dtype != np.dtype(kind) or array.ndim != dimensions:
            raise DamageError(
                f"its array {name!r} ({array.dtype}, {array.ndim} dimensions) is not an "
                f"array of the stage {item.stage}"
            )
    if isinstance(declared, Declared) and not declared.fits(item):
        raise DamageError(f"its values are not those of the stage {item.stage}")

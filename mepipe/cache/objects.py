"""Encode one result as the bytes of an HDF5 file, and decode it.

``docs/reference/cache-format.md`` describes the layout. What is laid out as an earlier file is
written and read without HDF5 (`mepipe.cache.layouts`), everything else through it
(`mepipe.cache.object_files`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.declared import Declaration, Declared
from mepipe.cache.keys import Json, canonical, object_key
from mepipe.cache.layouts import Layout, Layouts
from mepipe.cache.object_files import Content, fixed, lay_out, read_checked
from mepipe.errors import DamageError

Array = NDArray[Any]

# Of files that were written, by what their content is like; of files that were read, by length.
_WRITTEN, _READ = Layouts(), Layouts()


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
    return fixed(value.encode())


def fixed_texts(values: list[str]) -> Array:
    """Return ``values`` as a 1-D array of fixed-length UTF-8, long enough for the longest."""
    data = [value.encode() for value in values]
    return fixed(data, max((len(item) for item in data), default=1))


def encode(item: StoredObject) -> bytes:
    """Return the HDF5 file of ``item``. Equal items give equal bytes."""
    values: dict[str, Json] = {
        "parts": item.parts,
        "values": item.values,
        "libraries": item.libraries,
    }
    if item.failure is not None:
        values["failure"] = item.failure
    content = Content(
        item.stage,
        item.version,
        item.key,
        # Everything is written in a fixed order, because the order decides the bytes.
        {name: canonical(values[name]).encode() for name in sorted(values)},
        {name: np.ascontiguousarray(item.arrays[name]) for name in sorted(item.arrays)},
    )
    alike = _alike(content)
    for layout in _WRITTEN.of(alike):
        return layout.filled(content.key.encode(), content.texts, content.arrays)
    data, found = lay_out(content)
    if alike is not None:
        _WRITTEN.keep(alike, found)
    return data


def _alike(content: Content) -> object | None:
    """Return what decides the layout of an object. None if that is not known of its arrays."""
    if not all(array.dtype.kind in "iuf" for array in content.arrays.values()):
        return None
    return (
        content.stage,
        content.version,
        len(content.key.encode()),
        tuple((name, len(text)) for name, text in content.texts.items()),
        tuple((name, array.dtype.str, array.shape) for name, array in content.arrays.items()),
    )


def decode(data: bytes) -> StoredObject:
    """Return the object in ``data``.

    Raises
    ------
    DamageError
        If it is no object of mepipe, has a newer format, contains anything that
        mepipe never writes, or does not match its key.
    """
    for layout in _READ.of(len(data)):
        known = _read_by(layout, data)
        if known is not None:
            return known
    content, texts, found = read_checked(data)
    _READ.keep(len(data), found)
    return _stored(content.stage, content.version, content.key, texts, content.arrays)


def _read_by(layout: Layout, data: bytes) -> StoredObject | None:
    """Return the object in ``data`` if it has this layout and nothing is wrong with it."""
    if not layout.frames(data):
        return None
    try:
        texts = {name: json.loads(data[a:b].decode()) for name, (a, b) in layout.texts.items()}
        key = data[slice(*layout.key)].decode()
        if not all(isinstance(value, dict) for value in texts.values()):
            return None
        if object_key(layout.stage, layout.version, texts["parts"]) != key:
            return None
    except (ValueError, RecursionError):
        # HDF5 may read it another way, or say what is wrong with it.
        return None
    arrays = {name: layout.array(data, name) for name in layout.arrays}
    return _stored(layout.stage, layout.version, key, texts, arrays)


def _stored(
    stage: str, version: int, key: str, texts: Mapping[str, Any], arrays: Mapping[str, Array]
) -> StoredObject:
    return StoredObject(
        stage=stage,
        version=version,
        key=key,
        parts=texts["parts"],
        values=texts["values"],
        arrays=arrays,
        failure=texts.get("failure"),
        libraries=texts["libraries"],
    )


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

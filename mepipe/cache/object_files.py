"""The HDF5 file of an object, as HDF5 lays it out and reads it.

Only plain, contiguous datasets of numbers and fixed-length UTF-8 strings are written. Reading
refuses anything else. The low-level functions of h5py are used: its objects would take more than
half of the time. The bytes are the same.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t
from numpy.typing import NDArray

from mepipe.cache.keys import object_key
from mepipe.cache.layouts import Layout, Place, Span, layout_of
from mepipe.cache.safe_hdf5 import (
    damage,
    plain_array_at,
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


class Content(NamedTuple):
    """What the file of an object holds: the texts as UTF-8, the arrays contiguous."""

    stage: str
    version: int
    key: str
    texts: Mapping[str, bytes]
    arrays: Mapping[str, Array]


def fixed(data: bytes | list[bytes], length: int | None = None) -> Array:
    """Return UTF-8 as an array of fixed-length text: of its own length, or of ``length``."""
    if length is None:
        length = len(data)
    return np.array(data, dtype=h5py.string_dtype("utf-8", max(length, 1)))


def lay_out(content: Content) -> tuple[bytes, Layout | None]:
    """Return the file as HDF5 makes it, in the order of the content, and its layout.

    Equal content in the same order gives equal bytes. There may be no layout that can be used
    again.
    """
    access, creation = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    access.set_fapl_core(_BLOCK, False)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    creation.set_obj_track_times(False)  # otherwise the bytes contain the time of creation
    file = h5f.create(_name_in_memory(), h5f.ACC_EXCL, fcpl=creation, fapl=access)
    try:
        _attribute(file, "format", fixed(FORMAT.encode()))
        _attribute(file, "format_version", np.array(FORMAT_VERSION, "<i8"))
        _attribute(file, "stage", fixed(content.stage.encode()))
        _attribute(file, "stage_version", np.array(content.version, "<i8"))
        _attribute(file, "key", fixed(content.key.encode()))
        texts: dict[str, Span] = {}
        for name, text in content.texts.items():
            start = _dataset(file, name, fixed(text))
            texts[name] = (start, start + len(text))
        group = h5g.create(file, b"arrays")
        arrays = {
            name: Place(_dataset(group, name, array), array.dtype, array.shape)
            for name, array in content.arrays.items()
        }
        h5f.flush(file)
        data = bytes(file.get_file_image())
    finally:
        file.close()
    return data, layout_of(data, *content[:3], texts, arrays)


def _attribute(file: h5f.FileID, name: str, value: Array) -> None:
    kind, space = h5t.py_create(value.dtype, logical=True), h5s.create(h5s.SCALAR)
    h5a.create(file, name.encode(), kind, space).write(value)


def _dataset(group: h5f.FileID | h5g.GroupID, name: str, content: Array) -> int:
    """Write a dataset, and return where its content begins: at 0 if it is empty."""
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)  # otherwise the bytes contain the time of creation
    kind = h5t.py_create(content.dtype, logical=True)
    space = h5s.create_simple(content.shape) if content.ndim else h5s.create(h5s.SCALAR)
    dataset = h5d.create(group, name.encode(), kind, space, creation)
    dataset.write(h5s.ALL, h5s.ALL, content)
    return int(dataset.get_offset()) if content.size else 0


def read_checked(data: bytes) -> tuple[Content, dict[str, Any], Layout | None]:
    """Return what an object's file holds, its texts parsed, and its layout, after every check.

    Raises
    ------
    DamageError
        If it is no object of mepipe, has a newer format, contains anything that mepipe never
        writes, or does not match its key.
    """
    with damage("the file"):
        try:
            file = _opened(data)
        except OSError as error:
            raise DamageError(f"not an HDF5 file ({error})") from error
        try:
            return _checked(data, h5py.Group(h5g.open(file, b"/")), file)
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


def _checked(
    data: bytes, root: h5py.Group, file: h5f.FileID
) -> tuple[Content, dict[str, Any], Layout | None]:
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
        name: plain_array_at(root, name) for name in (*sorted(_TEXTS), "failure") if name in names
    }
    parsed = {name: json.loads(plain_text(text)) for name, (text, _) in texts.items()}
    if not all(isinstance(value, dict) for value in parsed.values()):
        raise DamageError("its texts are not JSON objects")
    group = plain_group(root, "arrays")
    arrays = {name: plain_array_at(group, name) for name in plain_names(group)}
    content = Content(
        str(attributes["stage"]),
        int(attributes["stage_version"]),
        str(attributes["key"]),
        {name: text.tobytes() for name, (text, _) in texts.items()},
        {name: array for name, (array, _) in arrays.items()},
    )
    # The digest in the name only shows that the bytes are those that were written. This shows
    # that they belong to the key.
    if object_key(content.stage, content.version, parsed["parts"]) != content.key:
        raise DamageError("its key does not match its parts")
    return content, parsed, _layout(data, content, texts, arrays)


def _layout(
    data: bytes,
    content: Content,
    texts: Mapping[str, tuple[Array, int | None]],
    arrays: Mapping[str, tuple[Array, int | None]],
) -> Layout | None:
    """Return the layout of a file that was read. None where HDF5 converted something."""
    spans: dict[str, Span] = {}
    for name, (text, start) in texts.items():
        if start is None:
            return None
        spans[name] = (start, start + text.nbytes)
    places: dict[str, Place] = {}
    for name, (array, start) in arrays.items():
        if start is None:
            return None
        places[name] = Place(start, array.dtype, array.shape)
    return layout_of(data, *content[:3], spans, places)

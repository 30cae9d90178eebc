"""Safe reading of HDF5 from any source: only what mepipe itself writes is accepted.

HDF5 can refer to data in other files, define data as a view of a missing file (which
reads as zeros), nest types without end, and declare a petabyte in a kilobyte. So
nothing is read before it is known to be a contiguous dataset of numbers or
fixed-length strings whose bytes are within the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5i, h5l, h5o, h5s, h5t
from numpy.typing import NDArray

from mepipe.errors import DamageError, MepipeError

_PLAIN = {h5t.INTEGER, h5t.FLOAT}
# The errors that h5py raises for inconsistent files. Any other error is a bug.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)


@contextmanager
def damage(what: str) -> Iterator[None]:
    """Turn errors of HDF5 in the body into a `DamageError` about ``what``."""
    try:
        yield
    except MepipeError:
        # A more exact message from a nested check.
        raise
    except _HDF5_ERRORS as error:
        raise DamageError(f"{what} cannot be read ({error})") from error


def plain_names(group: h5py.Group) -> list[str]:
    """Return the names in ``group``.

    Raises
    ------
    DamageError
        If one of them is a link to another name or another file.
    """
    with damage("the list of names"):
        found = list(group)
        for name in found:
            if not isinstance(name, str):  # h5py returns bytes for names that are not UTF-8
                raise DamageError(f"{name!r} is not a name that mepipe writes")
            _refuse_link(group, name)
        return found


def plain_group(group: h5py.Group, name: str) -> h5py.Group:
    """Return the group ``name`` in ``group``.

    Raises
    ------
    DamageError
        If it does not exist, is a link, or has attributes.
    """
    with damage(repr(name)):
        _refuse_link(group, name)
        found = group[name]
        if not isinstance(found, h5py.Group):
            raise DamageError(f"{name!r} is not a group")
        plain_attributes(found, set())
        return found


def plain_dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return the dataset ``name`` in ``group``, checked but not read.

    Raises
    ------
    DamageError
        If it does not exist, is a link, is stored outside the file or in
        chunks, or has a type that mepipe never writes; or if its bytes do not
        match its shape or are not within the file.
    """
    return h5py.Dataset(_plain_dataset(group, name)[0])


def plain_array(group: h5py.Group, name: str) -> NDArray[Any]:
    """Return the content of the dataset ``name``. Raises as `plain_dataset`."""
    return plain_array_at(group, name)[0]


def plain_array_at(group: h5py.Group, name: str) -> tuple[NDArray[Any], int | None]:
    """Return the content of the dataset ``name``, and where in the file its bytes begin.

    Raises as `plain_dataset`. An empty one begins at 0. None, if the bytes in the file are not
    those of the content: HDF5 converts types that numpy has not.

    It uses the low-level functions of h5py, as `plain_attribute` does: its objects would take more
    than half of the time of reading an object.
    """
    dataset, kind, shape = _plain_dataset(group, name)
    with damage(repr(name)):
        content = np.empty(shape, kind.dtype)
        if not content.size:
            return content, 0
        dataset.read(h5s.ALL, h5s.ALL, content)
        as_it_is = kind.equal(h5t.py_create(content.dtype, logical=True))
        return content, dataset.get_offset() if as_it_is else None


def _plain_dataset(
    group: h5py.Group, name: str
) -> tuple[h5d.DatasetID, h5t.TypeID, tuple[int, ...]]:
    """Return a dataset, its type and its shape."""
    with damage(repr(name)):
        _refuse_link(group, name)
        dataset = h5o.open(group.id, name.encode())
        if not isinstance(dataset, h5d.DatasetID):
            raise DamageError(f"{name!r} is not a dataset")
        _require_attributes(dataset, set())
        # The properties are read without touching the data.
        creation = dataset.get_create_plist()
        layout = creation.get_layout()
        if layout == h5d.VIRTUAL or creation.get_external_count():
            raise DamageError(f"the data of {name!r} lies outside the file")
        if layout != h5d.CONTIGUOUS or creation.get_nfilters():
            raise DamageError(f"the data of {name!r} is chunked, compact or compressed")
        kind = dataset.get_type()
        _refuse_type(kind, name)
        space = dataset.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            raise DamageError(f"{name!r} has no shape")
        # As Python integers: a declared shape can overflow 64 bits.
        shape = tuple(map(int, space.shape))
        size = math.prod(shape) * kind.dtype.itemsize
        if dataset.get_storage_size() != size:
            raise DamageError(
                f"the data of {name!r} does not have the length that its shape requires"
            )
        if size and not 0 < dataset.get_offset() <= h5i.get_file_id(group.id).get_filesize() - size:
            raise DamageError(f"the data of {name!r} lies outside the file")
        return dataset, kind, shape


def plain_attributes(item: h5py.Group | h5py.Dataset, expected: Set[str]) -> dict[str, str | int]:
    """Return the attributes of ``item``, which must be exactly those ``expected``.

    Texts are returned as `str`, numbers as `int`.

    Raises
    ------
    DamageError
        If there are others, one is missing, or one is not a plain scalar.
    """
    return _require_attributes(item.id, expected)


def _require_attributes(
    item: h5g.GroupID | h5d.DatasetID, expected: Set[str]
) -> dict[str, str | int]:
    with damage("an attribute"):
        found = {name: _attribute(item, name) for name in expected}
        given = {name: value for name, value in found.items() if value is not None}
        if h5a.get_num_attrs(item) != len(expected) or len(given) != len(expected):
            raise DamageError("its attributes are not those of a mepipe file")
        return given


def plain_attribute(item: h5py.Group | h5py.Dataset, name: str) -> str | int | None:
    """Return a scalar attribute, or None if it does not exist. Raises as `plain_attributes`."""
    return _attribute(item.id, name)


def _attribute(item: h5g.GroupID | h5d.DatasetID, name: str) -> str | int | None:
    with damage(f"the attribute {name!r}"):
        if not h5a.exists(item, name.encode()):
            return None
        attribute = h5a.open(item, name.encode())
        _refuse_type(attribute.get_type(), name)
        if attribute.shape != ():
            raise DamageError(f"the attribute {name!r} is not a single value")
        content = np.empty((), attribute.dtype)
        attribute.read(content)
        value: Any = content[()]
        return value.decode() if isinstance(value, bytes) else int(value)


def plain_text(value: object) -> str:
    """Return the text of a scalar array of fixed-length UTF-8.

    Raises
    ------
    DamageError
        If it is something else.
    """
    found = value[()] if isinstance(value, np.ndarray) else value
    if not isinstance(found, bytes):
        raise DamageError("a text is not stored as fixed-length UTF-8")
    with damage("a text"):
        return found.decode()


def _refuse_link(group: h5py.Group, name: str) -> None:
    if not group.id.links.exists(name.encode()):
        raise DamageError(f"{name!r} is missing")
    if group.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise DamageError(f"{name!r} is a link to something else")


def _refuse_type(kind: h5t.TypeID, name: str) -> None:
    fixed_text = kind.get_class() == h5t.STRING and not kind.is_variable_str()
    if not fixed_text and kind.get_class() not in _PLAIN:
        raise DamageError(f"{name!r} has a type that mepipe never writes")

"""One features.h5: checked when it is opened, its maps read by row.

The maps lie in one piece each, so a row is read straight from its place in the
file: as fast as from an array on disk, and checked against its digest on the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.pack import COLUMNS, FORMAT, FORMAT_VERSION, content_digest
from mepipe.cache.safe_hdf5 import (
    damage,
    plain_array,
    plain_attribute,
    plain_attributes,
    plain_dataset,
    plain_group,
    plain_names,
    plain_text,
)
from mepipe.errors import DamageError, UsageError
from mepipe.features.source import About
from mepipe.regular_files import regular
from mepipe.schema import MAPS, PER_TARGET

_ATTRIBUTES = {"format", "format_version", "settings", "libraries"}
_NAMES = {"x", "y", "classes", "channels", "columns"}
_DTYPES: dict[str, type[np.generic]] = {"int": np.int64, "float": np.float64, "bool": np.bool_}
_KINDS = {"text": "S", "int": "i", "float": "f", "bool": "u"}
_AGAIN = "Run `mepipe run` to write it again."
_CHANGED = "it was changed after it was opened"

_AT_ONCE = 1 << 26  # bytes
_SEEKING = threading.Lock()  # where there is no pread, the place of a file is one for all threads
_HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of every HDF5 file


class FeatureFile:
    """A features.h5 as a `mepipe.features.source.Source`.

    Raises
    ------
    UsageError
        If there is no such file, or it is no features file, or too new a one.
    DamageError
        If it is damaged, or holds what mepipe never writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _open(path) as (file, version):
            self._identity = _identity(path)
            found = plain_attributes(file, _ATTRIBUTES)
            texts = {name: str(found[name]) for name in ("settings", "libraries")}
            there = set(plain_names(file))
            # Maps beside x, since version 3.
            names = [name for name in MAPS if name == "x" or (version > 2 and name in there)]
            digests = [f"{name}_sha256" for name in names] if version > 1 else []
            # The positions of frames, where a map shows some.
            extra = ["targets"] if PER_TARGET & set(names) else []
            expected = _NAMES | set(names) | set(digests) | set(extra)
            if there != expected | ({"content"} if version > 1 else set()):
                raise DamageError("it holds other datasets than it should")
            group = plain_group(file, "columns")
            if set(plain_names(group)) != set(COLUMNS):
                raise DamageError("it has other columns than it should")
            stored = {f"columns/{name}": plain_array(group, name) for name in COLUMNS}
            for name in ("classes", "channels", *digests, *extra):
                stored[name] = plain_array(file, name)
            if version > 1:
                content = plain_text(plain_array(file, "content"))
                if content_digest(texts, stored) != content:
                    raise DamageError("its content does not match its digest")
            with damage("its settings"):
                settings, libraries = (_object(texts[name]) for name in ("settings", "libraries"))
            maps = {name: plain_dataset(file, name) for name in names}
            if not maps["x"].shape:
                raise DamageError("x is a single number")
            count = maps["x"].shape[0]
            self.about = About(
                classes=tuple(_text(stored["classes"]).tolist()),
                channels=tuple(_text(stored["channels"]).tolist()),
                columns={
                    name: checked_column(name, kind, stored[f"columns/{name}"], count)
                    for name, kind in COLUMNS.items()
                },
                settings=settings,
                libraries=libraries,
                shapes={name: item.shape for name, item in maps.items()},
                targets=_positions(stored["targets"]) if extra else None,
            )
            _check(self.about, maps)
            # An empty dataset has no place.
            self._offsets = {name: item.id.get_offset() or 0 for name, item in maps.items()}
            self._digests = {
                name: stored[f"{name}_sha256"].tolist() for name in names if version > 1
            }
        self._descriptor: int | None = None
        self._seen: dict[str, NDArray[np.bool_]] = {}

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def read(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows of a map; see `mepipe.features.source.Source.read`.

        A row is checked when it is first read; a process that gets a copy of
        this object (a DataLoader's worker) opens and checks for itself.
        """
        if name not in self._seen:
            self._seen[name] = np.zeros(len(self.about), dtype=np.bool_)
        found = self._rows(name, rows)
        digests, seen = self._digests.get(name), self._seen[name]
        if digests is not None and not seen[rows].all():
            for data, row in zip(found, rows.tolist(), strict=True):
                if not seen[row]:
                    if hashlib.sha256(data).hexdigest().encode() != digests[row]:
                        clip = self.about.columns["clip"][row]
                        what = "tensor" if name == "x" else name
                        raise DamageError(
                            f"{self.path} is damaged: the {what} of {clip} does not match its "
                            "digest",
                            _AGAIN,
                        )
                    seen[row] = True
        return found

    def _rows(self, name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Read rows from their places, each run of neighbours at once.

        A memory map is as fast, but a file that is cut off while it is mapped ends the process.
        """
        found = np.empty((len(rows), *self.about.shapes[name][1:]), np.dtype(MAPS[name].dtype))
        if not found.size:
            return found
        length = found.nbytes // len(rows)
        target = found.data.cast("B")
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        first = 0
        for end in ends:
            place = self._offsets[name] + int(rows[first]) * length
            self._fill(target[first * length : end * length], place)
            first = end
        return found

    def _fill(self, target: memoryview, place: int) -> None:
        descriptor = self._descriptor if self._descriptor is not None else self._opened()
        while target:
            data = _read_at(descriptor, min(len(target), _AT_ONCE), place)
            if not data:
                raise DamageError(f"{self.path}: {_CHANGED}", "Load it again.")
            target[: len(data)] = data
            target, place = target[len(data) :], place + len(data)

    def _opened(self) -> int:
        """Open the file for reading rows. It stays open: another file may take its place."""
        try:
            descriptor = regular(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError as error:
            raise DamageError(f"{self.path} is gone", "Give the file's new place.") from error
        weakref.finalize(self, os.close, descriptor)
        found = os.fstat(descriptor)
        if (found.st_size, found.st_mtime_ns) != self._identity:
            raise DamageError(f"{self.path}: {_CHANGED}", "Load it again.")
        self._descriptor = descriptor
        return descriptor

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_descriptor": None, "_seen": {}}


def _read_at(descriptor: int, length: int, place: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, place)
    with _SEEKING:
        os.lseek(descriptor, place, os.SEEK_SET)
        return os.read(descriptor, length)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def refuse_no_file(path: Path) -> None:
    """Raise UsageError unless there is a file at ``path``."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"Give the file: {path / 'features.h5'}")
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "`mepipe run DATASET` writes features.h5.")


@contextmanager
def _open(path: Path) -> Iterator[tuple[h5py.File, int]]:
    """Open a features.h5 for the body; damage that is found there names the file."""
    refuse_no_file(path)
    try:
        file = _unlocked(path)
    except OSError as error:
        with path.open("rb") as raw:
            if raw.read(8) not in {_HDF5, b""}:
                raise UsageError(
                    f"{path} is not a features file of mepipe", "Give a features.h5."
                ) from error
        raise DamageError(f"{path} cannot be opened as HDF5: {error}", _AGAIN) from error
    try:
        with file:
            yield file, _version(file, path)
    except DamageError as error:
        raise DamageError(f"{path} is damaged: {error.message}", _AGAIN) from error


def _unlocked(path: Path) -> h5py.File:
    """Open for reading, even if another process has the file open.

    HDF5's own lock is not needed: the digests show whether the content is whole.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except OSError:
        # HDF5 opens a file only in one way in a process, and this one may have it open.
        return h5py.File(path, "r")


def _version(file: h5py.File, path: Path) -> int:
    version = plain_attribute(file, "format_version")
    if plain_attribute(file, "format") != FORMAT or not isinstance(version, int):
        raise UsageError(f"{path} is not a features file of mepipe", "Give a features.h5.")
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{path} has the format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    return version


def _text(values: NDArray[Any]) -> NDArray[np.str_]:
    if values.dtype.kind != "S" or values.ndim != 1:
        raise DamageError("a list of texts is stored as something else")
    with damage("a text"):
        return np.array([item.decode() for item in values.tolist()], dtype=np.str_)


def checked_column(name: str, kind: str, values: NDArray[Any], count: int) -> NDArray[Any]:
    """Return a stored column of `COLUMNS` as it is used; DamageError if it is none."""
    if values.dtype.kind != _KINDS[kind] or values.shape != (count,):
        raise DamageError(f"x and its column {name!r} differ in length, or that is no {kind}")
    if kind == "text":
        return _text(values)
    # Whatever the width and the order of the bytes: not every library takes every type.
    with np.errstate(over="ignore"):
        return values.astype(_DTYPES[kind], copy=False)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise DamageError("its settings or libraries are no table")
    return found


def _positions(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind not in "iu":
        raise DamageError("targets holds no positions")
    return values.astype(np.int64)


def _check(about: About, maps: Mapping[str, h5py.Dataset]) -> None:
    """Raise DamageError where a map, the positions or the classes do not fit."""
    for name, item in maps.items():
        if item.dtype != np.dtype(MAPS[name].dtype) or len(item.shape) != MAPS[name].dimensions:
            raise DamageError(
                f"{name} is {item.dtype} of shape {item.shape}, which mepipe never writes"
            )
        if 0 in item.shape[1:] or item.shape[-1] != item.shape[-2]:
            raise DamageError(f"{name} has the shape {item.shape}, which mepipe never writes")
        if item.shape[0] != len(about):
            raise DamageError(f"x and {name} differ in length")
    if maps["x"].shape[1] != len(about.channels):
        raise DamageError(f"x has the shape {maps['x'].shape}, but its channels have other names")
    frames = about.targets
    if frames is not None and (frames.ndim != 2 or len(frames) != len(about)):
        raise DamageError(f"targets has the shape {frames.shape}, which mepipe never writes")
    y = about.columns["y"]
    if len(y) and not -1 <= y.min() <= y.max() < len(about.classes):
        raise DamageError("a clip has a class that is none of its classes")

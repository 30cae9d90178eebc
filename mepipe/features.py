"""Reading features.h5, with nothing but numpy and h5py.

>>> features = mepipe.load("features.h5")      # doctest: +SKIP
>>> features.x.shape, features.y.shape         # doctest: +SKIP
((36, 3, 28, 28), (36,))
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.pack import COLUMNS, FORMAT, FORMAT_VERSION, MAPS, OF_TARGETS, content_digest
from mepipe.cache.plain import (
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

if TYPE_CHECKING:
    import pandas as pd
    from torch.utils.data import Dataset

Text = NDArray[np.str_]

_ATTRIBUTES = {"format", "format_version", "settings", "libraries"}
_NAMES = {"x", "y", "classes", "channels", "columns"}
_DIGESTS = {"x_sha256", "content"}  # since version 2
_KINDS = {"text": "S", "int": "i", "float": "f", "bool": "u"}
_AGAIN = "Run `mepipe run` again to write it anew."

_HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of every HDF5 file


class Features:
    """The content of a features.h5.

    Columns are read at once (they are small), ``x`` on first use.

    Attributes
    ----------
    path : Path
        The file.
    classes, channels : tuple of str
        Class names in the order of ``y``; what the channels of ``x`` are.
    y : (N,) int64
        Class of each clip; -1 for a clip outside the classes or without label.
    clip, subject, group, dataset : (N,) str
        Ids. ``group`` is the person: keep a group on one side of every split.
    columns : dict of arrays
        Every column by name.
    settings, libraries : dict
        The settings and the versions that made the features.

    Raises
    ------
    UsageError
        If there is no such file, or it is no features file, or too new a one.
    DamageError
        If it is damaged, or holds what mepipe never writes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with _open(self.path) as (file, version):
            found = plain_attributes(file, _ATTRIBUTES)
            texts = {name: str(found[name]) for name in ("settings", "libraries")}
            names = set(plain_names(file))
            # Since version 3: maps beside x.
            maps = names & MAPS.keys() - {"x"} if version > 2 else set()
            beside = {f"{name}_sha256" for name in maps}
            beside |= {"targets"} if maps & OF_TARGETS else set()
            if names != _NAMES | maps | beside | (_DIGESTS if version > 1 else set()):
                raise DamageError("it holds other datasets than it should")
            group = plain_group(file, "columns")
            if set(plain_names(group)) != set(COLUMNS):
                raise DamageError("it has other columns than it should")
            stored = {f"columns/{name}": plain_array(group, name) for name in COLUMNS}
            stored |= {name: plain_array(file, name) for name in ("classes", "channels")}
            self._row_digests: list[bytes] | None = None
            if version > 1:
                stored |= {name: plain_array(file, name) for name in ("x_sha256", *beside)}
                self._row_digests = stored["x_sha256"].tolist()
                content = plain_text(plain_array(file, "content"))
                if content_digest(texts, stored) != content:
                    raise DamageError("its content does not match its digest")
            with damage("its settings"):
                self.settings: dict[str, Any] = json.loads(texts["settings"])
                self.libraries: dict[str, str] = json.loads(texts["libraries"])
            self.classes = tuple(_text(stored["classes"]).tolist())
            self.channels = tuple(_text(stored["channels"]).tolist())
            self.shape: tuple[int, ...] = plain_dataset(file, "x").shape
            self.columns: dict[str, NDArray[Any]] = {
                name: _column(name, kind, stored[f"columns/{name}"], self.shape[0])
                for name, kind in COLUMNS.items()
            }
            _check_x(plain_dataset(file, "x"), len(self.channels))
            y = self.columns["y"]
            if len(y) and not -1 <= y.min() <= y.max() < len(self.classes):
                raise DamageError("a clip has a class that is none of its classes")

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Features {self.path}: {len(self)} clips, x {self.shape}, {self.classes}>"

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """The tensors, (N, C, S, S) float32, channels as in ``channels``.

        Raises
        ------
        DamageError
            If a row does not match its digest.
        """
        with _open(self.path) as (file, _):
            x = np.asarray(plain_array(file, "x"), dtype="<f4")
            if x.shape != self.shape:
                raise DamageError("it was changed after it was opened")
            for row, digest in enumerate(self._row_digests or ()):
                if hashlib.sha256(x[row].data).hexdigest().encode() != digest:
                    raise DamageError(f"the tensor of {self.clip[row]} does not match its digest")
            return x

    @property
    def y(self) -> NDArray[np.int64]:
        """Class of each clip, (N,) int64; -1 where there is none."""
        return self.columns["y"]

    @property
    def clip(self) -> Text:
        """Clip ids, (N,)."""
        return self.columns["clip"]

    @property
    def subject(self) -> Text:
        """Subjects as their datasets write them, (N,)."""
        return self.columns["subject"]

    @property
    def group(self) -> Text:
        """Persons, (N,): one value never on both sides of a split."""
        return self.columns["group"]

    @property
    def dataset(self) -> Text:
        """Names of the datasets, (N,)."""
        return self.columns["dataset"]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every column as a pandas DataFrame (pandas is imported on first use)."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    def torch(self) -> Dataset[tuple[Any, int]]:
        """Return a torch Dataset of (x (C, S, S) float32, y), in the file's order.

        Each DataLoader worker opens the file for itself, on its first sample.
        """
        from mepipe.evaluation.torch_dataset import FeatureDataset

        return FeatureDataset(self.path, self.y)


def load(path: str | Path) -> Features:
    """Open a features.h5 written by ``mepipe run``; see `Features`."""
    return Features(path)


@contextmanager
def _open(path: Path) -> Iterator[tuple[h5py.File, int]]:
    """Open a features.h5 for the body; damage that is found there names the file."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", f"Give the file: {path / 'features.h5'}")
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "`mepipe run DATASET` writes features.h5.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as raw:
            if raw.read(8) not in {_HDF5, b""}:
                raise UsageError(
                    f"{path} is no features file of mepipe", "Give a features.h5."
                ) from error
        raise DamageError(f"{path} cannot be opened as HDF5: {error}", _AGAIN) from error
    try:
        with file:
            yield file, _version(file, path)
    except DamageError as error:
        raise DamageError(f"{path} is damaged: {error.message}", _AGAIN) from error


def _version(file: h5py.File, path: Path) -> int:
    version = plain_attribute(file, "format_version")
    if plain_attribute(file, "format") != FORMAT or not isinstance(version, int):
        raise UsageError(f"{path} is no features file of mepipe", "Give a features.h5.")
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{path} has the format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    return version


def _text(values: NDArray[Any]) -> Text:
    if values.dtype.kind != "S" or values.ndim != 1:
        raise DamageError("a list of texts is stored as something else")
    with damage("a text"):
        return np.array([item.decode() for item in values.tolist()], dtype=np.str_)


def _column(name: str, kind: str, values: NDArray[Any], count: int) -> NDArray[Any]:
    if values.dtype.kind != _KINDS[kind] or values.shape != (count,):
        raise DamageError(f"x and its column {name!r} differ in length, or that is no {kind}")
    if kind == "text":
        return _text(values)
    return values.astype(np.bool_) if kind == "bool" else values


def _check_x(x: h5py.Dataset, channels: int) -> None:
    if x.dtype != np.dtype("<f4") or len(x.shape) != 4 or x.shape[1] != channels:
        raise DamageError(f"x is {x.dtype} of shape {x.shape}, which mepipe never writes")

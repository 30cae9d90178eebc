"""Reading features.h5, with nothing but numpy and h5py.

>>> features = mepipe.load("features.h5")      # doctest: +SKIP
>>> features.x.shape, features.y.shape         # doctest: +SKIP
((36, 3, 28, 28), (36,))
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mepipe.cache.objects import plain_text, refuse_unplain
from mepipe.cache.pack import COLUMNS, FORMAT, FORMAT_VERSION
from mepipe.errors import DamageError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from torch.utils.data import Dataset

Text = NDArray[np.str_]

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
        with _open(self.path) as file:
            self.settings: dict[str, Any] = json.loads(plain_text(file.attrs["settings"]))
            self.libraries: dict[str, str] = json.loads(plain_text(file.attrs["libraries"]))
            self.classes = tuple(_read_text(file, "classes").tolist())
            self.channels = tuple(_read_text(file, "channels").tolist())
            self.columns: dict[str, NDArray[Any]] = {
                name: _read_column(file, name, kind) for name, kind in COLUMNS.items()
            }
            refuse_unplain(file["x"], "x")
            self.shape: tuple[int, ...] = file["x"].shape
            if self.shape[0] != len(self.columns["clip"]):
                raise DamageError(f"{self.path}: x and its columns differ in length")

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Features {self.path}: {len(self)} clips, x {self.shape}, {self.classes}>"

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """The tensors, (N, C, S, S) float32, channels as in ``channels``."""
        with _open(self.path) as file:
            return np.asarray(file["x"][()], dtype=np.float32)

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


def _open(path: Path) -> h5py.File:
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
        raise DamageError(
            f"{path} cannot be opened as HDF5: {error}", "Run `mepipe run` again to write it anew."
        ) from error
    found = plain_text(file.attrs.get("format"))
    version = int(file.attrs.get("format_version", 0))
    if found == FORMAT and version <= FORMAT_VERSION:
        return file
    file.close()
    if found == FORMAT:
        raise UsageError(
            f"{path} has the format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    raise UsageError(f"{path} is no features file of mepipe", "Give a features.h5.")


def _read_text(file: h5py.File, name: str) -> Text:
    refuse_unplain(file[name], name)
    return np.array([item.decode() for item in file[name][()].tolist()], dtype=np.str_)


def _read_column(file: h5py.File, name: str, kind: str) -> NDArray[Any]:
    if kind == "text":
        return _read_text(file, f"columns/{name}")
    refuse_unplain(file[f"columns/{name}"], name)
    values: NDArray[Any] = file[f"columns/{name}"][()]
    return values.astype(np.bool_) if kind == "bool" else values

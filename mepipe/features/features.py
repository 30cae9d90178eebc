"""Features in the hands of a model: arrays, a table, splits, a torch Dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.extras import require_library
from mepipe.features.file import FeatureFile
from mepipe.features.measured import MEASURED
from mepipe.features.source import Source
from mepipe.schema import MAPS

if TYPE_CHECKING:
    import pandas as pd

    from mepipe.features.torch_dataset import FeatureDataset

Text = NDArray[np.str_]
Splits = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


class Features:
    """Clips with their features; `mepipe.load` makes them.

    Columns are in memory (they are small). ``x`` is read as a whole on first
    use; `read` and `torch` read what is asked for, so the rest need not fit.

    Attributes
    ----------
    classes, channels : tuple of str
        Class names in the order of ``y``; what the channels of ``x`` are.
    columns : dict of arrays
        Every column by name, (N,) each.
    settings, libraries : dict
        The settings and the versions that made the features.
    maps : tuple of str
        What there is to `read`: ``x``, and what ``pack.include`` asked for.
    targets : (N, K) int64 or None
        Positions of the frames that ``sequence`` and ``faces`` show after the onset.

    Parameters
    ----------
    source
        A path, or where else the features come from.
    rows
        The clips of the source that these are; all by default.

    Raises
    ------
    UsageError
        If there is no such file, or it is no features file, or too new a one.
    DamageError
        If it is damaged, or holds what mepipe never writes.
    """

    def __init__(self, source: str | Path | Source, rows: NDArray[np.intp] | None = None) -> None:
        self._source: Source = (
            FeatureFile(Path(source)) if isinstance(source, str | Path) else source
        )
        about = self._source.about
        self._rows = np.arange(len(about)) if rows is None else rows
        self.classes, self.channels = about.classes, about.channels
        self.settings: dict[str, Any] = dict(about.settings)
        self.libraries: dict[str, str] = dict(about.libraries)
        self.maps = tuple(about.shapes)
        self.shape: tuple[int, ...] = self.shape_of("x")
        self.columns: dict[str, NDArray[Any]] = {
            name: column if rows is None else column[rows] for name, column in about.columns.items()
        }
        self.targets = None if about.targets is None else about.targets[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Features {self.name}: {len(self)} clips, x {self.shape}, {self.classes}>"

    @property
    def name(self) -> str:
        """What messages call these features: the file, the files, or the run."""
        return self._source.name

    @property
    def is_selection(self) -> bool:
        """True if these are not all clips of the file, files or run."""
        return len(self) != len(self._source.about)

    @property
    def path(self) -> Path:
        """The file.

        Raises
        ------
        UsageError
            If the features are those of several files, or of a cache.
        """
        if isinstance(self._source, FeatureFile):
            return self._source.path
        raise UsageError(
            f"these features are no file of their own: {self.name}",
            "Give one features.h5; `mepipe run` on several datasets writes one for all of them.",
        )

    def read(
        self, name: str, rows: Sequence[int] | NDArray[np.integer[Any]] | slice | None = None
    ) -> NDArray[Any]:
        """Return a map, of all clips or of some, checked against its digests.

        ====================== ================= =====================================
        map                    a clip's shape    what
        ====================== ================= =====================================
        ``x``                  (3, s, s) float32 u, v, strain, onset to apex, scaled
        ``sequence``        (K, 3, s, s) float32 the same from the onset to each of K
                                                 frames (`targets`), at one scale; of
                                                 phases: to the apex, and from there on
        ``flow``               (2, S, S) float32 u, v, onset to apex, in px of the
                                                 aligned face
        ``faces``          (1 + K, S, S) uint8   the aligned onset and those K frames
        ====================== ================= =====================================

        Parameters
        ----------
        name
            One of ``maps``.
        rows
            Which clips, as numpy would take them; all by default.

        Raises
        ------
        UsageError
            If these features have no such map.
        IndexError
            If there is no such row.
        DamageError
            If a row is not what was written.
        """
        self.shape_of(name)
        wanted = self._rows if rows is None else self._rows[_index(rows)]
        return self._source.read(name, wanted)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a map, clips first; nothing is read.

        Raises
        ------
        UsageError
            If these features have no such map.
        """
        if name not in self.maps:
            raise UsageError(
                f"{self.name} has no {name!r}, only {', '.join(self.maps)}",
                f"Make the features with {_settings_for(name)}."
                if name in MAPS
                else f"Maps are {', '.join(MAPS)}.",
            )
        return (len(self), *self._source.about.shapes[name][1:])

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """The tensors, (N, C, S, S) float32, channels as in ``channels``; see `read`."""
        return self.read("x")

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
    def seconds(self) -> NDArray[np.float64]:
        """Length of each movement from onset to offset, (N,), s; NaN where it is unknown."""
        return MEASURED["seconds"](self)

    @cached_property
    def px(self) -> NDArray[np.float64]:
        """Largest motion of each clip in ``x``, (N,), px of the aligned face; NaN: unknown."""
        return MEASURED["px"](self)

    @cached_property
    def micro(self) -> NDArray[np.int8]:
        """Whether each movement is a micro-expression, (N,): 1 yes, 0 no, -1 unknown.

        No: longer than 0.5 s, or larger than `mepipe.micro.LARGEST_MICRO`. The classes do not
        apply then. Unknown: without an offset, a frame rate or a movement.
        """
        return MEASURED["micro"](self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every column, and `seconds`, `px` and `micro`, as a pandas DataFrame."""
        require_library("pandas", "features.table")
        import pandas as pd

        return pd.DataFrame({**self.columns, **{name: getattr(self, name) for name in MEASURED}})

    @cached_property
    def action_units(self) -> dict[str, NDArray[np.float32]]:
        """``AU1``, ``AU4``, ...: (N,) each, 1 where a clip has the unit, else 0.

        Either side and any intensity count, and so does an alternative ("12 or
        14": both); ``columns["au_units"]`` has the details. NaN stands where the
        clip's sheet says nothing that can be read as action units.
        """
        # 0, a neutral face, is coded, too.
        coded = [
            {unit for part in cell.split(";") if (unit := _unit(part)) is not None}
            for cell in self._au_units()
        ]
        known = np.array([bool(units) for units in coded], dtype=np.bool_)
        found = {}
        for unit in sorted(set().union(*coded)):
            has = np.array([unit in units for units in coded], dtype=np.float32)
            found[f"AU{unit}"] = np.where(known, has, np.float32(np.nan))
        return found

    def _au_units(self) -> list[str]:
        return [str(cell) for cell in self.columns["au_units"]]

    def select(self, **columns: object) -> Features:
        """Return the clips for which each column has the value, or one of the values.

        Raises
        ------
        UsageError
            If there is no such column, no clip has such a value, or none has all.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from mepipe.features import demo_features
        >>> folder = TemporaryDirectory()
        >>> features = demo_features(f"{folder.name}/features.h5")
        >>> len(features.select(dataset="demo-a", label=["negative", "positive"]))
        6
        >>> folder.cleanup()
        """
        keep = np.ones(len(self), dtype=np.bool_)
        for name, values in columns.items():
            if name not in self.columns and name not in MEASURED:
                raise UsageError(
                    f"the features have no column {name}",
                    f"The columns are {', '.join([*self.columns, *MEASURED])}.",
                )
            own = getattr(self, name) if name in MEASURED else self.columns[name]
            for value in (wanted := _values(values)):
                if not (own == value).any():
                    known = [str(one) for one in np.unique(own)]
                    more = ", ..." if len(known) > 12 else ""
                    raise UsageError(
                        f"no clip has {name} = {value}",
                        f"There are {', '.join(known[:12])}{more}.",
                    )
            keep &= np.isin(own, np.array(wanted))
        return self._kept(keep, f"no clip has {columns}")

    def labelled(self) -> Features:
        """Return the clips with a class and a known person: those that splits are made of.

        Raises
        ------
        UsageError
            If there is none.
        """
        keep = (self.y >= 0) & (self.group != "")
        return self._kept(keep, "no clip has both a class and a known subject")

    def _kept(self, keep: NDArray[np.bool_], otherwise: str) -> Features:
        if not keep.any():
            raise UsageError(f"{otherwise}: nothing is left", "Choose other conditions.")
        return Features(self._source, self._rows[keep])

    def splits(self, protocol: str = "loso", *, k: int = 10) -> Splits:
        """Return (train, test) row numbers of each fold, as scikit-learn's ``cv`` takes them.

        No person is on both sides. Clips without a class or a person are on
        neither: `labelled` leaves them out first, as ``cross_val_predict`` needs.

        Parameters
        ----------
        protocol
            ``loso`` (one person left out), ``megc2019``, ``kfold`` (of persons)
            or ``cross-dataset``.
        k
            Folds of ``kfold``.

        Raises
        ------
        UsageError
            If there is no such protocol, or the clips do not allow it.
        """
        from mepipe.features.protocols import folds_of
        from mepipe.features.splits import LabelledClips, usable

        clips, _ = usable(LabelledClips.of(self))
        row = {clip: number for number, clip in enumerate(self.clip.tolist())}

        def rows(names: Iterable[str]) -> NDArray[np.intp]:
            return np.sort(np.array([row[name] for name in names], dtype=np.intp))

        return [(rows(fold.train), rows(fold.test)) for fold in folds_of(clips, protocol, k=k)]

    def loso(self) -> Splits:
        """Return the splits that leave one person out; see `splits`."""
        return self.splits("loso")

    def torch(
        self,
        transform: Callable[[Any], Any] | None = None,
        *,
        of: str | Sequence[str] = "x",
    ) -> FeatureDataset:
        """Return a torch Dataset of (map, y), in the order of the clips.

        Rows are read when they are asked for, by each DataLoader worker for
        itself: any number of clips fits in memory.

        Parameters
        ----------
        transform
            Applied to the tensor of a clip, or to the tuple of them.
        of
            Which map (see `read`); several give (map, map, ..., y).
        """
        require_library("torch", "features.torch()")
        from mepipe.features.torch_dataset import FeatureDataset

        names = (of,) if isinstance(of, str) else tuple(of)
        for name in names:
            self.read(name, [])  # raises now if there is no such map
        return FeatureDataset(self, names, transform)


def _index(rows: Sequence[int] | NDArray[np.integer[Any]] | slice) -> Any:
    return rows if isinstance(rows, slice) else np.asarray(rows, dtype=np.intp)


def _values(values: object) -> list[object]:
    single = isinstance(values, str | bytes) or not isinstance(values, Iterable)
    return [values] if single else list(values)  # type: ignore[call-overload]


def _unit(text: str) -> int | None:
    """Return the number in a unit's text, ``R12B`` or ``L14?``; None if that is no unit."""
    found = re.search("[0-9]{1,3}", text)
    return int(found[0]) if found else None


def _settings_for(name: str) -> str:
    """Return the settings that a run needs for a map, as a mepipe.toml has them."""
    needed = MAPS[name].needed
    also = f" and {needed.setting} = {needed.value}" if needed else ""
    return f'pack.include = ["x", "{name}"]{also}'

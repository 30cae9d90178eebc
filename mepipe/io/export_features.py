"""The forms that features can be exported to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mepipe.cache.new_folder import filling
from mepipe.errors import NothingUsableError, UsageError
from mepipe.features import Features
from mepipe.io.exported_rows import Exported, Selection
from mepipe.io.htnet import write_htnet
from mepipe.io.pictures import write_pictures
from mepipe.io.ststnet import write_ststnet
from mepipe.io.tables import write_csv, write_npz

Writer = Callable[[Selection, Path, Path], Exported]
TARGETS: Mapping[str, Writer] = {
    "npz": write_npz,
    "png": write_pictures,
    "csv": write_csv,
    "ststnet": write_ststnet,
    "htnet": write_htnet,
}


def _nothing() -> None:
    pass


def export(
    features: Features,
    target: str,
    out: Path,
    *,
    rows: Sequence[int] | None = None,
    advance: Callable[[], None] = _nothing,
) -> Exported:
    """Write features into the folder ``out`` in the form ``target``.

    Parameters
    ----------
    features
        What ``mepipe.load`` returns; tensors are read in blocks.
    target
        A name of `TARGETS`.
    out
        A new or empty folder. It is complete, or looks unfinished.
    rows
        Which clips; all by default.
    advance
        Called once for every clip that was written.

    Raises
    ------
    UsageError
        If there is no such target, ``out`` is not empty, or the features do not fit
        the target.
    NothingUsableError
        If there is no clip, or none with a class where one is needed.
    BadDataError
        If a clip's values cannot be exported.
    SystemProblemError
        If ``out`` cannot be written.
    """
    if target not in TARGETS:
        raise UsageError(f"there is no export to {target!r}", f"There are {', '.join(TARGETS)}.")
    chosen = range(len(features)) if rows is None else rows
    if not len(chosen):
        raise NothingUsableError(f"{features.name} holds no clip", "Export other features.")
    with filling(out) as into:
        return TARGETS[target](Selection(features, list(chosen), advance), out, into)

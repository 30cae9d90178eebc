"""Published features: an .npz of x, y, subject, dataset and clip, read without trust.

Nothing is unpickled, and nothing is unpacked before its header has said how
large it will be: a few kilobytes of .npz can claim, or hold, any size.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mepipe.errors import BadDataError, SystemProblemError, UsageError
from mepipe.regular_files import read_regular

ARRAYS = ("x", "y", "subject", "dataset", "clip")
LARGEST_BYTES = 4 * 1024**3
# Real features, min-max scaled to 8 bits, shrink two- or threefold; zeros a thousandfold.
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 64 * 1024**2, 100
_SAVED = (
    "Save it as np.savez(FILE, x=..., y=..., subject=..., dataset=..., clip=...): x (N, H, W, 3) "
    "uint8 or float, the others one value a clip."
)
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # an encrypted member; a header nested too deeply
    MemoryError,
    ValueError,
    # A header is an expression of Python, and may be of any kind and depth.
    SyntaxError,
    TypeError,
    OverflowError,
    # The archive lies in memory by now, so these are of a damaged bz2 or LZMA stream: one flipped
    # bit in a header makes another compression of deflate's.
    OSError,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class Published:
    """What a published file holds, checked.

    Parameters
    ----------
    x
        (N, S, S, 3) uint8, or floating and finite: u, v, strain.
    y
        (N,) class numbers, not yet compared with any list of classes.
    subject, dataset, clip
        (N,) printable text, not empty.
    sha256
        Of the file.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    subject: tuple[str, ...]
    dataset: tuple[str, ...]
    clip: tuple[str, ...]
    sha256: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Return ``dataset/subject/clip`` of each row: a clip's name alone is not unique."""
        return tuple(map("/".join, zip(self.dataset, self.subject, self.clip, strict=True)))


def read_published(path: Path) -> Published:
    """Read and check a published .npz.

    Raises
    ------
    UsageError
        If there is no such file, or it is no .npz with these arrays.
    BadDataError
        If their types, shapes or values are not what they must be, or unpacking
        it would need more memory than features do.
    SystemProblemError
        If it cannot be read.
    """
    data = _bytes(path)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _UNREADABLE as error:
        raise UsageError(f"{path} is no .npz file ({error})", _SAVED) from error
    with archive:
        members = _members(path, archive)
        arrays = {name: _read(path, archive, members[name], name) for name in ARRAYS}
    return checked(arrays, hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "Give the .npz file.")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is larger than {LARGEST_BYTES >> 30} GiB", _SAVED)
        return read_regular(path, LARGEST_BYTES)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", "Give the .npz file.") from None
    except OSError as error:
        raise SystemProblemError(
            f"cannot read {path}: {error.strerror}", "Give yourself permission to read it."
        ) from error


def _members(path: Path, archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    missing = [name for name in ARRAYS if name not in members]
    if missing:
        there = ", ".join(list(members)[:10]) or "nothing"
        raise UsageError(f"{path} has no array {', '.join(missing)}; it has {there}", _SAVED)
    size = sum(members[name].file_size for name in ARRAYS)
    packed = sum(members[name].compress_size for name in ARRAYS)
    if size > LARGEST_BYTES or (
        size > _SUSPICIOUS_BYTES and size > _SUSPICIOUS_RATIO * max(packed, 1)
    ):
        raise BadDataError(
            f"{path} would unpack from {packed} to {size} bytes, which features do not",
            "Get the file again from where it was published.",
        )
    return members


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    try:
        with archive.open(info) as member:
            shape, dtype = _header(member)  # type: ignore[arg-type]
    except _UNREADABLE as error:
        raise UsageError(
            f"{path}: {name} is not an array that NumPy wrote ({error})", _SAVED
        ) from error
    if dtype.hasobject:
        raise BadDataError(
            f"{path}: {name} holds Python objects, which could run any code when they are read",
            "Save it as numbers, or as text: np.array(list(values), dtype=str).",
        )
    if dtype.fields is not None or dtype.subdtype is not None:
        raise BadDataError(f"{path}: {name} has the type {dtype}, a record", _SAVED)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > info.file_size:
        raise BadDataError(
            f"{path}: {name} says it is {shape} of {dtype} and the file has less: it is damaged",
            "Get the file again from where it was published.",
        )
    try:
        with archive.open(info) as member:
            array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    except _UNREADABLE as error:
        raise BadDataError(
            f"{path}: {name} is damaged ({error})",
            "Get the file again from where it was published.",
        ) from error
    return array


def _header(member: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(member)
    else:
        raise ValueError(f"version {version} of the format is for records")
    return shape, dtype


def checked(arrays: Mapping[str, NDArray[Any]], sha256: str) -> Published:
    """Return arrays of the names `ARRAYS` as `Published`; errors as `read_published`."""
    x = arrays["x"]
    if x.ndim != 4 or x.shape[3] != 3:
        turn = "x.transpose(0, 2, 3, 1)" if x.ndim == 4 and x.shape[1] == 3 else ""
        raise BadDataError(
            f"x is {x.shape}, not (N, H, W, 3) with the channels u, v, strain",
            f"Move the channels to the end: {turn}." if turn else _SAVED,
        )
    if x.shape[1] != x.shape[2]:
        raise BadDataError(
            f"x is {x.shape}: {x.shape[1]} rows and {x.shape[2]} columns, not square",
            "Resize the features, or cut them to squares.",
        )
    if not x.size:
        raise BadDataError(f"x is {x.shape}: there is no clip in it", _SAVED)
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise BadDataError(f"x has the type {x.dtype}, not uint8 or float", _SAVED)
    for name in ARRAYS[1:]:
        if arrays[name].shape != (len(x),):
            raise BadDataError(
                f"{name} is {arrays[name].shape}, and x has {len(x)} clips",
                "Give one value a clip in every array.",
            )
    names = {name: _texts(name, arrays[name]) for name in ("subject", "dataset", "clip")}
    published = Published(x, _classes(arrays["y"]), **names, sha256=sha256)
    for name in ("subject", "dataset"):
        for row, text in enumerate(names[name]):
            if "/" in text:
                raise BadDataError(
                    f"{name}[{row}] is {text!r}, and / stands between the parts of a clip's id",
                    "Write another character for it.",
                )
    first: dict[str, int] = {}
    for row, clip in enumerate(published.ids):
        if first.setdefault(clip, row) != row:
            raise BadDataError(
                f"rows {first[clip]} and {row} are both the clip {clip}",
                "Leave one of them out, or give them different names.",
            )
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            finite = np.isfinite(x.astype(np.float32)).all(axis=(1, 2, 3))
        if not finite.all():
            row = int(np.argmin(finite))
            raise BadDataError(
                f"x[{row}] ({published.ids[row]}) holds NaN or infinity",
                "Leave the clip out, or make its features again.",
            )
    return published


def _classes(y: NDArray[Any]) -> NDArray[np.int64]:
    if y.dtype.kind == "f" and np.isfinite(y).all() and (np.mod(y, 1) == 0).all():
        y = np.clip(y, -(2**31), 2**31)
    elif y.dtype.kind not in "iu":
        raise BadDataError(
            f"y has the type {y.dtype} and is not a list of whole numbers",
            "Write the classes as 0, 1, 2, ...",
        )
    return y.astype(np.int64)


def _texts(name: str, values: NDArray[Any]) -> tuple[str, ...]:
    if values.dtype.kind not in "USiu":
        raise BadDataError(
            f"{name} has the type {values.dtype}, not text", "Save it with dtype=str."
        )
    try:
        texts = [one.decode() if isinstance(one, bytes) else str(one) for one in values.tolist()]
    except ValueError as error:
        raise BadDataError(
            f"{name} holds text that is no Unicode ({error})", "Save it with dtype=str."
        ) from error
    for row, text in enumerate(texts):
        if not text.strip() or not text.isprintable():
            raise BadDataError(
                f"{name}[{row}] is {text!r}, which names nothing",
                "Give every clip its dataset, subject and name.",
            )
    return tuple(texts)

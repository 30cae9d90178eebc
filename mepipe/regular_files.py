"""The door to files that others made: regular files alone, and no more bytes than asked for.

A named pipe in the place of a frame would be waited for without end, a device read without end,
and a file that is nearly all holes would be hashed for days. The errors are of `OSError`, so each
caller says them as it says that a file is missing.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# What is not asked for in the mode of `open`: never wait for the other end of a pipe.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_SMALL = 64_000_000  # bytes: what is smaller is read fast, holes or none
_WRITTEN = 0.1  # smallest share of a larger file that is no hole


def regular(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file: the ``opener`` of `open`.

    Raises
    ------
    OSError
        If it is no regular file, or more than nine tenths of it were never written (holes): a
        download or a copy that broke off.
    """
    # Before it is opened: opening a device can do something.
    _refuse_kind(os.stat(path).st_mode, path)  # noqa: PTH116 (an image is read 10 000 times)
    descriptor = os.open(path, flags | _FLAGS)
    try:
        found = os.fstat(descriptor)
        _refuse_kind(found.st_mode, path)
        _refuse_holes(descriptor, found, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the bytes of a regular file that has at most ``most``.

    Raises
    ------
    OSError
        If it has more; and as `regular`.
    """
    with open(path, "rb", opener=regular) as file:
        size = os.fstat(file.fileno()).st_size
        # Some files of the system say that they are empty, and are without end.
        data = b"" if size > most else file.read(most + 1)
    if max(size, len(data)) > most:
        said = f"it has {size} bytes, and" if size > most else "it has no end in sight:"
        raise OSError(errno.EFBIG, f"{said} more than {most} are not read", str(path))
    return data


def _refuse_kind(mode: int, path: str | Path) -> None:
    if stat.S_ISREG(mode):
        return
    what = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise OSError(errno.EINVAL, f"it is {what}, and no regular file", str(path))


def _refuse_holes(descriptor: int, found: os.stat_result, path: str | Path) -> None:
    blocks = getattr(found, "st_blocks", None)
    if found.st_size <= _SMALL or blocks is None or blocks * 512 >= _WRITTEN * found.st_size:
        return
    # A file system that packs files has few blocks and no holes.
    if not hasattr(os, "SEEK_HOLE"):
        return
    hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
    os.lseek(descriptor, 0, os.SEEK_SET)
    if hole < found.st_size:
        raise OSError(
            errno.EINVAL,
            f"of its {found.st_size} bytes only {blocks * 512} were ever written; a download or a "
            "copy broke off",
            str(path),
        )

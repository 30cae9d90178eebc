"""Every file operation of the cache and of the output folder, in one place.

A failing operation becomes a `SystemProblemError` that names the file and says
what to do, so that "no space left" never looks like bad data.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mepipe.errors import SystemProblemError

_REMEDIES = {
    errno.ENOSPC: "Free some space, or choose another disk with --cache and --out; "
    "finished work is kept, and the same command goes on from there.",
    errno.EDQUOT: "Your quota is used up: free some space, or choose another disk with --cache "
    "and --out; finished work is kept.",
    errno.EACCES: "Give yourself permission to write there, or choose another folder with "
    "--cache and --out.",
    errno.EPERM: "Give yourself permission to write there, or choose another folder with "
    "--cache and --out.",
    errno.EROFS: "The file system is read-only: choose another folder with --cache and --out.",
}
_NO_FOLDER = "A file stands where a folder is needed: choose another place with --cache or --out."
_REMEDIES |= dict.fromkeys((errno.ENOTDIR, errno.EEXIST), _NO_FOLDER)
_REMEDIES[errno.EISDIR] = "A folder stands where a file is to be written: move it away."
_ANY_REMEDY = (
    "Check the disk, or choose other folders with --cache and --out; finished work is kept."
)
_STRAY_AFTER_S = 24 * 3600


@contextmanager
def system_errors(action: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` of the body into a `SystemProblemError` about ``path``."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        raise SystemProblemError(
            f"cannot {action} {path}: {error.strerror or error}",
            _REMEDIES.get(number, _ANY_REMEDY),
        ) from error


def make_folder(path: Path) -> None:
    """Create ``path`` and its parents; nothing happens if it is there."""
    with system_errors("create", path):
        path.mkdir(parents=True, exist_ok=True)


def write_atomic(path: Path, data: bytes, scratch: Path | None = None) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old file, the new one, or none.

    Parameters
    ----------
    path
        The final name. Its folder must exist.
    data
        The whole content.
    scratch
        Folder for the temporary file, on the same file system; by default the
        folder of ``path``.
    """
    temporary = (scratch or path.parent) / f".{path.name[:40]}.{secrets.token_hex(8)}.part"
    with system_errors("write", path):
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


def _replace(source: Path, target: Path) -> None:
    # Windows refuses to replace a file that a scanner holds open for a moment.
    for wait in (0.02, 0.1, 0.5):
        try:
            source.replace(target)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(wait)
        else:
            return
    source.replace(target)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bytes(path: Path) -> bytes | None:
    """Return the content of ``path``, or None if there is no such file."""
    with system_errors("read", path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def names(folder: Path) -> list[str]:
    """Return the names in ``folder`` (none if it is not there), without dot-files, sorted."""
    with system_errors("list", folder):
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if entry.name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return []


def move_aside(path: Path, folder: Path) -> None:
    """Move ``path`` into ``folder``; nothing happens if it has gone meanwhile."""
    make_folder(folder)
    with system_errors("move", path), suppress(FileNotFoundError):
        path.replace(folder / path.name)


def remove(path: Path) -> None:
    """Remove the file ``path``; nothing happens if it has gone meanwhile."""
    with system_errors("remove", path):
        path.unlink(missing_ok=True)


def sweep_stray(folder: Path) -> None:
    """Remove partial files that killed processes left in ``folder`` over a day ago."""
    with system_errors("sweep", folder), suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                if (
                    path.name.endswith(".part")
                    and time.time() - path.stat().st_mtime > _STRAY_AFTER_S
                ):
                    path.unlink()

"""All file operations of the cache and of the output folder.

A failing operation becomes a `SystemProblemError` that names the file and the
remedy. So "no space left" never looks like bad data. Each operation goes through
`call`, where tests can make any one of them fail.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from mepipe.errors import SystemProblemError
from mepipe.regular_files import read_regular

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

_REMEDIES = {
    errno.ENOSPC: "Free some space, or choose another disk with --cache and --out; "
    "finished work is kept: run the same command again to continue.",
    errno.EDQUOT: "Your quota is used up. Free some space, or choose another disk with --cache "
    "and --out; finished work is kept.",
    errno.EACCES: "Give yourself permission to write there, or choose another folder with "
    "--cache and --out.",
    errno.EPERM: "Give yourself permission to write there, or choose another folder with "
    "--cache and --out.",
    errno.EROFS: "The file system is read-only: choose another folder with --cache and --out.",
}
_NO_FOLDER = "A file exists where a folder is needed: choose another folder with --cache or --out."
_REMEDIES |= dict.fromkeys((errno.ENOTDIR, errno.EEXIST), _NO_FOLDER)
_REMEDIES[errno.EISDIR] = "A folder exists where a file must be written: move the folder."
_ANY_REMEDY = (
    "Check the disk, or choose other folders with --cache and --out; finished work is kept."
)
_STRAY_AFTER_S = 24 * 3600
# The temporary name in `replacing`: the start of the final name, and 16 random digits.
_PARTIAL = re.compile(r"\.(.{1,40})\.[0-9a-f]{16}\.part", re.DOTALL)
# File systems limit a name to 255 bytes. 40 characters of up to 4 bytes and the rest fit.
_NAME_KEPT = 40
# With these errors a cache may still be readable, which is enough for a warm run.
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS}
_CHUNK = 1 << 20  # bytes
_LONGEST = 2_000_000_000  # bytes of a file that is read at once
# Windows opens files in text mode by default, which changes line ends.
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class NotWritableError(SystemProblemError):
    """The folder cannot be written, but perhaps read: permission, or a read-only disk."""


def call(
    operation: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer:
    """Do one operation of the file system. Tests replace this function to make it fail."""
    return operation(*args, **kwargs)


@contextmanager
def system_errors(action: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` of the body into a `SystemProblemError` about ``path``."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        kind = NotWritableError if number in _REFUSALS else SystemProblemError
        raise kind(
            f"cannot {action} {path}: {error.strerror or error}",
            _REMEDIES.get(number, _ANY_REMEDY),
        ) from error


def make_folder(path: Path) -> None:
    """Create ``path`` and its parents, if they do not exist."""
    with system_errors("create", path):
        call(path.mkdir, parents=True, exist_ok=True)


class Output:
    """A file that is being written sequentially."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        # The system may write fewer bytes than given, for example at the end of a disk.
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[call(os.write, self._descriptor, rest) :]

    def patch(self, position: int, data: bytes) -> None:
        """Overwrite the bytes at ``position`` with ``data``, and go back to the end."""
        call(os.lseek, self._descriptor, position, os.SEEK_SET)
        self.write(data)
        call(os.lseek, self._descriptor, 0, os.SEEK_END)

    def digest(self) -> str:
        """Return the sha256 of everything written so far."""
        found = hashlib.sha256()
        call(os.lseek, self._descriptor, 0, os.SEEK_SET)
        while data := call(os.read, self._descriptor, _CHUNK):
            found.update(data)
        return found.hexdigest()


@contextmanager
def replacing(
    path: Path,
    scratch: Path | None = None,
    *,
    lasting: bool = True,
    synced: bool = True,
    private: bool = False,
) -> Iterator[Output]:
    """Write ``path`` atomically: a reader sees the old file, the new one, or none.

    Parameters
    ----------
    path
        The final name. Its folder must exist.
    scratch
        Folder for the temporary file, on the same file system. Default: the
        folder of ``path``.
    lasting
        If True, the new name is on the disk as well before this returns. If not,
        a power cut can lose the whole file, but never leave half of one.
    synced
        If not, it can leave half of one: for many small files that are easily made again.
    private
        If True, only the owner can read the file: it shows faces. In a folder that passes on its
        group (setgid) the group can, too, as far as the umask lets it.
    """
    temporary = (scratch or path.parent) / f".{path.name[:_NAME_KEPT]}.{secrets.token_hex(8)}.part"
    with system_errors("write", path):
        try:
            descriptor = call(os.open, temporary, _NEW_FILE, _mode(path.parent, private=private))
            try:
                yield Output(descriptor)
                # Before the rename: otherwise a power cut can leave the final name with no content.
                if synced:
                    call(os.fsync, descriptor)
            finally:
                call(os.close, descriptor)
            _replace(temporary, path)
        except BaseException:
            # Also on Ctrl-C: no partial file stays.
            with suppress(OSError):
                call(temporary.unlink)
            raise
        # The rename is an entry of the folder, and is on the disk only after this.
        if lasting:
            sync_folder(path.parent)


def write_atomic(
    path: Path,
    data: bytes,
    scratch: Path | None = None,
    *,
    lasting: bool = True,
    synced: bool = True,
    private: bool = False,
) -> None:
    """Write ``data`` to ``path`` as `replacing` does."""
    with replacing(path, scratch, lasting=lasting, synced=synced, private=private) as output:
        output.write(data)


def _mode(folder: Path, *, private: bool) -> int:
    """Return the mode of a new file in ``folder``, from which the system takes the umask."""
    if not private:
        return 0o666
    return 0o660 if call(folder.stat).st_mode & stat.S_ISGID else 0o600


def write_new(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write the new file ``path`` without syncing: one of many in a folder that is filled.

    `mepipe.cache.new_folder.filling` syncs the folder.

    ``private`` as for `replacing`.
    """
    with system_errors("write", path):
        descriptor = call(os.open, path, _NEW_FILE, _mode(path.parent, private=private))
        try:
            Output(descriptor).write(data)
        finally:
            call(os.close, descriptor)


def _replace(source: Path, target: Path) -> None:
    # Windows refuses to replace a file that a scanner holds open for a moment.
    for wait in (0.02, 0.1, 0.5):
        try:
            call(source.replace, target)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(wait)
        else:
            return
    call(source.replace, target)


def sync_folder(folder: Path) -> None:
    """Sync the entries of ``folder``: what was renamed in it has its new name on the disk."""
    if os.name == "nt":  # Windows cannot open a folder to sync it
        return
    descriptor = call(os.open, folder, os.O_RDONLY)
    try:
        call(os.fsync, descriptor)
    finally:
        call(os.close, descriptor)


def read_bytes(path: Path) -> bytes | None:
    """Return the content of ``path``, or None if the file does not exist."""
    with system_errors("read", path):
        try:
            return call(read_regular, path, _LONGEST)
        except FileNotFoundError:
            return None


def names(folder: Path, starting: str = "") -> list[str]:
    """Return the sorted names in ``folder`` without dot-files. Empty if it does not exist.

    Only those that start with ``starting``: of a long folder this costs half of `entries`.
    """
    with system_errors("list", folder):
        try:
            found = [name for name in call(os.listdir, folder) if name.startswith(starting)]
            return sorted(name for name in found if name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return []


def entries(folder: Path) -> list[tuple[str, bool]]:
    """Return (name, whether it is a regular file) of what is in ``folder``, sorted by name.

    Without dot-files. Empty if the folder does not exist.
    """
    with system_errors("list", folder):
        try:
            with call(os.scandir, folder) as found:
                return sorted((one.name, one.is_file()) for one in found if one.name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return []


def facts(path: Path) -> os.stat_result | None:
    """Return the `os.stat_result` of ``path``, or None if the file does not exist."""
    with system_errors("look at", path):
        try:
            return call(path.stat)
        except (FileNotFoundError, NotADirectoryError):
            return None


def is_writable(folder: Path) -> bool:
    """Return True if files can be created in ``folder``."""
    with system_errors("look at", folder):
        return call(os.access, folder, os.W_OK | os.X_OK)


def touch(path: Path) -> None:
    """Set the time stamp of ``path`` to now, if possible."""
    # In a read-only cache it stays as it is. Then garbage collection cannot run either.
    with suppress(OSError):
        call(os.utime, path)


def move_aside(path: Path, folder: Path, *, replace: bool) -> None:
    """Move ``path`` into ``folder``, if it still exists.

    If the name is taken there, ``replace`` decides: replace that file, or take a
    new name.
    """
    make_folder(folder)
    with system_errors("move", path), suppress(FileNotFoundError):
        target = folder / path.name
        # Only a file can take the place of a file.
        replace = replace and path.is_file() and (target.is_file() or not target.is_symlink())
        if call(os.path.lexists, target) and not (replace and target.is_file()):
            target = folder / f"{path.name}.{secrets.token_hex(8)}"
        call(path.replace, target)


def remove(path: Path) -> None:
    """Remove the file ``path``, if it still exists."""
    with system_errors("remove", path):
        call(path.unlink, missing_ok=True)


def remove_empty(folder: Path) -> None:
    """Remove ``folder`` if it is empty."""
    with suppress(OSError):  # it is not empty, or it is gone
        folder.rmdir()


def is_partial(name: str) -> bool:
    """Return True if ``name`` is the temporary name of a file in `replacing`."""
    return _PARTIAL.fullmatch(name) is not None


def sweep_stray(
    folder: Path, of: Collection[str] | None = None, older_than_s: float = _STRAY_AFTER_S
) -> int:
    """Remove partial files of killed processes from ``folder``. Return how many.

    Parameters
    ----------
    folder
        The folder. It need not exist.
    of
        The final names of the partial files (None: any). A folder that is not
        mepipe's alone may hold ``.part`` files of other programs.
    older_than_s
        Younger files may still be being written and stay (default: one day).
    """
    removed = 0
    cut = None if of is None else {name[:_NAME_KEPT] for name in of}
    with system_errors("sweep", folder), suppress(FileNotFoundError, NotADirectoryError):
        for name in call(os.listdir, folder):
            found = _PARTIAL.fullmatch(name)
            if found is None or (cut is not None and found[1] not in cut):
                continue
            path = folder / name
            # In a shared folder, the files of others cannot be removed.
            with suppress(FileNotFoundError, PermissionError):
                facts = call(path.lstat)
                if stat.S_ISREG(facts.st_mode) and time.time() - facts.st_mtime > older_than_s:
                    call(path.unlink)
                    removed += 1
    return removed

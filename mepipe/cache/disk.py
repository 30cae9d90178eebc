"""Every file operation of the cache and of the output folder, in one place.

A failing operation becomes a `SystemProblemError` that names the file and says
what to do, so that "no space left" never looks like bad data. Each operation
goes through `call`: tests let any one of them fail there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from mepipe.errors import SystemProblemError, UsageError

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

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
# The temporary name that `replacing` gives: what it stands for, and 16 random digits.
_PARTIAL = re.compile(r"\.(.{1,40})\.[0-9a-f]{16}\.part", re.DOTALL)
_NAME_KEPT = 40
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS}
_CHUNK = 1 << 20  # bytes
_UNFINISHED = ".unfinished"
# Windows takes files for texts unless told otherwise.
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class NotWritableError(SystemProblemError):
    """The folder cannot be written, but perhaps read: permission, or a read-only disk."""


def call(
    operation: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer:
    """Do one operation of the file system: the seam at which tests let it fail."""
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
    """Create ``path`` and its parents; nothing happens if it is there."""
    with system_errors("create", path):
        call(path.mkdir, parents=True, exist_ok=True)


class Output:
    """A file that is being written, from its start to its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[call(os.write, self._descriptor, rest) :]

    def patch(self, position: int, data: bytes) -> None:
        """Write ``data`` over what stands at ``position``, and go back to the end."""
        call(os.lseek, self._descriptor, position, os.SEEK_SET)
        self.write(data)
        call(os.lseek, self._descriptor, 0, os.SEEK_END)

    def digest(self) -> str:
        """Return the sha256 of what was written so far."""
        found = hashlib.sha256()
        call(os.lseek, self._descriptor, 0, os.SEEK_SET)
        while data := call(os.read, self._descriptor, _CHUNK):
            found.update(data)
        return found.hexdigest()


@contextmanager
def replacing(path: Path, scratch: Path | None = None, *, lasting: bool = True) -> Iterator[Output]:
    """Let the body write ``path`` so that a reader sees the old file, the new one, or none.

    Parameters
    ----------
    path
        The final name. Its folder must exist.
    scratch
        Folder for the temporary file, on the same file system; by default the
        folder of ``path``.
    lasting
        Whether the new name, too, is on the disk before this returns. Without
        that a power cut can take a whole file away, but never leave half of one.
    """
    temporary = (scratch or path.parent) / f".{path.name[:_NAME_KEPT]}.{secrets.token_hex(8)}.part"
    with system_errors("write", path):
        try:
            descriptor = call(os.open, temporary, _NEW_FILE, 0o666)
            try:
                yield Output(descriptor)
                call(os.fsync, descriptor)
            finally:
                call(os.close, descriptor)
            _replace(temporary, path)
        except BaseException:
            # Whatever ends it, Ctrl-C too: no partial file stays.
            with suppress(OSError):
                call(temporary.unlink)
            raise
        if lasting:
            _sync_folder(path.parent)


def write_atomic(
    path: Path, data: bytes, scratch: Path | None = None, *, lasting: bool = True
) -> None:
    """Write ``data`` to ``path`` as `replacing` does."""
    with replacing(path, scratch, lasting=lasting) as output:
        output.write(data)


def write_new(path: Path, data: bytes) -> None:
    """Write the new file ``path``; for one of many in a folder that `filling` makes."""
    with system_errors("write", path):
        descriptor = call(os.open, path, _NEW_FILE, 0o666)
        try:
            Output(descriptor).write(data)
        finally:
            call(os.close, descriptor)


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Let the body fill a new or empty ``folder``, which looks unfinished until it is done.

    The body writes into the folder that is yielded: one within ``folder``, so that
    nothing beside it need be writable and it may be a mount point. Its content is
    moved up at the end, and it goes last: as long as it is there, ``folder`` is
    unfinished. Whatever ends the body early, nothing of its work stays.

    Raises
    ------
    UsageError
        If ``folder`` is not empty.
    SystemProblemError
        If it cannot be made or written.
    """
    existed = folder.is_dir()
    make_folder(folder)
    with system_errors("list", folder):
        found = sorted(call(os.listdir, folder))
    if found:
        remains = found[0].startswith(_UNFINISHED)
        raise UsageError(
            f"the output folder {folder} is not empty: it holds "
            f"{'the unfinished ' if remains else ''}{found[0]}",
            "Empty it, or name another with --out.",
        )
    part = folder / f"{_UNFINISHED}.{secrets.token_hex(8)}.part"
    moved: list[Path] = []
    try:
        with system_errors("create", part):
            call(part.mkdir)
        yield part
        with system_errors("finish", folder):
            for name in sorted(call(os.listdir, part)):
                moved.append(folder / name)
                call((part / name).rename, folder / name)
            call(part.rmdir)
            _sync_folder(folder)
    except BaseException:
        # Whatever ends it, Ctrl-C too: what is there in part would pass for a whole.
        for path in moved:
            _remove_tree(path)
        _remove_tree(part)
        if not existed:
            with suppress(OSError):
                call(folder.rmdir)
        raise


def _remove_tree(path: Path) -> None:
    with suppress(OSError):
        call(shutil.rmtree if path.is_dir() else os.unlink, path)


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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to sync it
        return
    descriptor = call(os.open, folder, os.O_RDONLY)
    try:
        call(os.fsync, descriptor)
    finally:
        call(os.close, descriptor)


def read_bytes(path: Path) -> bytes | None:
    """Return the content of ``path``, or None if there is no such file."""
    with system_errors("read", path):
        try:
            return call(path.read_bytes)
        except FileNotFoundError:
            return None


def names(folder: Path) -> list[str]:
    """Return the names in ``folder`` (none if it is not there), without dot-files, sorted."""
    with system_errors("list", folder):
        try:
            return sorted(name for name in call(os.listdir, folder) if name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return []


def facts(path: Path) -> os.stat_result | None:
    """Return size and times of ``path``, or None if there is no such file."""
    with system_errors("look at", path):
        try:
            return call(path.stat)
        except (FileNotFoundError, NotADirectoryError):
            return None


def is_writable(folder: Path) -> bool:
    """Say whether files can be made in ``folder``."""
    with system_errors("look at", folder):
        return call(os.access, folder, os.W_OK | os.X_OK)


def touch(path: Path) -> None:
    """Give ``path`` today's time stamp, if that can be done."""
    with suppress(OSError):
        call(os.utime, path)


def move_aside(path: Path, folder: Path, *, replace: bool) -> None:
    """Move ``path`` into ``folder``; nothing happens if it has gone meanwhile.

    Without ``replace`` it gets another name where something lies there under its own.
    """
    make_folder(folder)
    with system_errors("move", path), suppress(FileNotFoundError):
        target = folder / path.name
        if not replace and call(os.path.lexists, target):
            target = folder / f"{path.name}.{secrets.token_hex(8)}"
        call(path.replace, target)


def remove(path: Path) -> None:
    """Remove the file ``path``; nothing happens if it has gone meanwhile."""
    with system_errors("remove", path):
        call(path.unlink, missing_ok=True)


def is_partial(name: str) -> bool:
    """Return True for the temporary name of a file that `replacing` is writing."""
    return _PARTIAL.fullmatch(name) is not None


def sweep_stray(
    folder: Path, of: Collection[str] | None = None, older_than_s: float = _STRAY_AFTER_S
) -> int:
    """Remove partial files that killed processes left in ``folder``; return how many.

    Parameters
    ----------
    folder
        Where to look; nothing happens if it is not there.
    of
        The final names whose partial files are looked for (None: any). A folder that is
        not mepipe's alone may hold ``.part`` files of other programs.
    older_than_s
        A file that is being written is younger than this (one day).
    """
    removed = 0
    cut = None if of is None else {name[:_NAME_KEPT] for name in of}
    with system_errors("sweep", folder), suppress(FileNotFoundError, NotADirectoryError):
        for name in call(os.listdir, folder):
            found = _PARTIAL.fullmatch(name)
            if found is None or (cut is not None and found[1] not in cut):
                continue
            path = folder / name
            # In a folder that several people share, another's file cannot be removed.
            with suppress(FileNotFoundError, PermissionError):
                facts = call(path.lstat)
                if stat.S_ISREG(facts.st_mode) and time.time() - facts.st_mtime > older_than_s:
                    call(path.unlink)
                    removed += 1
    return removed

"""Locks between processes. They only save work: nothing is wrong without them.

The system frees a lock when its process dies. Where the file system has no
locks, or the folder cannot be written, everybody goes on as if alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mepipe.cache import disk
from mepipe.errors import SystemProblemError


@contextmanager
def claim(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file ``path`` during the body, which gets whether it may go on.

    Parameters
    ----------
    path
        The lock file; it is removed when the lock is given back.
    wait
        Whether to wait until another process gives it back. Otherwise the body
        gets False where another process holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        disk.make_folder(path.parent)
        disk.call(lock.acquire, timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError, SystemProblemError):
        # No locks here (NotImplementedError is filelock's), or no place for one: as if alone.
        yield True
        return
    try:
        yield True
    finally:
        # A process that waits for the file that is removed here notices, and takes a new one.
        with suppress(OSError):
            disk.call(path.unlink)
        with suppress(OSError):
            disk.call(lock.release)


def is_held(path: Path) -> bool:
    """Say whether a living process holds ``path``; yes where that cannot be known."""
    from filelock import FileLock

    lock = FileLock(path)
    try:
        disk.call(lock.acquire, timeout=0)
    except (OSError, NotImplementedError):
        # Held (filelock's Timeout is an OSError), or it cannot be known.
        return True
    with suppress(OSError):
        disk.call(path.unlink)
    with suppress(OSError):
        disk.call(lock.release)
    return False

"""Locks between processes. They only save work: nothing is wrong without them.

The system frees a lock when its process dies. Where the file system has no
locks, or the folder cannot be written, everybody goes on as if alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mepipe.cache import disk
from mepipe.errors import SystemProblemError

# Windows has neither flag; a FIFO in place of the file must not keep anybody waiting.
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


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

    if path.is_symlink():
        # Taking the lock empties the file: not one that lies somewhere else.
        yield True
        return
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
    """Return True if a living process holds ``path``, or that cannot be known.

    Asks only: the file is neither made, emptied nor removed, and a link is not followed.
    """
    try:
        descriptor = disk.call(os.open, path, os.O_RDONLY | _AS_IT_IS)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        import fcntl

        disk.call(fcntl.flock, descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (ImportError, OSError):
        # Held, or it cannot be known (Windows has no such question).
        return True
    finally:
        # Closing gives the lock back.
        with suppress(OSError):
            disk.call(os.close, descriptor)
    return False

"""Locks between processes. They only avoid double work: correctness does not need them.

The system frees a lock when its process dies. Where the file system has no such locks,
or the folder cannot be written, every process goes on as if it were alone. A file whose
existence is the lock is never used instead: that of a killed process would stay for ever.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from mepipe.cache import disk
from mepipe.errors import SystemProblemError

# Windows has neither flag. Non-blocking, because opening a FIFO would wait for its other end.
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


@contextmanager
def claim(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file ``path`` during the body. Yield True if it may go on.

    Parameters
    ----------
    path
        The lock file. It is removed when the lock is released.
    wait
        If True, wait until another process releases it. If False, yield False
        while another process holds it.
    """
    from filelock import FileLock, Timeout

    if path.is_symlink():
        # Taking the lock truncates the file. The target of a link must not be.
        yield True
        return
    # The file is empty. The lock itself belongs to the system, which frees it with the process.
    try:
        disk.make_folder(path.parent)
        if not locks_work(path.parent):
            yield True
            return
        lock = FileLock(path)
        disk.call(lock.acquire, timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError, SystemProblemError):
        # No locks on this file system (NotImplementedError is filelock's), or not writable.
        yield True
        return
    try:
        yield True
    finally:
        # filelock notices that the file was removed while it waited, and creates a new one.
        with suppress(OSError):
            disk.call(path.unlink)
        with suppress(OSError):
            disk.call(lock.release)


@cache
def locks_work(folder: Path) -> bool:
    """Return True if the file system of ``folder``, which exists, has locks.

    Some have none: certain network file systems and containers.
    """
    try:
        import fcntl
    except ImportError:  # Windows locks by other means
        return True
    probe = folder / f".lock.{secrets.token_hex(8)}.part"
    try:
        descriptor = disk.call(os.open, probe, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return True  # not known: nothing can be written
    try:
        disk.call(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        with suppress(OSError):
            disk.call(os.close, descriptor)
        with suppress(OSError):
            disk.call(probe.unlink)
    return True


def is_held(path: Path) -> bool:
    """Return True if a living process holds ``path``, or if that cannot be known.

    The file is neither created, truncated nor removed. A link is not followed.
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
        # Held, or unknown: Windows has no fcntl.
        return True
    finally:
        # Closing releases the lock.
        with suppress(OSError):
            disk.call(os.close, descriptor)
    return False

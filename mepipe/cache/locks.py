"""Locks between processes. They only avoid double work: correctness does not need them.

The system frees a lock when its process dies. Where the file system has no such locks,
or the folder cannot be written, every process goes on as if it were alone. A file whose
existence is the lock is never used instead: that of a killed process would stay for ever.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
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
        release = _at_once(path) or _in_turn(path, wait=wait)
    except (OSError, NotImplementedError, SystemProblemError):
        # No locks on this file system (NotImplementedError is filelock's), or not writable.
        yield True
        return
    if release is None:
        yield False
        return
    try:
        yield True
    finally:
        # filelock notices that the file was removed while it waited, and creates a new one.
        with suppress(OSError):
            disk.call(path.unlink)
        with suppress(OSError):
            disk.call(release)


def _at_once(path: Path) -> Callable[[], object] | None:
    """Take the lock if nobody holds it, and return what releases it; None if that is not to be.

    This is nearly always so, and what filelock does in a tenth of its time: a clip takes four.
    """
    try:
        import fcntl
    except ImportError:  # Windows locks by other means
        return None
    try:
        descriptor = disk.call(os.open, path, os.O_RDWR | os.O_CREAT | _AS_IT_IS, 0o644)
    except OSError:
        return None
    try:
        disk.call(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who held it may have removed the file after it was opened here: then it locks nothing.
        if os.fstat(descriptor).st_nlink:
            return partial(os.close, descriptor)
    except OSError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _in_turn(path: Path, *, wait: bool) -> Callable[[], object] | None:
    """Wait for the lock, or only ask for it, and return what releases it. None if it is held."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        disk.call(lock.acquire, timeout=-1 if wait else 0)
    except Timeout:
        return None
    return lock.release


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

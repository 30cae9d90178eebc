"""A folder of outputs that is complete, or looks unfinished: what an export fills."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mepipe.cache import disk
from mepipe.errors import UsageError

_UNFINISHED = ".unfinished"


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Fill a new or empty ``folder`` that is recognisably unfinished until the end.

    The body writes into the folder that is yielded. It is inside ``folder``, so
    that ``folder`` may be a mount point and its parent need not be writable. At the
    end its content is moved up and it is removed last: while it exists, ``folder``
    is unfinished. If the body fails, nothing of its work stays.

    Raises
    ------
    UsageError
        If ``folder`` is not empty.
    SystemProblemError
        If it cannot be created or written.
    """
    existed = folder.is_dir()
    disk.make_folder(folder)
    with disk.system_errors("list", folder):
        found = sorted(disk.call(os.listdir, folder))
    if found:
        remains = found[0].startswith(_UNFINISHED)
        raise UsageError(
            f"the output folder {folder} is not empty: it holds "
            f"{'the unfinished ' if remains else ''}{found[0]}",
            "Empty it, or choose another folder with --out.",
        )
    part = folder / f"{_UNFINISHED}.{secrets.token_hex(8)}.part"
    moved: list[tuple[Path, tuple[int, ...]]] = []
    try:
        with disk.system_errors("create", part):
            disk.call(part.mkdir)
            # Another may have begun between the look and this.
            _require_alone(folder, part)
        yield part
        with disk.system_errors("finish", folder):
            _require_alone(folder, part)
            for name in sorted(disk.call(os.listdir, part)):
                # Noted before the move, so that an interruption in between removes the file too.
                moved.append((folder / name, _identity(part / name)))
                disk.call((part / name).rename, folder / name)
            disk.call(part.rmdir)
            disk.sync_folder(folder)
    except BaseException:
        # Also on Ctrl-C: a part of the files would look like the complete output.
        for path, identity in moved:
            # What stands there may be of another who filled the folder meanwhile.
            with suppress(OSError):
                if _identity(path) == identity:
                    _remove_tree(path)
        _remove_tree(part)
        if not existed:
            with suppress(OSError):
                disk.call(folder.rmdir)
        raise


def _require_alone(folder: Path, part: Path) -> None:
    other = next(
        (name for name in sorted(disk.call(os.listdir, folder)) if name != part.name), None
    )
    if other is not None:
        raise UsageError(
            f"something else writes to the output folder {folder}: it holds {other} now",
            "Wait for it, or choose another folder with --out.",
        )


def _identity(path: Path) -> tuple[int, ...]:
    # The number alone is not enough: the next new file can have that of a removed one.
    facts = disk.call(path.lstat)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _remove_tree(path: Path) -> None:
    with suppress(OSError):
        disk.call(shutil.rmtree if path.is_dir() else os.unlink, path)

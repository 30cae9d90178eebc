"""Proof that a folder is a cache of mepipe, and which files in it are mepipe's own.

Some commands remove and move files in a cache. With a wrong ``--cache``, or a link inside
a cache, these could be somebody else's files. So three things must hold:

- The folder has a marker. A cache from before markers existed must hold a file that only
  mepipe writes.
- Its folders are not links.
- In them, only files with names in mepipe's patterns are touched.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from mepipe.cache import disk
from mepipe.errors import UsageError
from mepipe.schema import CACHE_FOLDERS, CACHE_MARKER

MARKER = CACHE_MARKER
_MARK = b"""mepipe cache 1
mepipe made this folder; `mepipe cache` looks after it. Do not keep files of your own here:
this file says that what bears the names of cache files may be removed.
"""
FOLDERS = CACHE_FOLDERS

_SHA256 = "[0-9a-f]{64}"
OBJECT_FILE = re.compile(rf"({_SHA256})\.({_SHA256})\.h5")
TABLE_FILE = re.compile(rf"({_SHA256})\.json\.gz")
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{2,16}")
RECORD_FILE = re.compile(rf"({RUN_ID.pattern})\.json\.gz")
LOCK_FILE = re.compile(_SHA256)
_INDEX_FILE = re.compile(r"[0-9a-f]{32}\.json\.gz")
STAGE_FOLDER = re.compile(r"[a-z]+")
_PART = re.compile("[0-9a-f]{2}")

# The names that garbage collection may remove, by folder.
REMOVABLE = {
    "live": RUN_ID,
    "locks": LOCK_FILE,
    "quarantine": OBJECT_FILE,
    "runs": RECORD_FILE,
    "tables": TABLE_FILE,
}


def require_cache(root: Path) -> None:
    """Check that ``root`` is a cache, or a folder in which one can be created.

    Raises
    ------
    UsageError
        If a folder of the cache is a link or a file, or ``root`` has folders of
        these names that mepipe did not create.
    """
    there = [name for name in FOLDERS if _mode(root / name) is not None]
    for name in there:
        mode = _mode(root / name) or 0
        if not stat.S_ISDIR(mode):
            what = "a link" if stat.S_ISLNK(mode) else "not a folder"
            raise UsageError(
                f"{root / name} is {what}: mepipe changes only files inside the cache",
                "Move the whole cache and give its new folder with --cache, or replace this by "
                "a folder.",
            )
    if there and not is_marked(root) and not _made_before(root, there):
        raise UsageError(
            f"{root} is not a mepipe cache: its folder {there[0]}/ has other content",
            "Choose another folder with --cache; `mepipe cache path` prints the default.",
        )


def is_marked(root: Path) -> bool:
    """Return True if ``root`` has the marker of a cache, as a regular file."""
    return stat.S_ISREG(_mode(root / MARKER) or 0)


def mark(root: Path) -> None:
    """Write the marker, if it does not exist.

    Raises
    ------
    SystemProblemError
        If it cannot be written.
    """
    if not is_marked(root):
        disk.write_atomic(root / MARKER, _MARK)


def is_contained(path: Path, root: Path) -> bool:
    """Return True if ``path`` is below ``root`` and no folder in between is a link."""
    try:
        between = path.relative_to(root).parts
    except ValueError:
        return False
    if not between or ".." in between:
        return False
    # The root itself may be a link: the user chose it.
    folder = root
    for part in between[:-1]:
        folder /= part
        if not stat.S_ISDIR(_mode(folder) or 0):
            return False
    return True


def own_files(root: Path, folder: str) -> Iterator[Path]:
    """Yield the files in ``root/folder`` whose names match mepipe's pattern there."""
    if not is_contained(root / folder / "file", root):
        return
    for name in disk.names(root / folder):
        path = root / folder / name
        if REMOVABLE[folder].fullmatch(name) and stat.S_ISREG(_mode(path) or 0):
            yield path


def _made_before(root: Path, there: list[str]) -> bool:
    """Return True for a cache without a marker.

    Either it holds a file that only mepipe writes, or no file at all. Caches have
    markers since version 0.2.
    """
    if any(True for _ in _evidence(root)):
        return True
    return not any(_files(root / name) for name in there)


def _evidence(root: Path) -> Iterator[Path]:
    for folder, pattern in (
        ("runs", RECORD_FILE),
        ("tables", TABLE_FILE),
        ("index", _INDEX_FILE),
    ):
        for name in disk.names(root / folder):
            if pattern.fullmatch(name):
                yield root / folder / name
    for stage in filter(STAGE_FOLDER.fullmatch, disk.names(root / "objects")):
        for part in filter(_PART.fullmatch, disk.names(root / "objects" / stage)):
            for name in disk.names(root / "objects" / stage / part):
                if OBJECT_FILE.fullmatch(name):
                    yield root / "objects" / stage / part / name


def _files(folder: Path) -> bool:
    """Return True if there are files other than mepipe's own partial files and locks."""
    with disk.system_errors("list", folder):
        for name in disk.call(lambda: [entry.name for entry in folder.iterdir()]):
            path = folder / name
            mode = _mode(path) or 0
            if stat.S_ISDIR(mode):
                if _files(path):
                    return True
            elif not disk.is_partial(name) and not _is_lock(path):
                return True
    return False


def _is_lock(path: Path) -> bool:
    pattern = REMOVABLE.get(path.parent.name)
    return path.parent.name in {"live", "locks"} and bool(pattern and pattern.fullmatch(path.name))


def _mode(path: Path) -> int | None:
    """Return the mode of ``path``, of a link itself, or None if it does not exist."""
    with disk.system_errors("look at", path):
        try:
            return disk.call(path.lstat).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None

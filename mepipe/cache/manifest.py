"""The manifest of an output folder: which files mepipe wrote, and for which keys."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.errors import UsageError

FEATURES = "features.h5"
REPORT = "report.html"
REPORT_FILES = "report-files"  # a folder: pictures of a report that is too large to hold them
RESULTS = ("results.json", "predictions.csv", "confusion.png")
TABLES = ("failures.csv", "notes.csv")
WORTH_A_LOOK = "worth-a-look.csv"
EARLIER = "earlier"
"""The folder in the output folder that keeps results of an earlier run until there are new ones."""
MANIFEST = "manifest.json"
# The entry of a file that will be written, or was removed.
_CLAIMED: Mapping[str, Any] = {"key": "", "sha256": "", "stat": None}


class Manifest:
    """The key that each file of an output folder was made for.

    Files that it does not name were not written by mepipe. They are neither replaced
    nor removed. A file is current while its size and time stamp are those recorded
    when it was written. So a run with nothing to do neither opens nor rewrites it.

    Raises
    ------
    UsageError
        If the folder holds a manifest.json of another program.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        data = disk.read_bytes(folder / MANIFEST)
        entries = {} if data is None else _entries(data)
        if entries is None:
            raise _foreign(folder / MANIFEST)
        self._entries: dict[str, dict[str, Any]] = entries

    def require_own(self, files: Iterable[str]) -> None:
        """Check that none of ``files`` exists without being written by mepipe.

        Raises
        ------
        UsageError
            If one does. It names the file, which is not changed.
        """
        for file in files:
            path = self._folder / file
            # A folder of that name is safe: the system refuses to replace it by a file.
            if file not in self._entries and os.path.lexists(path) and not path.is_dir():
                raise _foreign(path)

    def claim(self, files: Iterable[str]) -> None:
        """Record that ``files`` will be written, so that they are mepipe's even after a crash.

        Raises
        ------
        UsageError
            As `require_own`.
        """
        new = [file for file in files if file not in self._entries]
        self.require_own(new)
        if new:
            disk.make_folder(self._folder)
            self._entries |= {file: dict(_CLAIMED) for file in new}
            self._save()

    def _save(self) -> None:
        text = json.dumps(self._entries, indent=1, sort_keys=True)
        disk.write_atomic(self._folder / MANIFEST, text.encode())

    def is_current(self, file: str, key: str) -> bool:
        """Return True if ``file`` exists unchanged and was made for ``key``."""
        entry = self._entries.get(file)
        if entry is None or entry.get("key") != key:
            return False
        found = self._stat(file)
        return found is not None and found == entry.get("stat")

    def why_stale(self, file: str, key: str) -> str:
        """Return why ``file`` is stale for ``key``, as plans say it. Empty if it is current."""
        if self.is_current(file, key):
            return ""
        entry = self._entries.get(file)
        if entry is None or not entry["key"]:
            return "new"
        return f"{file} is missing or was changed" if entry.get("key") == key else "input changed"

    def digest(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written."""
        return str(self._entries[file]["sha256"])

    def made(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written. Empty if there is none."""
        return str(self._entries[file]["sha256"]) if file in self._entries else ""

    def stat(self, file: str) -> tuple[int, int]:
        """Return the size and the time stamp (ns) of ``file`` as it was written."""
        size, stamp = self._entries[file]["stat"]
        return int(size), int(stamp)

    @contextmanager
    def writing(self, file: str, key: str, *, private: bool = False) -> Iterator[disk.Output]:
        """Write ``file`` atomically in the body, and record that it was made for ``key``.

        ``private`` as for `mepipe.cache.disk.replacing`.
        """
        self.claim([file])
        with disk.replacing(self._folder / file, private=private) as output:
            yield output
            # Read back from the file, because parts of it may have been patched.
            digest = output.digest()
        # Only now: after a crash before this line the file is not current, and is written again.
        self._entries[file] = {"key": key, "sha256": digest, "stat": self._stat(file)}
        self._save()

    def write(self, file: str, key: str, data: bytes, *, private: bool = False) -> None:
        """Write ``file`` atomically, and record that it was made for ``key``."""
        with self.writing(file, key, private=private) as output:
            output.write(data)

    def _stat(self, file: str) -> list[int] | None:
        found = disk.facts(self._folder / file)
        return [found.st_size, found.st_mtime_ns] if found else None

    def write_if_stale(self, file: str, key: str, data: bytes) -> None:
        """Write ``file`` unless it is current."""
        if not self.is_current(file, key):
            self.write(file, key, data)

    def read_if_current(self, file: str, key: str) -> bytes | None:
        """Return the content of ``file`` if it is current and as it was written, else None."""
        data = disk.read_bytes(self._folder / file) if self.is_current(file, key) else None
        # A failing disk leaves size and time stamp as they were.
        same = data is not None and hashlib.sha256(data).hexdigest() == self.made(file)
        return data if same else None

    def drop(self, file: str) -> None:
        """Remove ``file``, which is out of date. A file that mepipe did not write stays."""
        if file in self._entries:
            # The entry stays in the saved manifest until the next write. That is safe: without the
            # file it is not current.
            disk.remove(self._folder / file)
            self._entries[file] = dict(_CLAIMED)

    def replace_folder(self, name: str, key: str, files: Mapping[str, bytes]) -> None:
        """Make the folder ``name`` hold ``files`` and none that mepipe wrote into it before.

        Parameters
        ----------
        name
            The folder, within the output folder. One that is left empty is removed.
        key
            What the files were made for.
        files
            By their names in the folder. Files that mepipe did not write stay.

        Raises
        ------
        UsageError
            If the name is that of a link or a file, or a file of one of these names is not
            mepipe's. Nothing is changed.
        """
        place = self._folder / name
        before = [file for file in self._entries if file.startswith(f"{name}/")]
        if not files and not before:
            return
        if place.is_symlink() or (os.path.lexists(place) and not place.is_dir()):
            raise _foreign(place)
        self.claim(f"{name}/{file}" for file in files)
        if files:
            disk.make_folder(place)
        for file, data in files.items():
            # Lost with the power, they have another size, and are written again.
            # Its pictures show faces.
            disk.write_atomic(place / file, data, lasting=False, synced=False, private=True)
            path = f"{name}/{file}"
            digest = hashlib.sha256(data).hexdigest()
            self._entries[path] = {"key": key, "sha256": digest, "stat": self._stat(path)}
        for path in before:
            if path.removeprefix(f"{name}/") not in files:
                disk.remove(self._folder / path)
                del self._entries[path]
        if not files:
            with suppress(OSError):  # others put files there
                disk.call(place.rmdir)
        self._save()

    def holds_folder(self, name: str) -> bool:
        """Return True if every file that mepipe wrote into the folder is there unchanged."""
        return all(
            self._stat(file) == entry.get("stat")
            for file, entry in self._entries.items()
            if file.startswith(f"{name}/")
        )

    def kept(self, files: Iterable[str]) -> list[str]:
        """Return those of ``files`` that mepipe wrote, and that still exist."""
        return [file for file in files if self.made(file) and self._stat(file) is not None]

    def set_aside(self, files: Iterable[str]) -> None:
        """Move ``files`` to the folder `EARLIER`. What lies there already is replaced.

        They are results of other features than the next ones. Here they would look like those of
        the new features, but nothing is lost until there are new ones (`drop_earlier`).
        """
        present = self.kept(files)
        if not present:
            return
        self.drop_earlier(files)
        disk.make_folder(self._folder / EARLIER)
        for file in present:
            # Recorded first: after a crash between the two it is still known as mepipe's.
            self._entries[f"{EARLIER}/{file}"] = dict(self._entries[file])
            self._entries[file] = dict(_CLAIMED)
        self._save()
        for file in present:
            disk.move_aside(self._folder / file, self._folder / EARLIER, replace=True)

    def drop_earlier(self, files: Iterable[str]) -> None:
        """Remove what `set_aside` has kept of ``files``, and the folder if it is empty then."""
        kept = [f"{EARLIER}/{file}" for file in files if f"{EARLIER}/{file}" in self._entries]
        for file in kept:
            disk.remove(self._folder / file)
            del self._entries[file]
        if kept:
            disk.remove_empty(self._folder / EARLIER)


def _entries(data: bytes) -> dict[str, dict[str, Any]] | None:
    """Return the entries of a manifest, or None if ``data`` is not one of mepipe's."""
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    return entries if all(_is_entry(entry) for entry in entries.values()) else None


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.keys() != _CLAIMED.keys():
        return False
    stat = entry["stat"]
    # JSON's true is a number of Python.
    numbers = isinstance(stat, list) and len(stat) == 2 and all(type(one) is int for one in stat)
    return (
        isinstance(entry["key"], str)
        and isinstance(entry["sha256"], str)
        and (stat is None or numbers)
    )


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} was not written by mepipe and is not replaced",
        "Move it, or choose another folder with --out.",
    )

"""Which files of an output folder mepipe wrote, and for what key: they are current, or stale."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.errors import UsageError

FEATURES = "features.h5"
REPORT = "report.html"
RESULTS = ("results.json", "predictions.csv", "confusion.png")
TABLES = ("failures.csv", "notes.csv")
MANIFEST = "manifest.json"
# The entry of a file that is to be written, or was removed.
_CLAIMED: Mapping[str, Any] = {"key": "", "sha256": "", "stat": None}


class Manifest:
    """Which key each file of an output folder was made for.

    What it does not name was not written by mepipe: it is neither replaced nor removed.
    A file counts as current while its size and time stamp are those noted when
    it was written; so a warm run neither opens nor rewrites it.

    Raises
    ------
    UsageError
        If the folder holds a manifest.json of something else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        data = disk.read_bytes(folder / MANIFEST)
        entries = {} if data is None else _entries(data)
        if entries is None:
            raise _foreign(folder / MANIFEST)
        self._entries: dict[str, dict[str, Any]] = entries

    def require_own(self, files: Iterable[str]) -> None:
        """Raise if one of ``files`` is there and mepipe did not write it.

        Raises
        ------
        UsageError
            Naming the file, which stays as it is.
        """
        for file in files:
            path = self._folder / file
            # A folder in its place cannot be lost: the system refuses to replace it.
            if file not in self._entries and os.path.lexists(path) and not path.is_dir():
                raise _foreign(path)

    def claim(self, files: Iterable[str]) -> None:
        """Note that ``files`` will be written here, so that a killed run knows them for its own.

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
        """Say whether ``file`` is there, unchanged, and was made for ``key``."""
        entry = self._entries.get(file)
        if entry is None or entry.get("key") != key:
            return False
        found = self._stat(file)
        return found is not None and found == entry.get("stat")

    def why_stale(self, file: str, key: str) -> str:
        """Say why ``file`` is not current for ``key``, in a plan's words; empty if it is."""
        if self.is_current(file, key):
            return ""
        entry = self._entries.get(file)
        if entry is None or not entry["key"]:
            return "new"
        return f"{file} is gone or was changed" if entry.get("key") == key else "input changed"

    def digest(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written."""
        return str(self._entries[file]["sha256"])

    def made(self, file: str) -> str:
        """Return the sha256 of ``file`` as it was written; empty where none was."""
        return str(self._entries[file]["sha256"]) if file in self._entries else ""

    def stat(self, file: str) -> tuple[int, int]:
        """Return the size and the time stamp (ns) of ``file`` as it was written."""
        size, stamp = self._entries[file]["stat"]
        return int(size), int(stamp)

    @contextmanager
    def writing(self, file: str, key: str) -> Iterator[disk.Output]:
        """Let the body write ``file``; it is replaced as a whole, and noted as made for ``key``."""
        self.claim([file])
        with disk.replacing(self._folder / file) as output:
            yield output
            digest = output.digest()
        self._entries[file] = {"key": key, "sha256": digest, "stat": self._stat(file)}
        self._save()

    def write(self, file: str, key: str, data: bytes) -> None:
        """Write ``file`` atomically, and note that it was made for ``key``."""
        with self.writing(file, key) as output:
            output.write(data)

    def _stat(self, file: str) -> list[int] | None:
        found = disk.facts(self._folder / file)
        return [found.st_size, found.st_mtime_ns] if found else None

    def write_if_stale(self, file: str, key: str, data: bytes) -> None:
        """Write ``file`` unless it is current."""
        if not self.is_current(file, key):
            self.write(file, key, data)

    def drop(self, file: str) -> None:
        """Remove ``file``, which no longer says the truth; one that mepipe did not write stays."""
        if file in self._entries:
            disk.remove(self._folder / file)
            self._entries[file] = dict(_CLAIMED)


def _entries(data: bytes) -> dict[str, dict[str, Any]] | None:
    """Return the entries of a manifest; None if ``data`` is none of mepipe's."""
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    ours = all(
        isinstance(entry, dict) and entry.keys() == _CLAIMED.keys() for entry in entries.values()
    )
    return entries if ours else None


def _foreign(path: Path) -> UsageError:
    return UsageError(
        f"{path} was not written by mepipe: it is not replaced",
        "Move it away, or name another folder with --out.",
    )

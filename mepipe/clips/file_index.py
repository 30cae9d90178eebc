"""An index of the digests of dataset files, so that unchanged files are not read again.

The index only saves time: without it, files are hashed again. An entry is valid while
size and time stamp are unchanged. It is stored only if the time stamp was at least two
seconds old when the file was hashed. Otherwise a file that was written twice within the
resolution of its time stamp would look unchanged.
"""

from __future__ import annotations

import gzip
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import sha256_text
from mepipe.cache.records import unpacked
from mepipe.datasets.frames_on_disk import IMAGE_SUFFIXES
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import FileFacts, VideoFacts, probe_video, readable, refuse_long_file

_FORMAT = 1

VideoError = BadDataError | UnreadableInputError | MemoryError


@dataclass(frozen=True)
class Entry:
    """The facts about one file. ``video`` is set if it was decoded as a video."""

    file: FileFacts
    video: VideoFacts | None = None


def probe_file(path: Path) -> Entry:
    """Hash a video file and decode it once.

    Raises
    ------
    UnreadableInputError
        If the file cannot be read.
    BadDataError
        If it is not a video, or none of its frames can be decoded.
    """
    with readable(path) as file:
        facts = FileFacts.of(file)
        video = probe_video(file)
        # The digest and the number of frames must belong to the same bytes.
        if not facts.still_of(file):
            raise UnreadableInputError(
                f"{path} changed while mepipe was reading it",
                "Run again when the dataset is no longer being written.",
            )
    return Entry(facts, video)


class DigestIndex:
    """The digests of the files under one dataset root."""

    def __init__(self, cache_root: Path, dataset_root: Path, *, rehash: bool = False) -> None:
        resolved = dataset_root.resolve()
        self._root = resolved if resolved.is_dir() else resolved.parent
        self._file = cache_root / "index" / f"{sha256_text(str(self._root))[:32]}.json.gz"
        # Kept in stored form. A dataset can have hundreds of thousands of files, and only the
        # entries that a run needs are converted.
        self._entries: dict[str, list[Any]] = {} if rehash else _load(self._file)
        # Entries of this run, valid for it even if the time stamp is too young to be stored.
        self._fresh: dict[str, Entry] = {}
        # Videos that killed a worker, by name, with the reason. This process must not open them.
        self._refused: dict[str, str] = {}
        # What was wrong with the others, as a worker found it.
        self._errors: dict[str, VideoError] = {}
        self._changed = False

    def digest(self, path: Path) -> str:
        """Return the sha256 of the bytes of ``path``.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read, or is larger than any valid image.
        """
        entry = self.known(path)
        if entry is None:
            with readable(path) as file:
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    refuse_long_file(path, os.fstat(file.fileno()).st_size)
                entry = Entry(FileFacts.of(file))
            self.learn(path, entry)
        return entry.file.sha256

    def video(self, path: Path) -> VideoFacts:
        """Return the frames and times of a video file. Raises as `probe_file`."""
        entry = self.known(path)
        if entry is None or entry.video is None:
            if _name(path) in self._refused:
                raise UnreadableInputError(
                    f"{path}: the worker process that read only this video ended: "
                    f"{self._refused[_name(path)]}",
                    "It may need more memory than is available. Run again, or exclude the clip.",
                )
            if _name(path) in self._errors:
                raise self._errors[_name(path)]
            entry = probe_file(path)
            self.learn(path, entry)
        assert entry.video is not None
        return entry.video

    def refuse(self, path: Path, reason: str) -> None:
        """Record that reading this video killed a process, so that it is not read again."""
        self._refused[_name(path)] = reason

    def keep_error(self, path: Path, error: VideoError) -> None:
        """Record why this video cannot be read, so that it is not decoded again to find out."""
        self._errors[_name(path)] = error

    def knows_video(self, path: Path) -> bool:
        """Return True if `video` needs not read the file."""
        try:
            entry = self.known(path)
        except UnreadableInputError:
            return False
        return entry is not None and entry.video is not None

    def known(self, path: Path) -> Entry | None:
        """Return the entry of ``path``, or None if there is none or the file has changed.

        Raises
        ------
        UnreadableInputError
            If the file does not exist.
        """
        entry = self._noted(path)
        try:
            stat = path.stat()
        except OSError as error:
            raise UnreadableInputError(
                f"cannot read {path}: {error.strerror}",
                "Restore the file, or give yourself permission to read it.",
            ) from error
        if entry and (entry.file.size, entry.file.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return entry
        return None

    def learn(self, path: Path, entry: Entry) -> None:
        """Add the entry of ``path``, found in this process or in a worker."""
        earlier = self._noted(path)
        # A worker that only hashed a video must not erase what is known of its frames.
        if entry.video is None and earlier and earlier.file.sha256 == entry.file.sha256:
            entry = Entry(entry.file, earlier.video)
        self._fresh[_name(path)] = entry
        if entry.file.settled:
            video = entry.video.to_json() if entry.video else None
            facts = entry.file
            self._entries[_name(path)] = [facts.size, facts.mtime_ns, facts.sha256, video]
            self._changed = True

    def _noted(self, path: Path) -> Entry | None:
        name = _name(path)
        fresh, stored = self._fresh.get(name), self._entries.get(name)
        if fresh is not None or stored is None:
            return fresh
        try:
            size, mtime_ns, sha256, video = stored
            facts = FileFacts(size, mtime_ns, sha256, settled=True)
            return Entry(facts, VideoFacts.from_json(video) if video else None)
        except (ValueError, KeyError, TypeError):
            # A damaged entry counts as missing: the file is hashed again.
            return None

    def save(self) -> None:
        """Write the index, if anything in it is new."""
        if not self._changed:
            return
        content = {"format": _FORMAT, "root": str(self._root), "files": self._entries}
        text = json.dumps(content)
        # With a read-only cache the files are hashed again in the next run. The gzip header has
        # no time (mtime=0), so an equal index has equal bytes.
        with suppress(disk.NotWritableError):
            disk.make_folder(self._file.parent)
            if self._file.is_dir():  # a foreign folder with this name
                disk.move_aside(self._file, self._file.parent.parent / "quarantine", replace=False)
            disk.write_atomic(self._file, gzip.compress(text.encode(), 1, mtime=0))
        self._changed = False


def _load(file: Path) -> dict[str, list[Any]]:
    odd = file.exists() and not file.is_file()  # a folder or a pipe of this name
    data = None if odd else disk.read_bytes(file)
    if data is None:
        return {}
    try:
        content = json.loads(unpacked(data))
        if content["format"] != _FORMAT:
            return {}
        files = content["files"]
        return files if isinstance(files, dict) else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        # A damaged index counts as missing: all files are hashed again.
        return {}


def _name(path: Path) -> str:
    # Absolute, so that the spelling of the folder does not matter. Links are not resolved:
    # that costs a system call per folder.
    return str(path.absolute())

"""What is known of a dataset's files, so that unchanged ones need not be read again.

The index is a convenience: losing it costs re-hashing, never a wrong result. An
entry counts only while size and time stamp are the same, and only if the time
stamp was at least two seconds old when the file was hashed (a file written
twice within its time stamp's resolution would otherwise look unchanged).
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import sha256_text
from mepipe.datasets.frames_on_disk import IMAGE_SUFFIXES
from mepipe.errors import UnreadableInputError
from mepipe.frames import FileFacts, VideoFacts, probe_video, readable, refuse_long_file

_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """What is known of one file; ``video`` where it was looked at as a video."""

    file: FileFacts
    video: VideoFacts | None = None


def look_into_video(path: Path) -> Entry:
    """Hash a video file and decode it once.

    Raises
    ------
    UnreadableInputError
        If the file cannot be read.
    BadDataError
        If it is no video, or has no frame that can be decoded.
    """
    with readable(path) as file:
        facts = FileFacts.of(file)
        video = probe_video(file)
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
        # As stored: of hundreds of thousands of files only those that a run asks for are unpacked.
        self._entries: dict[str, list[Any]] = {} if rehash else _load(self._file)
        # Found in this run: good for it even where the time stamp is too young to be kept.
        self._fresh: dict[str, Entry] = {}
        # Videos that are not looked into in this process, by name, with the reason.
        self._refused: dict[str, str] = {}
        self._changed = False

    def digest(self, path: Path) -> str:
        """Return the sha256 of the bytes of ``path``.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read, or is an image longer than any frame.
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
        """Return the frames and times of a video file; errors as `look_into_video`."""
        entry = self.known(path)
        if entry is None or entry.video is None:
            if _name(path) in self._refused:
                raise UnreadableInputError(
                    f"{path}: the process that looked into it alone was killed: "
                    f"{self._refused[_name(path)]}",
                    "It may need more memory than there is; run again, or leave the clip out.",
                )
            entry = look_into_video(path)
            self.learn(path, entry)
        assert entry.video is not None
        return entry.video

    def refuse(self, path: Path, reason: str) -> None:
        """Note that looking into a video killed the process that did, so that none does again."""
        self._refused[_name(path)] = reason

    def knows_video(self, path: Path) -> bool:
        """Say whether `video` would answer without reading the file."""
        try:
            entry = self.known(path)
        except UnreadableInputError:
            return False
        return entry is not None and entry.video is not None

    def known(self, path: Path) -> Entry | None:
        """Return what is known of ``path``, if that still holds.

        Raises
        ------
        UnreadableInputError
            If the file is gone.
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
        """Take over what was found of ``path``, here or by a worker."""
        earlier = self._noted(path)
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
            # A damaged entry is no entry: the file is hashed again.
            return None

    def save(self) -> None:
        """Write the index, if anything in it is new."""
        if not self._changed:
            return
        content = {"format": _FORMAT, "root": str(self._root), "files": self._entries}
        text = json.dumps(content)
        # Nothing is lost where the cache can only be read: the files are hashed again.
        with suppress(disk.NotWritableError):
            disk.make_folder(self._file.parent)
            disk.write_atomic(self._file, gzip.compress(text.encode(), 1, mtime=0))
        self._changed = False


def _load(file: Path) -> dict[str, list[Any]]:
    data = disk.read_bytes(file)
    if data is None:
        return {}
    try:
        content = json.loads(gzip.decompress(data))
        if content["format"] != _FORMAT:
            return {}
        files = content["files"]
        return files if isinstance(files, dict) else {}
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error):
        # A damaged index is no index: everything is hashed again.
        return {}


def _name(path: Path) -> str:
    # However the user wrote the folder; resolving links would cost a call per folder.
    return str(path.absolute())

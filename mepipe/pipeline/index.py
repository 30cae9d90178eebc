"""What is known of a dataset's files, so that unchanged ones need not be read again.

The index is a convenience: losing it costs re-hashing, never a wrong result. An
entry counts only while size and time stamp are the same, and only if the time
stamp was at least two seconds old when the file was hashed (a file written
twice within its time stamp's resolution would otherwise look unchanged).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import sha256_text
from mepipe.errors import UnreadableInputError
from mepipe.frames import VideoFacts, probe_video

_FORMAT = 1
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class _Entry:
    size: int
    mtime_ns: int
    sha256: str
    video: VideoFacts | None


class DigestIndex:
    """The digests of the files under one dataset root."""

    def __init__(self, cache_root: Path, dataset_root: Path, *, rehash: bool = False) -> None:
        resolved = dataset_root.resolve()
        self._root = resolved if resolved.is_dir() else resolved.parent
        self._file = cache_root / "index" / f"{sha256_text(str(self._root))[:32]}.json.gz"
        self._entries: dict[str, _Entry] = {} if rehash else _load(self._file)
        self._changed = False

    def digest(self, path: Path) -> str:
        """Return the sha256 of the bytes of ``path``.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read.
        """
        return self._entry(path, video=False).sha256

    def video(self, path: Path) -> tuple[str, VideoFacts]:
        """Return the sha256 of the video file ``path``, and its frames and times.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read.
        BadDataError
            If it is no video, or has no frame that can be decoded.
        """
        entry = self._entry(path, video=True)
        assert entry.video is not None
        return entry.sha256, entry.video

    def _entry(self, path: Path, *, video: bool) -> _Entry:
        # Paths of one root share its prefix; resolving each would cost a call per folder.
        name = str(path)
        try:
            stat = path.stat()
            known = self._entries.get(name)
            if (
                known is not None
                and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
                and (known.video is not None or not video)
            ):
                return known
            hashed_at = time.time_ns()
            data = path.read_bytes()
        except OSError as error:
            raise UnreadableInputError(
                f"cannot read {path}: {error.strerror}",
                "Restore the file, or give yourself permission to read it.",
            ) from error
        entry = _Entry(
            stat.st_size,
            stat.st_mtime_ns,
            hashlib.sha256(data).hexdigest(),
            probe_video(data) if video else None,
        )
        if hashed_at - stat.st_mtime_ns > _SETTLED_NS and len(data) == stat.st_size:
            self._entries[name] = entry
            self._changed = True
        return entry

    def save(self) -> None:
        """Write the index, if anything in it is new."""
        if not self._changed:
            return
        entries: dict[str, list[Any]] = {
            name: [e.size, e.mtime_ns, e.sha256, e.video.to_json() if e.video else None]
            for name, e in self._entries.items()
        }
        text = json.dumps({"format": _FORMAT, "root": str(self._root), "files": entries})
        disk.make_folder(self._file.parent)
        disk.write_atomic(self._file, gzip.compress(text.encode(), 1, mtime=0))
        self._changed = False


def _load(file: Path) -> dict[str, _Entry]:
    data = disk.read_bytes(file)
    if data is None:
        return {}
    try:
        content = json.loads(gzip.decompress(data))
        if content["format"] != _FORMAT:
            return {}
        return {
            name: _Entry(size, mtime_ns, sha256, VideoFacts.from_json(video) if video else None)
            for name, (size, mtime_ns, sha256, video) in content["files"].items()
        }
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        # A damaged index is no index: everything is hashed again.
        return {}

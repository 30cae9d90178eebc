"""The frames of one clip by position, each with the digest of what it was decoded from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UnreadableInputError
from mepipe.frames.images import decode_image
from mepipe.frames.video import video_frames

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Timing:
    """When a clip's frames were taken.

    ``fps`` is None where it is unknown; ``times_ms`` is given where the rate
    varies.
    """

    fps: float | None
    times_ms: tuple[float, ...] | None = None

    def times(self, count: int) -> NDArray[np.float64] | None:
        """Return the time of each of ``count`` frames in ms, or None where unknown."""
        if self.times_ms is not None:
            return np.array(self.times_ms[:count], dtype=np.float64)
        if self.fps is None:
            return None
        return np.arange(count, dtype=np.float64) * (1000.0 / self.fps)


@dataclass
class FrameReader:
    """Reads the frames of one clip.

    Parameters
    ----------
    files
        One image file per position; or the video file alone.
    count
        How many frames the clip has.
    is_video
        Whether ``files`` is one video.
    known_digest
        Gives the sha256 of a file without reading it where that is known, else
        None (`DigestIndex.digest` while planning; the planned digests in a worker).
    """

    files: tuple[Path, ...]
    count: int
    is_video: bool
    known_digest: Callable[[Path], str | None]
    _digests: dict[Path, str] = field(default_factory=dict, init=False)

    def digest(self, position: int) -> str:
        """Return what identifies the frame: its file's sha256, and where in a video it is.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read.
        """
        path = self._path(position)
        if path not in self._digests:
            known = self.known_digest(path)
            if known is None:
                known = hashlib.sha256(_read(path)).hexdigest()
            self._digests[path] = known
        digest = self._digests[path]
        return f"{digest}:{position}" if self.is_video else digest

    def known(self) -> dict[str, str]:
        """Return the sha256 of every file whose digest was asked for, by path."""
        return {str(path): digest for path, digest in self._digests.items()}

    def images(self, positions: Sequence[int] | None = None) -> Iterator[tuple[int, Image]]:
        """Yield (position, (H, W, 3) uint8 BGR) for ``positions`` (None: all), ascending.

        A video is decoded once, in sequence. At most one frame is held here.

        Raises
        ------
        UnreadableInputError
            If a file cannot be read, or changed since its digest was taken.
        BadDataError
            If a frame cannot be decoded.
        """
        wanted = range(self.count) if positions is None else sorted(set(positions))
        if self.is_video:
            yield from video_frames(self._bytes(0), frozenset(wanted))
            return
        for position in wanted:
            yield position, decode_image(self._bytes(position), position)

    def image(self, position: int) -> Image:
        """Return one frame, (H, W, 3) uint8 BGR; errors as for `images`."""
        return next(image for _, image in self.images([position]))

    def _path(self, position: int) -> Path:
        return self.files[0 if self.is_video else position]

    def _bytes(self, position: int) -> bytes:
        path = self._path(position)
        data = _read(path)
        found = hashlib.sha256(data).hexdigest()
        if self._digests.setdefault(path, found) != found:
            raise UnreadableInputError(
                f"{path} changed while mepipe was reading it",
                "Run again when the dataset is no longer being written.",
            )
        return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableInputError(
            f"cannot read {path}: {error.strerror}",
            "Restore the file, or give yourself permission to read it.",
        ) from error

"""Frames of one clip by position, each with the digest of its file."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UnreadableInputError
from mepipe.frames.images import decode_image, out_of_memory, refuse_long_file
from mepipe.frames.video import video_frames
from mepipe.frames.video_facts import VideoFacts
from mepipe.regular_files import regular

Image = NDArray[np.uint8]

# The coarsest time stamps of file systems (FAT) have steps of 2 s.
_SETTLED_NS = 2_000_000_000
_BITS = ":bits="  # in a digest, before the number
_READ_WHOLE = 4_000_000  # bytes: smaller files are hashed in one read


@dataclass(frozen=True)
class Timing:
    """The times of a clip's frames.

    Parameters
    ----------
    fps
        Frames per second, or None if unknown.
    times_ms
        The time of each frame, ms, where the rate varies. It has precedence.

    Examples
    --------
    >>> from mepipe.frames import Timing
    >>> Timing(fps=200).times(3)
    array([ 0.,  5., 10.])
    >>> Timing(fps=None).known
    False
    """

    fps: float | None
    times_ms: tuple[float, ...] | None = None

    @property
    def known(self) -> bool:
        """True if the times of the frames are known."""
        return self.fps is not None or self.times_ms is not None

    def times(self, count: int) -> NDArray[np.float64] | None:
        """Return the times of ``count`` frames, (count,) float64 in ms, or None if unknown."""
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
        One image file for each position, or the video file alone.
    count
        Number of frames of the clip.
    video
        The facts of the video, or None if ``files`` are images.
    known_digest
        Returns the sha256 of a file where it is known without reading it, else
        None (`DigestIndex.digest` while planning; the planned digests in a worker).
    bits
        How many bits the frames use where their files have 16, one number for the clip
        (`mepipe.frames.depth.clip_bits`). It is part of every digest. None: all.

    Attributes
    ----------
    learnt
        The facts of the files that had to be hashed here, by path.

    Examples
    --------
    A folder of three images:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import cv2
    >>> import numpy as np
    >>> from mepipe.frames import FrameReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = tuple(Path(folder) / f"{number}.png" for number in range(3))
    ...     for file in files:
    ...         _ = file.write_bytes(cv2.imencode(".png", np.zeros((48, 64), np.uint8))[1])
    ...     reader = FrameReader(files, len(files), None, lambda path: None)
    ...     [image.shape for _, image in reader.images()]
    [(48, 64, 3), (48, 64, 3), (48, 64, 3)]
    """

    files: tuple[Path, ...]
    count: int
    video: VideoFacts | None
    known_digest: Callable[[Path], str | None]
    bits: int | None = None
    learnt: dict[Path, FileFacts] = field(default_factory=dict, init=False)
    _digests: dict[Path, str] = field(default_factory=dict, init=False)

    @property
    def is_video(self) -> bool:
        """True if the clip is one video file."""
        return self.video is not None

    def digest(self, position: int) -> str:
        """Return the identity of a frame: the sha256 of its file, and what else decides its pixels.

        That is the position in a video, and ``bits`` where it is set.

        Where frames of a video are more than decoded (made square, deinterlaced), that is
        part of it.

        Raises
        ------
        UnreadableInputError
            If the file cannot be read.
        """
        path = self._path(position)
        if path not in self._digests:
            known = self.known_digest(path)
            if known is None:
                known = self._learn(path).sha256
            self._digests[path] = known
        digest = self._digests[path]
        if self.video is None:
            return digest if self.bits is None else f"{digest}{_BITS}{self.bits}"
        recipe = self.video.recipe
        return f"{digest}:{position}:{recipe}" if recipe else f"{digest}:{position}"

    def new_pictures(self) -> list[int]:
        """Return the positions of frames that do not repeat the picture of the frame before.

        Of images, the files are compared, so all of them must be hashed.
        """
        if self.video is not None:
            again = frozenset(self.video.repeats)
        else:
            names = [self.digest(position) for position in range(self.count)]
            again = frozenset(i for i in range(1, self.count) if names[i] == names[i - 1])
        return [position for position in range(self.count) if position not in again]

    def codec_keys(self) -> tuple[int, ...]:
        """Return the positions of a video's key frames. Images have none."""
        return self.video.keys if self.video is not None else ()

    def known(self) -> dict[str, str]:
        """Return the sha256 of every file whose digest was requested, by path."""
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
        if self.video is not None:
            with self._opened(self._path(0)) as file:
                yield from video_frames(file, frozenset(wanted), facts=self.video)
            return
        for position in wanted:
            yield position, self._decoded(position)

    def image(self, position: int) -> Image:
        """Return one frame, (H, W, 3) uint8 BGR; errors as for `images`."""
        return next(image for _, image in self.images([position]))

    def name(self, position: int) -> str:
        """Return the frame's name for messages: its file, in a video with its position."""
        path = self._path(position)
        return f"{path}, frame {position}" if self.is_video else str(path)

    def _path(self, position: int) -> Path:
        return self.files[0 if self.is_video else position]

    def _learn(self, path: Path) -> FileFacts:
        with readable(path) as file:
            if not self.is_video:
                refuse_long_file(path, os.fstat(file.fileno()).st_size)
            facts = FileFacts.of(file)
        self.learnt[path] = facts
        return facts

    def _decoded(self, position: int) -> Image:
        try:
            return decode_image(self._bytes(position), position, self.bits)
        except MemoryError as error:
            raise out_of_memory(f"{self.name(position)} was decoded") from error

    def _bytes(self, position: int) -> bytes:
        path = self._path(position)
        with readable(path) as file:
            refuse_long_file(path, os.fstat(file.fileno()).st_size)
            data = file.read()
        self._check(path, hashlib.sha256(data).hexdigest())
        return data

    @contextmanager
    def _opened(self, path: Path) -> Iterator[BufferedReader]:
        """Open a large file, and check that the body read the bytes that were hashed.

        The file is not held in memory. Its size and time stamp must be the same
        before and after.
        """
        with readable(path) as file:
            before = FileFacts.of(file)
            self._check(path, before.sha256)
            yield file
            if not before.still_of(file):
                raise _changed(path)

    def _check(self, path: Path, found: str) -> None:
        if self._digests.setdefault(path, found) != found:
            raise _changed(path)


def split_digest(digest: str) -> tuple[str, int | None]:
    """Return the sha256 of a frame's file and ``bits``, from `FrameReader.digest`.

    >>> split_digest("e3b0:bits=10"), split_digest("e3b0:7"), split_digest("e3b0")
    (('e3b0', 10), ('e3b0', None), ('e3b0', None))
    """
    sha256, _, bits = digest.partition(_BITS)
    return sha256.partition(":")[0], int(bits) if bits else None


@dataclass(frozen=True)
class FileFacts:
    """The digest of a file, with the size and time stamp that detect a change.

    ``settled`` is False if the time stamp was so recent that a later write could
    have the same one.
    """

    size: int
    mtime_ns: int
    sha256: str
    settled: bool

    @classmethod
    def of(cls, file: BufferedReader) -> FileFacts:
        """Return the facts of an open file, which is read to its end."""
        now = time.time_ns()
        stat = os.fstat(file.fileno())
        if stat.st_size <= _READ_WHOLE:
            # An image is read faster at once than through the buffer of `file_digest`.
            digest = hashlib.sha256(file.read()).hexdigest()
        else:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole = file.tell() == stat.st_size
        settled = whole and now - stat.st_mtime_ns > _SETTLED_NS
        return cls(stat.st_size, stat.st_mtime_ns, digest, settled)

    def still_of(self, file: BufferedReader) -> bool:
        """Return True if an open file still has this size and time stamp."""
        stat = os.fstat(file.fileno())
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


@contextmanager
def readable(path: Path) -> Iterator[BufferedReader]:
    """Open a file of the dataset for reading.

    Raises
    ------
    UnreadableInputError
        If it cannot be opened or is no regular file, or reading it fails.
    """
    try:
        with open(path, "rb", opener=regular) as file:
            yield file
    except OSError as error:
        raise UnreadableInputError(
            f"cannot read {path}: {error.strerror}",
            "Restore the file, or give yourself permission to read it.",
        ) from error


def _changed(path: Path) -> UnreadableInputError:
    return UnreadableInputError(
        f"{path} changed while mepipe was reading it",
        "Run again when the dataset is no longer being written.",
    )

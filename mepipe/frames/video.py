"""Frames of a video, decoded in sequence from an open file.

The caller has hashed the file and holds it open, so that a key cannot name one
video and the object show another. It is never held in memory. There is no seeking:
the frame count and the key-frame table of a header are often wrong.
"""

from __future__ import annotations

import codecs
import itertools
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.frames.images import decoding
from mepipe.plausible import LONGEST_MS, LONGEST_SIDE, MOST_PIXELS, is_rate, is_size

# Containers store time stamps in ticks, so even a constant rate jitters by a share of a step.
_CONSTANT_RATE_JITTER = 0.1
_HEAD = 1024  # bytes that are read to tell text from a container
_RESTORE = "Restore it from the original."
_CONVERT = "Restore it from the original, or convert it: ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv"


@dataclass(frozen=True)
class VideoFacts:
    """The result of one pass over a video.

    Parameters
    ----------
    count
        Number of frames that decode.
    declared
        Number of frames in the header, 0 if it has none.
    fps
        Frames per second, or None if the file has no plausible rate.
    times_ms
        The time of each frame, ms, where the rate varies, else None.

    Examples
    --------
    >>> from mepipe.frames import VideoFacts
    >>> facts = VideoFacts(count=90, declared=100, fps=30.0, times_ms=None)
    >>> VideoFacts.from_json(facts.to_json()) == facts
    True
    """

    count: int
    declared: int
    fps: float | None
    times_ms: tuple[float, ...] | None

    def to_json(self) -> list[Any]:
        """Return the facts as JSON."""
        return [self.count, self.declared, self.fps, self.times_ms]

    @classmethod
    def from_json(cls, value: list[Any]) -> VideoFacts:
        """Return the facts that `to_json` wrote."""
        count, declared, fps, times_ms = value
        return cls(count, declared, fps, tuple(times_ms) if times_ms is not None else None)


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    """Decode from an open file. The body gets OpenCV's capture."""
    # Our own error reports a broken file. FFmpeg would print to standard error as well.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    # OpenCV's capture holds no reference to its stream and crashes if the stream is collected:
    # the caller's name for it must outlive the capture. One thread: workers share the cores.
    parameters = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(stream, cv2.CAP_FFMPEG, parameters)  # type: ignore[call-overload]
    try:
        if not head:
            raise BadDataError("the file is empty", _RESTORE)
        if not capture.isOpened() and _is_text(head):
            raise BadDataError("the file is no video: it holds text", _RESTORE)
        if not capture.isOpened():
            raise BadDataError("the file is no video that can be decoded", _CONVERT)
        _refuse_large(capture)
        with decoding("the file is no video that can be decoded", remedy=_CONVERT):
            yield capture
    finally:
        capture.release()
        del capture
        cv2.utils.logging.setLogLevel(level)


def _refuse_large(capture: Any) -> None:
    """Raise `BadDataError` for a video whose frames are too large."""
    import cv2

    width, height = (
        _whole(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    # Some files have no size before a frame is decoded.
    if min(width, height) > 0 and not is_size(width, height):
        raise BadDataError(
            f"the video's frames are {width} x {height} px, and more than "
            f"{MOST_PIXELS // 10**6} million px, or {LONGEST_SIDE} in a row, are not read",
            "Convert it to a smaller size: ffmpeg -i INPUT -vf scale=1280:-2 OUTPUT.mkv",
        )


def _whole(number: float) -> int:
    return int(number) if np.isfinite(number) else 0


def _is_text(head: bytes) -> bool:
    """Return True if a file starts with UTF-8 text."""
    try:
        # Not final: the last character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char.isspace() for char in text)


def probe_video(stream: BinaryIO) -> VideoFacts:
    """Decode a video once, without keeping a frame, and return its facts.

    Parameters
    ----------
    stream
        The file, open for reading bytes.

    Raises
    ------
    BadDataError
        If it is no video, or no frame of it can be decoded.

    Examples
    --------
    >>> import io
    >>> from mepipe.frames import probe_video
    >>> probe_video(io.BytesIO(b"not a video"))
    Traceback (most recent call last):
    mepipe.errors.BadDataError: the file is no video: it holds text. Restore it from the original.
    """
    import cv2

    with _opened(stream) as capture:
        times = []
        while capture.grab():
            times.append(float(capture.get(cv2.CAP_PROP_POS_MSEC)))
        declared = max(_whole(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        fps = float(capture.get(cv2.CAP_PROP_FPS))
    if not times:
        raise BadDataError("no frame of the video can be decoded", _CONVERT)
    known_fps = fps if is_rate(fps) else None
    return VideoFacts(len(times), declared, known_fps, _varying_times(times))


def _varying_times(times: list[float]) -> tuple[float, ...] | None:
    """Return the times from the first frame on, ms, if the rate varies, else None."""
    steps = np.diff(times)
    if len(steps) < 2 or not (steps > 0).all() or not times[-1] - times[0] <= LONGEST_MS:
        # Too short to tell, or time stamps that cannot be right.
        return None
    typical = float(np.median(steps))
    if np.abs(steps - typical).max() <= _CONSTANT_RATE_JITTER * typical:
        return None
    return tuple(round(time - times[0], 3) for time in times)


def video_frames(
    stream: BinaryIO, wanted: Collection[int] | None = None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (position, (H, W, 3) uint8 BGR) of a video's frames, in order.

    Parameters
    ----------
    stream
        The file, open for reading bytes.
    wanted
        The positions to yield. The others are decoded but not converted to BGR.
        None: all.

    Raises
    ------
    BadDataError
        If it is no video, or ends before a wanted position.

    Examples
    --------
    Every fifth frame of a video of ten:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import cv2
    >>> import numpy as np
    >>> from mepipe.frames import video_frames
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "clip.avi"
    ...     writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    ...     for _ in range(10):
    ...         _ = writer.write(np.zeros((48, 64, 3), np.uint8))
    ...     writer.release()
    ...     with path.open("rb") as file:
    ...         [(position, image.shape) for position, image in video_frames(file, {0, 5})]
    [(0, (48, 64, 3)), (5, (48, 64, 3))]
    """
    last = max(wanted) if wanted else -1
    with _opened(stream) as capture:
        for position in itertools.count():
            if wanted is not None and position > last:
                return
            if not capture.grab():
                if position <= last:
                    raise BadDataError(
                        f"the video ends after {position} frames, before frame {last}",
                        "Restore the file from the original.",
                        last,
                    )
                return
            if wanted is None or position in wanted:
                found, image = capture.retrieve()
                if not found:
                    raise BadDataError(
                        "the frame cannot be decoded",
                        "Restore the file from the original.",
                        position,
                    )
                yield position, np.asarray(image, dtype=np.uint8)

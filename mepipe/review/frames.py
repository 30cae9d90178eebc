"""The frames of the clip that is looked at, ready before they are asked for.

A video is decoded in order, so a frame in its middle may cost a second. Here one thread decodes
the clip from the place that is looked at, and keeps each frame as two small pictures: aligned, and
as it is, scaled down to the page's size. A frame that lies ready is answered at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError, MepipeError
from mepipe.face import warp_face
from mepipe.frames import FrameReader
from mepipe.frames.reader import readable
from mepipe.frames.video import video_frames

Image = NDArray[np.uint8]

ALIGNED_PX = 448
BUDGET = 256 * 2**20
"""Bytes of pictures of one clip: some 1,500 frames of a 4K video, all of a shorter one."""

_AHEAD = 24  # frames: so far behind the decoder a frame comes sooner than by decoding anew
_BEFORE = 12  # frames before the wanted one that are decoded, too: people step back
_WAIT_S = 30.0


@dataclass(frozen=True)
class Pair:
    """A frame in both views, as JPEG. ``problem`` says why there is none."""

    aligned: bytes | None = None
    whole: bytes | None = None
    problem: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.aligned or b"") + len(self.whole or b"")


class Tape:
    """The frames of one clip, decoded in a thread of its own.

    Parameters
    ----------
    reader
        Of the clip.
    transforms
        From px of the frame to fractions of the aligned face, one for all frames or one for
        each. Empty: there are no aligned frames.
    width
        Frames that are wider are scaled down to it, px.
    budget
        How many bytes of pictures are kept. Those furthest from the last frame that was asked
        for go first.
    """

    def __init__(
        self,
        reader: FrameReader,
        transforms: Sequence[NDArray[np.float64]],
        *,
        width: int,
        budget: int = BUDGET,
    ) -> None:
        self.count, self.width = reader.count, width
        self._reader, self._transforms, self._budget = reader, transforms, budget
        self._pairs: dict[int, Pair] = {}
        self._used = 0
        self._wanted = 0
        self._frame_size: tuple[int, int] | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="frames", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> int:
        """How many frames lie ready."""
        return len(self._pairs)

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height of a frame as it is, px; None until one was decoded."""
        return self._frame_size

    def pair(self, position: int, *, wait: bool = True) -> Pair | None:
        """Return a frame. Without ``wait``: None if it does not lie ready.

        With it the thread decodes around this frame from now on.
        """
        with self._changed:
            found = self._pairs.get(position)
            if not wait:
                return found
            self._wanted = position
            self._changed.notify_all()
            if found is None:
                self._changed.wait_for(lambda: self._closed or position in self._pairs, _WAIT_S)
            return self._pairs.get(position)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        import cv2

        cv2.setNumThreads(1)
        cursor: Iterator[tuple[int, Image]] = iter(())
        following = -1  # the position that the cursor gives next; -1: there is none
        with ExitStack() as opened:
            while True:
                start = self._next(following)
                if start is None:
                    return
                try:
                    if start != following:
                        opened.close()
                        cursor, following = self._images(start, opened), start
                    position, image = next(cursor)
                except StopIteration:
                    self._skip(following)
                    following = -1
                except MepipeError as error:
                    place = getattr(error, "position", None)
                    self._put(following if place is None else place, Pair(problem=str(error)))
                    following = -1
                else:
                    # What could not be decoded in between was passed over.
                    for missed in range(following, position):
                        self._skip(missed)
                    self._put(position, self._pictures(position, image))
                    following = position + 1

    def _next(self, following: int) -> int | None:
        """Wait until a frame is to be decoded, and return its position; None: the end."""
        with self._changed:
            while not self._closed:
                wanted = self._wanted
                if wanted not in self._pairs:
                    if 0 <= following <= wanted <= following + _AHEAD:
                        return following
                    return self._start(wanted)
                here = following if 0 <= following < self.count else -1
                if here >= 0 and here not in self._pairs and self._room(here):
                    return here
                missing = self._nearest(wanted)
                if missing is not None and self._room(missing):
                    return missing
                self._changed.wait()
        return None

    def _start(self, wanted: int) -> int:
        """Return where to begin for a frame: images stand alone, in a video a little earlier."""
        if not self._reader.is_video:
            return wanted
        start = max(0, wanted - _BEFORE)
        return next((at for at in range(start, wanted) if at not in self._pairs), wanted)

    def _nearest(self, wanted: int) -> int | None:
        for step in range(1, self.count):
            for at in (wanted + step, wanted - step):
                if 0 <= at < self.count and at not in self._pairs:
                    return at if at > wanted else self._first_missing(at)
        return None

    def _first_missing(self, at: int) -> int:
        """Return the begin of the gap that ends at ``at``, so that a video is decoded in order."""
        if not self._reader.is_video:
            return at
        least = max(0, at - 4 * _AHEAD)
        while at > least and at - 1 not in self._pairs:
            at -= 1
        return at

    def _room(self, position: int) -> bool:
        """Return True if a frame is to be kept: there is room, or another one is further away."""
        if self._used < self._budget:
            return True
        furthest = max(self._pairs, key=lambda at: abs(at - self._wanted), default=position)
        return abs(furthest - self._wanted) > abs(position - self._wanted) + 1

    def _skip(self, position: int) -> None:
        if position not in self._pairs:
            self._put(position, Pair(problem="this frame cannot be decoded"))

    def _put(self, position: int, pair: Pair) -> None:
        with self._changed:
            before = self._pairs.pop(position, None)
            self._used += pair.size - (before.size if before else 0)
            self._pairs[position] = pair
            while self._used > self._budget and len(self._pairs) > 2 * _AHEAD:
                furthest = max(self._pairs, key=lambda at: abs(at - self._wanted))
                self._used -= self._pairs.pop(furthest).size
            self._changed.notify_all()

    def _images(self, start: int, opened: ExitStack) -> Iterator[tuple[int, Image]]:
        reader = self._reader
        if reader.video is None:
            return reader.images(range(start, self.count))
        damaged = {
            at
            for one in reader.video.damage
            for at in range(one.first, min(one.last, self.count) + 1)
        }
        wanted = [at for at in range(start, self.count) if at not in damaged]
        path = reader.files[0]
        if reader.known_digest(path) is None:
            # Not the file that the plan has read, or one of this moment: all of it is compared.
            return reader.images(wanted)
        file = opened.enter_context(readable(path))
        return video_frames(file, frozenset(wanted), facts=reader.video)

    def _pictures(self, position: int, image: Image) -> Pair:
        import cv2

        height, width = image.shape[:2]
        self._frame_size = (width, height)
        aligned = None
        if self._transforms:
            transform = self._transforms[position if len(self._transforms) > 1 else 0]
            aligned = _jpeg(warp_face(image, transform, ALIGNED_PX), 95)
        if width > self.width:
            # Whole reductions first: an exact mean of 4K costs more than the picture itself.
            size = (self.width, max(1, round(height * self.width / width)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return Pair(aligned, _jpeg(image, 92))


def _jpeg(image: Image, quality: int) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BadDataError("the frame cannot be drawn")
    return data.tobytes()


class Tapes:
    """The tapes of the clips that were looked at last: going back to one is immediate."""

    def __init__(self, most: int = 3, *, budget: int = BUDGET) -> None:
        self._most, self._budget = most, budget
        self._tapes: dict[int, tuple[Any, Tape]] = {}
        self._lock = threading.Lock()

    def tape(
        self,
        clip: int,
        reader: FrameReader,
        transforms: Sequence[NDArray[np.float64]],
        width: int,
    ) -> Tape:
        """Return the tape of a clip, with frames at least this wide."""
        with self._lock:
            source, tape = self._tapes.pop(clip, (None, None))
            if tape is not None and (source is not reader or tape.width < width):
                tape.close()
                tape = None
            if tape is None:
                tape = Tape(reader, transforms, width=width, budget=self._budget)
            self._tapes[clip] = (reader, tape)
            while len(self._tapes) > self._most:
                oldest = next(iter(self._tapes))
                self._tapes.pop(oldest)[1].close()
            return tape

    def ready(self, clip: int) -> dict[str, int]:
        """Return how many frames of a clip lie ready, and how many there are."""
        with self._lock:
            found = self._tapes.get(clip)
        return {"ready": found[1].ready, "count": found[1].count} if found else {"ready": 0}

    def close(self) -> None:
        """End all threads."""
        with self._lock:
            for _, tape in self._tapes.values():
                tape.close()
            self._tapes.clear()

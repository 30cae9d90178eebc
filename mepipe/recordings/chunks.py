"""A recording in chunks that overlap, so that memory is bounded and each can be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.face.follow import Edge, Follower, Stretch
from mepipe.spotting.key_frames import template_regions
from mepipe.spotting.motion import FaceMotion, face_motion

Float = NDArray[np.float64]
Image = NDArray[np.uint8]

CORE_MS = 18_000.0  # a chunk answers for so much of the recording
BESIDE_MS = 3_000.0  # and sees so much before and after it: the longest movements last 6 s
MOST_FRAMES = 2400  # of a chunk: at 160 px their crops take 61 MB
FEWEST_FRAMES = 8  # of a stretch: fewer show no movement


@dataclass(frozen=True)
class Chunk:
    """A part of a recording: it sees [first, stop) and answers for [core_first, core_stop).

    >>> from mepipe.recordings.chunks import Chunk
    >>> Chunk(0, 0, 360, 480).sees(400)
    True
    """

    first: int
    core_first: int
    core_stop: int
    stop: int

    def sees(self, position: int) -> bool:
        """Return True if the chunk reads a frame."""
        return self.first <= position < self.stop


@dataclass(frozen=True)
class Signals:
    """The motion of one face in one stretch.

    Parameters
    ----------
    face
        Number of the face in its chunk, from 1.
    eyes_px
        Distance of the eye centres, px of the frame.
    transform
        (2, 3), from px of the frame to the aligned face.
    begins, ends
        Why the stretch does (`mepipe.face.follow.Stretch`).
    positions
        (N,) int64, of its frames.
    motion
        Of N frames, from the reference frame of the stretch.
    """

    face: int
    eyes_px: float
    transform: Float
    begins: Edge
    ends: Edge
    positions: NDArray[np.int64]
    motion: FaceMotion


@dataclass(frozen=True)
class Measured:
    """What was measured in a chunk: the signals of its stretches, and the cuts that it sees."""

    chunk: Chunk
    signals: tuple[Signals, ...]
    cuts: tuple[int, ...]


def cuts_of(measured: Iterable[Measured]) -> list[int]:
    """Return the first frames of new scenes, ascending: each is told by the chunk that has it.

    >>> from mepipe.recordings.chunks import Chunk, Measured, cuts_of
    >>> first, second = Chunk(0, 0, 9, 12), Chunk(6, 9, 20, 20)
    >>> cuts_of([Measured(first, (), (5, 10)), Measured(second, (), (10,))])
    [5, 10]
    """
    return sorted(
        {
            cut
            for one in measured
            for cut in one.cuts
            if one.chunk.core_first <= cut < one.chunk.core_stop
        }
    )


def chunks_of(times_ms: Float) -> list[Chunk]:
    """Divide the frames of a recording into chunks.

    Parameters
    ----------
    times_ms
        (N,), ascending.

    Examples
    --------
    Forty seconds at 30 frames a second:

    >>> import numpy as np
    >>> from mepipe.recordings.chunks import chunks_of
    >>> [(one.first, one.core_first, one.stop) for one in chunks_of(np.arange(1200) / 0.03)]
    [(0, 0, 630), (450, 540, 1200)]
    """
    step = float(np.median(np.diff(times_ms))) if len(times_ms) > 1 else 1.0
    # At many frames a second a chunk is shorter, so that it fits into memory.
    short = min(1.0, MOST_FRAMES * step / (CORE_MS + 2 * BESIDE_MS))
    core, beside = CORE_MS * short, BESIDE_MS * short
    length = float(times_ms[-1] - times_ms[0]) + step
    parts = max(1, int(np.ceil(length / core - 0.25)))  # the last one may be a quarter longer
    edges = times_ms[0] + np.arange(1, parts) * core
    cores = [0, *(int(np.searchsorted(times_ms, edge)) for edge in edges), len(times_ms)]
    found = []
    for begin, end in pairwise(cores):
        if begin < end:
            first = int(np.searchsorted(times_ms, times_ms[begin] - beside))
            stop = int(np.searchsorted(times_ms, times_ms[end - 1] + beside, side="right"))
            found.append(Chunk(first, begin, end, stop))
    return found


def measure(
    images: Iterable[tuple[int, Image]],
    chunks: Iterable[Chunk],
    times_ms: Float,
    *,
    size: int = 160,
    search_size: int = 480,
    seen: Callable[[int], object] = lambda position: None,
) -> Iterator[Measured]:
    """Measure the motion in chunks, reading each frame once, in order.

    Parameters
    ----------
    images
        (position, (H, W, 3) BGR or (H, W) grey, uint8), ascending: all frames of the chunks.
    chunks
        Ascending.
    times_ms
        (N,), of all frames of the recording.
    size, search_size
        As for `mepipe.face.follow.Follower`.
    seen
        Called with each position after its frame.

    Yields
    ------
    Each chunk as soon as its last frame was read. At most two are under way.
    """
    waiting = list(chunks)
    active: list[tuple[Chunk, Follower]] = []
    for position, image in images:
        while waiting and waiting[0].first <= position:
            active.append((waiting.pop(0), Follower(size, search_size)))
        for chunk, follower in active:
            if chunk.sees(position):
                follower.look(position, float(times_ms[position]), image)
        seen(position)
        while active and active[0][0].stop <= position + 1:
            yield _finished(*active.pop(0), size)
    while active:
        yield _finished(*active.pop(0), size)


def _finished(chunk: Chunk, follower: Follower, size: int) -> Measured:
    follower.finish()
    signals = [
        _signals(stretch, size)
        for stretch in follower.stretches
        if len(stretch.positions) >= FEWEST_FRAMES
    ]
    return Measured(chunk, tuple(signals), tuple(follower.cuts))


def _signals(stretch: Stretch, size: int) -> Signals:
    crops = np.stack(stretch.crops)
    stretch.crops.clear()  # twice in memory would be too much
    motion = face_motion(
        crops,
        template_regions(size),
        inter_ocular=template().inter_ocular * size,
        reference=_reference(crops),
        outward=True,
    )
    return Signals(
        stretch.face,
        stretch.eyes,
        stretch.transform,
        stretch.begins,
        stretch.ends,
        np.array(stretch.positions, np.int64),
        FaceMotion(*(_single(part) for part in (motion.regions, motion.head, motion.eyes))),
    )


def _single(values: Float) -> Float:
    """Return the values as the cache keeps them, so that it makes no difference."""
    return values.astype(np.float32).astype(np.float64)


def _reference(crops: Image) -> slice:
    """Return the frame that is most like all others: of a face at rest, not of a blink."""
    small = crops[:, ::8, ::8].reshape(len(crops), -1).astype(np.float32)
    usual = np.median(small, axis=0)
    middle = int(np.argmin(np.abs(small - usual).mean(axis=1)))
    return slice(middle, middle + 1)

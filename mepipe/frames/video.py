"""Frames of a video, decoded in sequence from an open file.

The caller has hashed the file and holds it open, so that a key cannot name one
video and the object show another. It is never held in memory. Tables of a header are often
wrong. So where decoding begins in the middle, at a key frame, the time stamps of key frames must
be those of the pass that has decoded all of it; else it begins at the start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.frames.decoder import Opened, opened
from mepipe.frames.probe import probe_video
from mepipe.frames.video_facts import Damage, VideoFacts

if TYPE_CHECKING:
    from av import VideoFrame

Image = NDArray[np.uint8]

WORTH_IT = 48  # frames: fewer are decoded faster than skipped
_REPLACE = "Restore the file from the original, or leave the clip out."


def video_frames(
    stream: BinaryIO, wanted: Collection[int] | None = None, *, facts: VideoFacts | None = None
) -> Iterator[tuple[int, Image]]:
    """Yield (position, (H, W, 3) uint8 BGR) of a video's frames, in order.

    Frames are upright, have square pixels and are not interlaced, as the facts say.

    Parameters
    ----------
    stream
        The file, open for reading bytes.
    wanted
        The positions to yield. The others are decoded but not converted to BGR.
        None: all.
    facts
        What `mepipe.frames.probe_video` found in this file. None: it is decoded twice.

    Raises
    ------
    BadDataError
        If it is no video, ends before a wanted position, or a wanted frame is damaged.

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
    if wanted is not None and not wanted:
        return
    if facts is None:
        facts = probe_video(stream)
    # Before anything is decoded: the frames before a damaged one would be worked on in vain.
    for damage in facts.damage:
        for position in sorted(wanted) if wanted is not None else [damage.first]:
            if damage.first <= position <= damage.last:
                raise damaged_frame(damage, position, facts)
    convert = _converter(facts)
    position = -1
    for position, frame in _placed(stream, facts, wanted):
        if wanted is None or position in wanted:
            yield position, convert(frame)
        if position >= (facts.count - 1 if wanted is None else last):
            return
    if position < last:
        raise _too_short(position, last)


def _placed(
    stream: BinaryIO, facts: VideoFacts, wanted: Collection[int] | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (position, frame), from a key frame before what is wanted, or from the start."""
    entry = None if wanted is None else _entry(facts, min(wanted))
    if entry is not None:
        with opened(stream) as video:
            frames = _from_key(video, facts, entry)
            if frames is not None:
                yield from frames
                return
    with opened(stream) as video:
        yield from enumerate(_pictures(video, facts))


def _too_short(position: int, last: int) -> BadDataError:
    return BadDataError(
        f"the video ends after {position + 1} frames, before frame {last}",
        "Restore the file from the original.",
        last,
    )


def _entry(facts: VideoFacts, first: int) -> int | None:
    """Return the number of the key frame at which decoding may begin. None: at the start.

    It is the key frame before the last one: frames just behind a key frame may refer to frames
    before it (open groups of pictures), those behind the next one do not.
    """
    whole = not (facts.interlaced or facts.combed or facts.damage or facts.hidden or facts.torn)
    entry = bisect_right(facts.keys, first) - 2
    if not whole or not facts.key_stamps or entry < 1 or facts.keys[entry] < WORTH_IT:
        return None
    return entry


def _from_key(
    video: Opened, facts: VideoFacts, entry: int
) -> Iterator[tuple[int, VideoFrame]] | None:
    """Return the frames from key frame ``entry + 1`` on; None if they cannot be told for sure."""
    if not video.seek(facts.key_stamps[entry]):
        return None
    numbers = {stamp: number for number, stamp in enumerate(facts.key_stamps)}
    frames = (decoded.frame for decoded in video.frames())
    position, following = -1, -1
    for frame in frames:
        if position < 0:
            # The demuxer may go to an earlier key frame. Frames before it refer to what is missing.
            if frame.pts is None or frame.pts > facts.key_stamps[entry]:
                return None
            number = numbers.get(frame.pts, -1) if frame.key_frame else -1
            if number < 0:
                continue
            position, following = facts.keys[number], number + 1
        else:
            position += 1
        if following <= entry + 1 and position == facts.keys[following] and position > 0:
            if frame.pts != facts.key_stamps[following]:
                return None
            if following == entry + 1:
                return _counted(frame, frames, position)
            following += 1
    return None


def _counted(
    first: VideoFrame, others: Iterator[VideoFrame], position: int
) -> Iterator[tuple[int, VideoFrame]]:
    yield position, first
    for frame in others:
        position += 1
        yield position, frame


def _pictures(video: Opened, facts: VideoFacts) -> Iterator[VideoFrame]:
    frames = (decoded.frame for decoded in video.frames())
    if facts.interlaced or facts.combed:
        return _deinterlaced(video, frames, which="all" if facts.combed else "interlaced")
    return frames


def _deinterlaced(
    video: Opened, frames: Iterable[VideoFrame], *, which: Literal["all", "interlaced"]
) -> Iterator[VideoFrame]:
    """Yield each frame with the lines of its second half picture made from the first.

    FFmpeg's filter bwdif (after Weston's three-field and Niedermayer's yadif) keeps the rate.
    With ``which`` interlaced, frames that do not say that they are pass unchanged.
    """
    import av
    import av.filter

    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(template=video.stream)
    weave = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={which}")
    sink = graph.add("buffersink")
    source.link_to(weave)
    weave.link_to(sink)
    graph.configure()

    def ready() -> Iterator[VideoFrame]:
        while True:
            try:
                yield graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return

    for number, frame in enumerate(frames):
        # The filter gives up on stamps that do not increase; the order is all it needs.
        frame.pts = number
        source.push(frame)
        yield from ready()
    source.push(None)
    yield from ready()


def _converter(facts: VideoFacts) -> Callable[[VideoFrame], Image]:
    """Return the function that makes the array of a decoded frame."""
    from av.video.reformatter import Interpolation, VideoReformatter

    reformatter = VideoReformatter()
    sideways = facts.turn % 180 != 0
    size: dict[str, Any] = {}
    if facts.pixel_shape != (1, 1):
        size = {
            "width": facts.height if sideways else facts.width,
            "height": facts.width if sideways else facts.height,
        }

    def convert(frame: VideoFrame) -> Image:
        # Bicubic also for the colour planes alone: the same bytes as OpenCV's decoder gives.
        whole = reformatter.reformat(
            frame, format="bgr24", interpolation=Interpolation.BICUBIC, threads=1, **size
        )
        image: Image = np.asarray(whole.to_ndarray(), np.uint8)
        if facts.mirrored:
            image = image[:, ::-1]
        if facts.turn:
            image = np.rot90(image, facts.turn // 90)
        return np.ascontiguousarray(image)

    return convert


def damaged_frame(damage: Damage, position: int, facts: VideoFacts) -> BadDataError:
    """Return the error for a frame that is needed and cannot be trusted."""
    time = facts.time_s(position)
    when = "" if time is None else f" at {time:.2f} s"
    return BadDataError(
        f"the frame is damaged{when}, with frames {damage.first} to "
        f"{damage.last} of the video ({damage.reason})",
        _REPLACE,
        position,
    )

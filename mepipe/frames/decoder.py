"""Decode a video packet by packet with FFmpeg (PyAV), and say which frames cannot be trusted.

FFmpeg conceals errors: it fills broken blocks from other pictures and goes on. It says so only
in its log and in flags. Decoding here uses one thread, so each message belongs to the packet
that is being decoded. All frames that may refer to a broken packet count as damaged: those up
to the next key frame.
"""

from __future__ import annotations

import codecs
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from mepipe.errors import BadDataError
from mepipe.plausible import LONGEST_SIDE, MOST_PIXELS, is_size

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

RESTORE = "Restore it from the original."
CONVERT = "Restore it from the original, or convert it: ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv"

Stamps = defaultdict[int, deque[int]]
"""The numbers of the packets that bear a time stamp, and whose frames have not come yet."""

_HEAD = 1024  # bytes that are read to tell text from a container
_BUFFER = 1 << 18  # bytes that are read at a time
# Error detection that costs little: checksums, and bitstreams that break the rules. With "explode"
# decoders drop what they could conceal, and frames would change their positions.
_OPTIONS = {"err_detect": "crccheck+bitstream+buffer", "max_pixels": str(MOST_PIXELS)}
# Demuxers that open other files, or make pictures of text, never see a user's file.
_NO_VIDEO = frozenset({"concat", "hls", "dash", "tty", "lavfi", "sdp", "rtsp", "image2"})


@dataclass
class Packet:
    """What is known of a packet.

    Parameters
    ----------
    key
        True if its frame refers to no other.
    time_ms
        When it is decoded, by the container, ms. None if the container does not say.
    shown
        True if the container says when it is shown, too.
    problem
        What the decoder said of it. Empty if nothing.
    size
        Bytes. 0 for what the file should have held and does not.
    """

    key: bool
    time_ms: float | None = None
    shown: bool = False
    problem: str = ""
    size: int = 0


@dataclass(frozen=True)
class Decoded:
    """A frame, and the number of the packet that it came from, in the order of decoding."""

    frame: VideoFrame
    packet: int


class Opened:
    """A video that is open for decoding. `opened` makes it."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container = container
        self.stream = stream
        self.packets: list[Packet] = []
        self.hidden = 0

    def seek(self, stamp: int) -> bool:
        """Go to the key frame with a time stamp, or before it. Return False if that fails."""
        import av

        with _messages():
            try:
                self.container.seek(stamp, stream=self.stream, backward=True, any_frame=False)
            except (av.FFmpegError, ValueError, OverflowError):
                return False
        return True

    def frames(self) -> Iterator[Decoded]:
        """Yield every frame that decodes, in the order of presentation.

        `packets` is filled on the way. It is complete after the last frame.
        """
        import av

        by_stamp: Stamps = defaultdict(deque)
        source = self.container.demux(self.stream)
        while True:
            number = len(self.packets)
            with _messages() as said:
                try:
                    packet = next(source, None)
                except av.FFmpegError as error:
                    # The rest of the file is lost. Frames that the decoder holds still come.
                    said.append(_reason(error))
                    packet = None
            if packet is None:
                if said and self.packets:
                    self.packets.append(Packet(key=False, problem=said[0]))
                return
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.size == 0 and stamp is not None:
                continue  # "the picture before stays": there is nothing to decode
            # The last packet is empty: it asks for the frames that the decoder still holds.
            flush = packet.size == 0
            if not flush:
                self.packets.append(_known(packet))
                if stamp is not None:
                    by_stamp[stamp].append(number)
            elif not self.packets:
                return
            # An edit list may hide frames. They are decoded, because others refer to them.
            self.hidden += packet.is_discard
            if packet.is_corrupt and not flush:
                said.append("the container marks the packet as corrupt")
            with _messages() as told:
                try:
                    found = packet.decode()
                except av.FFmpegError as error:
                    told.append(_reason(error))
                    found = []
            known = self.packets[-1]
            known.problem = known.problem or next(filter(self._matters, said + told), "")
            for frame in found:
                yield self._placed(frame, by_stamp, min(number, len(self.packets) - 1))

    def _matters(self, message: str) -> bool:
        """Return True if a message means that a picture may be wrong."""
        # After a cut without encoding again, the first pictures drop references that were cut off.
        first = sum(packet.key for packet in self.packets) <= 1
        return not (first and message.startswith("mmco: unref short failure"))

    def _placed(self, frame: Any, by_stamp: Stamps, number: int) -> Decoded:
        waiting = by_stamp.get(frame.pts) if frame.pts is not None else None
        packet = waiting.popleft() if waiting else number
        if frame.is_corrupt:
            known = self.packets[packet]
            known.problem = known.problem or "the decoder marks the frame as corrupt"
        return Decoded(frame, packet)

    def spoiled(self) -> list[str]:
        """Return for each packet why its frame cannot be trusted. Empty if it can.

        A frame refers to others, so damage lasts until the next key frame.
        """
        reasons, reason = [], ""
        for packet in self.packets:
            reason = packet.problem or ("" if packet.key else reason)
            reasons.append(reason)
        return reasons

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel divided by its height, of the frames decoded so far."""
        return Fraction(self.stream.codec_context.sample_aspect_ratio or 0) or Fraction(
            self.stream.sample_aspect_ratio or 1
        )


def _known(packet: Any) -> Packet:
    time_ms = None
    if packet.dts is not None and packet.time_base:
        time_ms = float(packet.dts * packet.time_base * 1000)
    return Packet(packet.is_keyframe, time_ms, packet.pts is not None, size=packet.size)


@contextmanager
def opened(stream: BinaryIO) -> Iterator[Opened]:
    """Open a video file for the body.

    Raises
    ------
    BadDataError
        If it is empty, text, no video, or its frames are too large.
    """
    import av

    stream.seek(0)
    head = stream.read(_HEAD)
    stream.seek(0)
    if not head:
        raise BadDataError("the file is empty", RESTORE)
    if _is_text(head):
        raise BadDataError("the file is not a video: it holds text", RESTORE)
    with _messages():
        try:
            container = av.open(stream, "r", buffer_size=_BUFFER, io_open=_refuse_others)
        except (av.FFmpegError, ValueError) as error:
            raise BadDataError("the file is not a video that can be decoded", CONVERT) from error
    with container:
        video = container.streams.best("video")
        if not isinstance(video, av.VideoStream) or _NO_VIDEO & set(
            container.format.name.split(",")
        ):
            raise BadDataError("the file is not a video that can be decoded", CONVERT)
        if video.codec_context is None:  # FFmpeg knows no decoder for it
            raise BadDataError("the file is not a video that can be decoded", CONVERT)
        refuse_large(video.codec_context.width, video.codec_context.height)
        # Workers share the cores. With one thread, messages belong to the packet in hand.
        video.codec_context.thread_count = 1
        video.codec_context.options = dict(_OPTIONS)
        yield Opened(container, video)


def refuse_large(width: int, height: int) -> None:
    """Raise `BadDataError` for frames that are too large. Some files state no size: 0."""
    if min(width, height) > 0 and not is_size(width, height):
        raise BadDataError(
            f"the video's frames are {width} x {height} px, and more than "
            f"{MOST_PIXELS // 10**6} million px, or {LONGEST_SIDE} in a row, are not read",
            "Convert it to a smaller size: ffmpeg -i INPUT -vf scale=1280:-2 OUTPUT.mkv",
        )


def _refuse_others(url: str, flags: int, options: dict[str, str]) -> Any:
    """Refuse to open a second file: a playlist must not lead to files of the user, or out."""
    raise ValueError(f"the file names another file: {url}")


@contextmanager
def _messages() -> Iterator[list[str]]:
    """Collect what FFmpeg reports as errors during the body."""
    import av.logging as log

    before = log.get_level()
    repeated = log.get_skip_repeated()
    log.set_level(log.ERROR)
    log.set_skip_repeated(False)
    said: list[str] = []
    try:
        with log.Capture() as captured:
            yield said
    finally:
        log.set_level(before)
        log.set_skip_repeated(repeated)
        said[:0] = [message.strip() for level, _, message in captured if level <= log.ERROR]


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)


def _is_text(head: bytes) -> bool:
    """Return True if a file starts with UTF-8 text."""
    try:
        # Not final: the last character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char.isspace() for char in text)

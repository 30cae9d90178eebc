"""One pass over a video: count, times, layout, damage and repeated pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.frames.combs import combed_share, is_combed
from mepipe.frames.decoder import CONVERT, Opened, opened, refuse_large
from mepipe.frames.repeats import repeated
from mepipe.frames.stamps import Times, read_times
from mepipe.frames.sudden import Changes, Sudden
from mepipe.frames.video_facts import Damage, VideoFacts
from mepipe.plausible import is_rate, is_swollen

if TYPE_CHECKING:
    from av import VideoFrame

_LOOK = 4  # frames: every fourth is searched for combs
_BRIGHT = 0.95  # share of the samples that are darker
# A pixel that is stored four times as wide as high is a wrong number, not a camera.
_WIDEST_PIXEL = 4
# The rate of the camera that a phone notes when it stores slow motion (com.android.capture.fps).
_CAPTURE = re.compile(r"capture.*(fps|rate)|recording.*rate", re.IGNORECASE)
_SLOWED = 1.2  # smallest ratio of the noted rate to that of the time stamps


def probe_video(stream: BinaryIO) -> VideoFacts:
    """Decode a video once, without keeping a frame, and return its facts.

    Parameters
    ----------
    stream
        The file, open for reading bytes.

    Raises
    ------
    BadDataError
        If it is no video, no frame of it can be decoded, or its size or direction changes.

    Examples
    --------
    >>> import io
    >>> from mepipe.frames import probe_video
    >>> probe_video(io.BytesIO(b"not a video"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mepipe.errors.BadDataError: the file is not a video: it holds text. Restore it ...
    """
    with opened(stream) as video:
        seen = _Seen()
        packets: list[int] = []
        length = _length(stream)
        for decoded in video.frames():
            packets.append(decoded.packet)
            seen.look(decoded.frame, video.pixel_shape)
            _refuse_swollen(decoded.frame, len(packets), length)
        if not packets:
            raise BadDataError("no frame of the video can be decoded", CONVERT)
        stated = float(video.stream.average_rate or video.stream.guessed_rate or 0)
        times = _times(video, seen.stamps, stated if is_rate(stated) else None)
        damage = _damage(video.spoiled(), packets)
        pixels = _checked_shape(video.pixel_shape)
        tags = {**video.container.metadata, **video.stream.metadata}
        width, height = seen.shown(pixels)
        turn, mirrored = seen.orientation
        repeats = repeated(seen.steps)
        facts = VideoFacts(
            count=len(packets),
            declared=max(int(video.stream.frames or 0), 0),
            fps=times.fps,
            times_ms=times.times_ms,
            mended=0 if times.unusable else times.mended,
            doubt=_doubt(times, tags),
            width=width,
            height=height,
            pixel_shape=pixels,
            interlaced=seen.interlaced,
            combed=seen.interlaced == 0 and is_combed(seen.combs),
            turn=turn,
            mirrored=mirrored,
            hidden=video.hidden,
            damage=damage,
            repeats=repeats,
            # Beside a repeat every movement is sudden.
            sudden=() if repeats else _outside(damage, seen.sudden),
            keys=tuple(seen.keys),
            key_stamps=_ascending(seen.key_stamps),
            bright=float(np.median(seen.bright)),
        )
        last = max(n for n, packet in enumerate(video.packets) if packet.size)
        return _without_torn_end(facts, [packet >= last for packet in packets])


def _length(stream: BinaryIO) -> int:
    at = stream.tell()
    length = stream.seek(0, os.SEEK_END)
    stream.seek(at)
    return length


def _refuse_swollen(frame: VideoFrame, count: int, length: int) -> None:
    """Raise `BadDataError` for a small file that would be decoded for hours."""
    if is_swollen(count * frame.width * frame.height, length):
        raise BadDataError(
            f"the video has {length} bytes, and its first {count} frames of {frame.width} x "
            f"{frame.height} px show more than any camera packs into them",
            "Restore it from the original, or leave the clip out.",
        )


def _without_torn_end(facts: VideoFacts, of_last: Sequence[bool]) -> VideoFacts:
    """Return the facts without the frames of a last packet that is not whole.

    A copy that broke off ends within a packet. The frames before it are sound.
    """
    torn = facts.damage[-1] if facts.damage else None
    if torn is None or torn.last != facts.count - 1 or torn.first == 0 or not of_last[torn.first]:
        return facts
    count = torn.first
    return replace(
        facts,
        count=count,
        times_ms=None if facts.times_ms is None else facts.times_ms[:count],
        torn=facts.count - count,
        damage=facts.damage[:-1],
        repeats=tuple(n for n in facts.repeats if n < count),
        sudden=tuple(one for one in facts.sudden if one.position < count),
        keys=tuple(n for n in facts.keys if n < count),
        key_stamps=(),
    )


def _ascending(stamps: Sequence[int | None]) -> tuple[int, ...]:
    known = [one for one in stamps if one is not None]
    whole = len(known) == len(stamps) and all(a < b for a, b in pairwise(known))
    return tuple(known) if whole else ()


def _times(video: Opened, shown: list[float | None], stated: float | None) -> Times:
    """Return the times of the frames, from the stamps in ms of when each is shown.

    Some containers (AVI) only say when packets are decoded. In the order of time these are the
    times of the frames, a little late.
    """
    times = read_times(shown, stated)
    if times.unusable or not all(packet.shown for packet in video.packets):
        decoded = [packet.time_ms for packet in video.packets if packet.time_ms is not None]
        if len(decoded) != len(shown):
            return times
        in_order = read_times(sorted(decoded), stated)
        return times if in_order.unusable else in_order
    return times


class _Seen:
    """What the frames of a video show, gathered one by one."""

    def __init__(self) -> None:
        self.stamps: list[float | None] = []
        self.steps: list[float] = []
        self.bright: list[float] = []
        self.interlaced = 0
        self.keys: list[int] = []
        self.key_stamps: list[int | None] = []
        self.orientation = (0, False)
        self._turn, self._shape = 0, Fraction(1)
        self._size = (0, 0)
        self.combs: list[float] = []
        self._changes: Changes | None = None
        self._step = 4

    def look(self, frame: VideoFrame, shape: Fraction) -> None:
        """Take in the next frame, whose pixels have this shape.

        Raises
        ------
        BadDataError
            If it has another size, shape of pixels or direction than the first.
        """
        number = len(self.stamps)
        stamp = frame.time
        self.stamps.append(None if stamp is None else stamp * 1000)
        self.interlaced += bool(frame.interlaced_frame)
        if frame.key_frame:
            self.keys.append(number)
            self.key_stamps.append(frame.pts)
        size = (frame.width, frame.height)
        if number == 0:
            refuse_large(*size)
            self._size, self._shape, self._turn = size, shape, frame.rotation
            self.orientation = _orientation(frame)
        elif size != self._size:
            raise BadDataError(
                f"the video changes its size: frames 0 to {number - 1} are {self._size[0]} x "
                f"{self._size[1]} px, frame {number} is {size[0]} x {size[1]}",
                "Cut it there into two clips, or convert it to one size: "
                "ffmpeg -i INPUT -vf scale=640:480 -c:v ffv1 OUTPUT.mkv",
            )
        elif shape != self._shape:
            raise BadDataError(
                # The decoder knows the shape some frames before it gives the first of them.
                f"the video changes the shape of its pixels near frame {number}: before, their "
                f"width to height is {self._shape}, from there on {shape}",
                "Cut it there into two clips.",
            )
        elif frame.rotation != self._turn:
            raise BadDataError(
                f"the video changes its direction at frame {number}: before, it is turned by "
                f"{self._turn} degrees, from there on by {frame.rotation}",
                "Cut it there into two clips.",
            )
        self._compare(frame)

    def _compare(self, frame: VideoFrame) -> None:
        if self._changes is None:
            # In large frames fewer rows say enough.
            self._step = 4 if frame.height < 720 else 8 if frame.height < 1440 else 16
        rows = _rows(frame, self._step)
        if len(self.stamps) % _LOOK == 1:
            self.combs.append(combed_share(_rows(frame, 1)))
        if self._changes is None:
            columns = 16 * round(rows.shape[1] / frame.width)
            self._changes = Changes((16 // self._step, max(columns, 1)))
        step = self._changes.look(rows)
        if step is not None:
            self.steps.append(step)
        self.bright.append(_bright(rows))

    @property
    def sudden(self) -> tuple[Sudden, ...]:
        """The frames in which parts of the picture change at once."""
        return tuple(self._changes.found) if self._changes else ()

    def shown(self, pixels: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of the frames as mepipe gives them, px."""
        width, height = self._size
        # The short side of a pixel grows: nothing that was recorded is thrown away.
        wide, high = pixels
        if wide > high:
            width = round(width * wide / high)
        elif high > wide:
            height = round(height * high / wide)
        refuse_large(width, height)
        return (height, width) if self.orientation[0] % 180 else (width, height)


def _rows(frame: VideoFrame, step: int) -> NDArray[np.uint8]:
    """Return some rows of the frame's first plane, 8 bits: brightness, or packed colours."""
    plane = frame.planes[0]
    first = frame.format.components[0]
    packed = len(frame.planes) == 1 and len(frame.format.components) > 1
    deep = first.bits > 8 and not packed
    samples = plane.width * (frame.format.padded_bits_per_pixel // 8 if packed else 1)
    whole = np.asarray(memoryview(plane)).reshape(plane.height, -1)
    used = min(samples * (2 if deep else 1), whole.shape[1])
    rows = np.ascontiguousarray(whole[::step, :used])
    return (rows.view(np.uint16) >> (first.bits - 8)).astype(np.uint8) if deep else rows


def _bright(rows: NDArray[np.uint8]) -> float:
    """Return the 95th percentile of the samples."""
    import cv2

    counts = cv2.calcHist([rows], [0], None, [256], [0, 256]).ravel()
    return float(np.searchsorted(np.cumsum(counts), _BRIGHT * rows.size))


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Return how a frame is turned, degrees counter-clockwise, and if it is mirrored first.

    The file holds a matrix (ISO 14496-12): for each shown place where it comes from.
    """
    from av.sidedata.sidedata import Type

    # Only of the first frame: PyAV's list of side data and its frame hold each other in memory.
    every: Any = frame.side_data
    matrix = every.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5] / 65536.0
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # where a step to the right goes, after the mirror
    angle = float(np.degrees(np.arctan2(-b, a)))
    turn = round(angle / 90) * 90
    if abs(angle - turn) > 1 or a * d - b * c == 0:
        raise BadDataError(
            f"the video is to be shown turned by {angle:.0f} degrees",
            "Turn it first: ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv",
        )
    return turn % 360, bool(mirrored)


def _checked_shape(shape: Fraction) -> tuple[int, int]:
    if not 1 / _WIDEST_PIXEL <= shape <= _WIDEST_PIXEL:
        raise BadDataError(
            f"the video says that its pixels are {shape.numerator}:{shape.denominator}, width to "
            "height",
            "Set the true shape: ffmpeg -i INPUT -vf setsar=1 -c:v ffv1 OUTPUT.mkv",
        )
    return shape.numerator, shape.denominator


def _damage(spoiled: Sequence[str], packets: Sequence[int]) -> tuple[Damage, ...]:
    """Return the runs of frames whose packets cannot be trusted."""
    found: list[Damage] = []
    for position, packet in enumerate(packets):
        reason = spoiled[min(packet, len(spoiled) - 1)]
        if not reason:
            continue
        if found and found[-1].last == position - 1:
            found[-1] = Damage(found[-1].first, position, found[-1].reason)
        else:
            found.append(Damage(position, position, reason))
    return tuple(found)


def _outside(damage: Sequence[Damage], found: Sequence[Sudden]) -> tuple[Sudden, ...]:
    """Return the sudden changes that known damage does not explain."""
    return tuple(
        one
        for one in found
        if not any(part.first <= one.position <= part.last + 1 for part in damage)
    )


def _doubt(times: Times, tags: Mapping[str, str]) -> str:
    """Return why the rate in the file must not be believed without the user's word."""
    if times.unusable:
        return f"the time stamps of {times.mended} frames are missing or do not increase"
    for name, value in sorted(tags.items()):
        try:
            noted = float(str(value).split()[0].rstrip("fps"))
        except (ValueError, IndexError):
            continue
        if not _CAPTURE.search(name) or not is_rate(noted) or not times.fps:
            continue
        if noted > _SLOWED * times.fps or noted < times.fps / _SLOWED:
            return (
                f"its time stamps say {times.fps:g} frames per second, but the camera noted "
                f"{noted:g} ({name}): it was probably recorded in slow motion"
            )
    return ""

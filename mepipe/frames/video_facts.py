"""What is known of a video after it was decoded once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mepipe.frames.sudden import Sudden

LAYOUT = 6
"""Increased when a pass over a video finds out more, or decides otherwise."""


@dataclass(frozen=True)
class Damage:
    """Frames that cannot be trusted.

    Parameters
    ----------
    first, last
        Their positions, from 0, both included.
    reason
        What the decoder said.
    """

    first: int
    last: int
    reason: str


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
    mended
        Number of frames whose time stamp was missing or not later than the one before.
    doubt
        Why the file's own rate must not be believed without the user's word. Empty if it may.
    width, height
        Of the frames as mepipe gives them, px: upright and with square pixels.
    pixel_shape
        Width and height of a pixel as stored, (1, 1) if it is square.
    interlaced
        Number of frames that hold two half pictures of different moments.
    combed
        True if lines form combs although no frame says that it is interlaced.
    turn, mirrored
        How stored frames are turned (degrees, counter-clockwise) and mirrored to be upright.
    hidden
        Number of frames that the file says not to show (an edit list): they are not counted.
    torn
        Number of frames at the end that were left out because the file breaks off in them.
    damage
        The frames that cannot be trusted.
    repeats
        Positions of frames that show the same picture as the frame before.
    sudden
        Frames in which parts of the picture change at once: perhaps damage that no decoder saw.
    keys
        Positions of the key frames, which the codec drew without others.
    key_stamps
        The time stamp of each, in the file's own unit. Empty if one of them has none, or they
        do not increase: then decoding can only begin at the start.
    bright
        Brightness of the typical frame: its 95th percentile, 0 to 255.

    Examples
    --------
    >>> from mepipe.frames import VideoFacts
    >>> facts = VideoFacts(count=90, declared=100, fps=30.0)
    >>> VideoFacts.from_json(facts.to_json()) == facts
    True
    """

    count: int
    declared: int
    fps: float | None
    times_ms: tuple[float, ...] | None = None
    mended: int = 0
    doubt: str = ""
    width: int = 0
    height: int = 0
    pixel_shape: tuple[int, int] = (1, 1)
    interlaced: int = 0
    combed: bool = False
    turn: int = 0
    mirrored: bool = False
    hidden: int = 0
    torn: int = 0
    damage: tuple[Damage, ...] = ()
    repeats: tuple[int, ...] = ()
    sudden: tuple[Sudden, ...] = ()
    keys: tuple[int, ...] = ()
    key_stamps: tuple[int, ...] = ()
    bright: float = 255.0

    @property
    def recipe(self) -> str:
        """How frames are made from the file, where it is more than decoding. Part of keys."""
        parts = [
            "deinterlaced" if self.interlaced or self.combed else "",
            f"{self.width}x{self.height}" if self.pixel_shape != (1, 1) else "",
            "mirrored" if self.mirrored else "",
            "damaged" if self.damage else "",
        ]
        return ",".join(part for part in parts if part)

    def damage_at(self, position: int) -> Damage | None:
        """Return the damage of a frame, or None."""
        for damage in self.damage:
            if damage.first <= position <= damage.last:
                return damage
        return None

    def time_s(self, position: int) -> float | None:
        """Return the time of a frame, s. None if the file does not say."""
        if self.times_ms is not None:
            return self.times_ms[position] / 1000
        return position / self.fps if self.fps else None

    def to_json(self) -> list[Any]:
        """Return the facts as JSON."""
        return [LAYOUT, asdict(self)]

    @classmethod
    def from_json(cls, value: list[Any]) -> VideoFacts:
        """Return the facts that `to_json` wrote.

        Raises
        ------
        ValueError, TypeError, KeyError
            If it wrote them in another layout.
        """
        layout, fields = value
        if layout != LAYOUT:
            raise ValueError(f"facts of layout {layout}")
        times = fields["times_ms"]
        return cls(
            **{
                **fields,
                "times_ms": None if times is None else tuple(times),
                "pixel_shape": tuple(fields["pixel_shape"]),
                "damage": tuple(Damage(**one) for one in fields["damage"]),
                "repeats": tuple(fields["repeats"]),
                "keys": tuple(fields["keys"]),
                "key_stamps": tuple(fields["key_stamps"]),
                "sudden": tuple(Sudden(**one) for one in fields["sudden"]),
            }
        )

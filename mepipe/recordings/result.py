"""What was found in one recording, as plain values: what every file of it is written from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mepipe.recordings.events import Event


@dataclass(frozen=True)
class RecordingEvents:
    """The events of one recording.

    Parameters
    ----------
    name
        Of the recording; `mepipe.datasets.name_cells.check_name` says which are possible.
    subject
        The person; empty if unknown.
    fps
        Frames per second; None if unknown or not constant.
    times_ms
        (N,) float64, ascending: the time of each frame.
    numbers
        N: the dataset's own number of each frame.
    events
        In the order of their onsets.
    cuts
        Positions of the first frames of new scenes, ascending.
    curve
        (N,) float32: the motion, px of the frame; NaN where no face is seen.

    Raises
    ------
    ValueError
        If lengths differ, or a position lies outside.

    Examples
    --------
    >>> recording = RecordingEvents(
    ...     "interview", "", 25.0, np.arange(100) * 40.0, range(1, 101),
    ...     (Event("macro", 1, 10, 30, 45), Event("macro", 1, 50, 59, None)),
    ...     (60,), np.zeros(100, np.float32),
    ... )
    >>> recording.shots
    [(0, 59), (60, 99)]
    >>> [recording.last_of(event) for event in recording.events]
    [45, 59]
    """

    name: str
    subject: str
    fps: float | None
    times_ms: NDArray[np.float64]
    numbers: Sequence[int]
    events: tuple[Event, ...]
    cuts: tuple[int, ...]
    curve: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.times_ms)
        if not count == len(self.numbers) == len(self.curve):
            raise ValueError(
                f"{self.name}: {count} times, {len(self.numbers)} numbers and a curve of "
                f"{len(self.curve)}"
            )
        places = [place for one in self.events for place in (one.onset, one.apex, self._end(one))]
        if not all(0 <= place < count for place in (*places, *self.cuts)):
            raise ValueError(f"{self.name}: a position is not one of its {count} frames")
        if any(one >= other for one, other in pairwise(self.cuts)):
            raise ValueError(f"{self.name}: cuts are not ascending")

    @property
    def movements(self) -> tuple[Event, ...]:
        """The micro and macro movements."""
        return tuple(event for event in self.events if event.is_movement)

    @property
    def seconds(self) -> float:
        """Length of the recording, s."""
        return float(self.times_ms[-1] - self.times_ms[0]) / 1000

    @property
    def seen(self) -> float:
        """Share of the frames in which a face is seen, 0 to 1."""
        return float(np.mean(np.isfinite(self.curve)))

    @property
    def several_faces(self) -> bool:
        """True if events of more than one face were found."""
        return len({event.face for event in self.events}) > 1

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First and last position of each scene."""
        edges = [0, *(cut for cut in self.cuts if cut), len(self.times_ms)]
        return [(first, after - 1) for first, after in pairwise(edges)]

    def last_of(self, event: Event) -> int:
        """Return the position of an event's offset.

        Of one that had not ended: of the last frame of its scene, up to which it is shown.
        """
        if event.offset is not None:
            return event.offset
        after = bisect_right(self.cuts, event.apex)
        return (self.cuts[after] if after < len(self.cuts) else len(self.times_ms)) - 1

    def span_ms(self, event: Event) -> tuple[int, int]:
        """Return whole ms at which an event begins and ends, for players: not less than 1 ms."""
        begin = max(0, round(float(self.times_ms[event.onset])))
        end = round(float(self.times_ms[self.last_of(event)]))
        return begin, max(end, begin + 1)

    def _end(self, event: Event) -> int:
        return event.apex if event.offset is None else event.offset

"""What was found in one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.recordings.events import Event


@dataclass(frozen=True)
class RecordingEvents:
    """The events of one recording.

    Parameters
    ----------
    name
        Of the recording.
    subject
        Whose it is. Empty if unknown.
    fps
        Frames per second. None where only the times of the frames are known.
    times_ms
        (N,) float64, ms from the first frame.
    numbers
        N numbers of the frames as the dataset counts them.
    events
        Sorted by onset.
    cuts
        Positions of the first frames of new scenes.
    curve
        (N,) float32: how far the region that moves most is from where it usually is, px of
        the frame. NaN where no face is seen.
    """

    name: str
    subject: str
    fps: float | None
    times_ms: NDArray[np.float64]
    numbers: Sequence[int]
    events: tuple[Event, ...]
    cuts: tuple[int, ...]
    curve: NDArray[np.float32]

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

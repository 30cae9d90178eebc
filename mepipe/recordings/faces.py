"""One number for a face in all chunks of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mepipe.recordings.chunks import Measured, Signals

Float = NDArray[np.float64]

_NEAR = 1.0  # distances between the eyes: where a face is in the same frame, seen by two chunks
_BACK = 2.0  # the same where it comes back later
_GROWTH = 1.5  # and its size


def linked(measured: Sequence[Measured]) -> list[Measured]:
    """Return the chunks with faces numbered through the whole recording.

    Each chunk numbers its faces by itself. A face that two chunks see in the same frame at the
    same place is one. A face that comes back to the place of one that left is that one: this is
    about places, not about who it is.

    Parameters
    ----------
    measured
        As `mepipe.recordings.chunks.measure` yields them, ascending.
    """
    known: dict[int, list[Signals]] = {}
    result: list[Measured] = []
    for chunk in measured:
        numbers: dict[int, int] = {}
        taken: set[int] = set()
        for signals in sorted(chunk.signals, key=lambda one: int(one.positions[0])):
            if signals.face in numbers:
                continue
            fits = {
                number: fit
                for number, others in known.items()
                if number not in taken and (fit := _fit(signals, others)) is not None
            }
            number = min(fits, key=lambda one: fits[one]) if fits else len(known) + 1
            known.setdefault(number, [])
            numbers[signals.face] = number
            taken.add(number)
        renumbered = tuple(replace(one, face=numbers[one.face]) for one in chunk.signals)
        for one in renumbered:
            known[one.face].append(one)
        result.append(replace(chunk, signals=renumbered))
    return result


def _fit(signals: Signals, others: Sequence[Signals]) -> float | None:
    """Return how far a face is from where another was, in distances of the eyes. None: too far."""
    best: float | None = None
    for other in others[-4:]:
        growth = signals.eyes_px / other.eyes_px
        away = float(np.linalg.norm(_centre(signals) - _centre(other))) / other.eyes_px
        together = bool(
            signals.positions[0] <= other.positions[-1]
            and other.positions[0] <= signals.positions[-1]
        )
        if 1 / _GROWTH <= growth <= _GROWTH and away <= (_NEAR if together else _BACK):
            # One that is seen at the same time comes before one that was seen earlier.
            away += 0.0 if together else 10.0
            best = away if best is None else min(best, away)
    return best


def _centre(signals: Signals) -> Float:
    """Return the middle of the aligned face, px of the frame."""
    linear, shift = signals.transform[:, :2], signals.transform[:, 2]
    return np.asarray(np.linalg.solve(linear, np.array([0.5, 0.5]) - shift), np.float64)

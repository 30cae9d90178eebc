"""Movements that chunks, stretches or courses found in parts or twice, made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mepipe.recordings.chunks import Signals
from mepipe.spotting.along import Course

Float = NDArray[np.float64]

# At onset and offset the motion has a tenth of the rise and of the fall.
TENTH = float(np.arcsin(np.sqrt(0.1)) / (np.pi / 2))
_PART = 0.3  # of the shorter of two: with more in common, both are parts of one movement
_STEP_MS = 200.0  # a change that stays so near to a movement is part of it
_NEXT_MS, _ALIKE_PATTERN = 100.0, 0.7  # one that follows so soon, and moves alike, is the same
_OPPOSITE = -0.6  # correlation of the patterns of a rise and of its return
_ALIKE = 2.5  # ratio of their sizes
_HELD_MS = 60_000.0  # an expression is not held for longer
_EXPLAINED_MS = 6_000.0  # a course so long could have been found as one: what lies within is of it


@dataclass(frozen=True, eq=False)  # arrays have no one answer to whether they are equal
class Movement:
    """A movement of a stretch, in ms. The offset of a change that stays is infinite.

    Parameters
    ----------
    onset, apex, offset
        With a tenth of the rise, in the middle of the plateau, with a tenth of the fall.
    course, signals
        How it moves, and the stretch.
    """

    onset: float
    apex: float
    offset: float
    course: Course
    signals: Signals


def made_one(found: Sequence[tuple[Movement, float]], cuts: Float) -> list[Movement]:
    """Return the movements of a recording, each once and whole.

    Those that two chunks or two stretches found are one; so are two of which the second only
    goes on with the first, and a change that stays with its return.

    Parameters
    ----------
    found
        Each with how far its apex lies outside of what its chunk answers for, ms: the nearest
        is kept.
    cuts
        Times of the first frames of new scenes, ms: nothing is joined over one.

    Returns
    -------
    Ascending by their onsets.
    """
    return _outside_held(_joined(_continued(_once(found), cuts), cuts))


def same(one: Movement, other: Movement) -> bool:
    """Return True if two movements of a face overlap so much that they are one."""
    if one.course.stays and other.course.stays:
        return abs(one.onset - other.onset) < _STEP_MS
    if one.course.stays:
        return other.onset - _STEP_MS <= one.onset <= other.offset + _STEP_MS
    if other.course.stays:
        return one.onset - _STEP_MS <= other.onset <= one.offset + _STEP_MS
    both = min(one.offset, other.offset) - max(one.onset, other.onset)
    return both > _PART * min(one.offset - one.onset, other.offset - other.onset)


def _once(found: Sequence[tuple[Movement, float]]) -> list[Movement]:
    """Return the movements without those that two chunks or two stretches both found."""
    kept: list[Movement] = []
    for one, _ in sorted(found, key=lambda pair: (pair[1], -pair[0].course.strength)):
        if not any(one.signals.face == other.signals.face and same(one, other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.onset)


def _continued(found: Sequence[Movement], cuts: Float) -> list[Movement]:
    """Return the movements with those made one of which the second only goes on with the first.

    A course has one rise, one plateau and one fall; what a face does may take two.
    """
    kept: list[Movement] = []
    for one in found:
        last = next((k for k in reversed(kept) if k.signals.face == one.signals.face), None)
        if (
            last is not None
            and not (last.course.stays or one.course.stays)
            and one.onset <= last.offset + _NEXT_MS
            and _one_scene(last, one, cuts)
            and _correlation(one.course.pattern, last.course.pattern) >= _ALIKE_PATTERN
        ):
            stronger = last if last.course.strength >= one.course.strength else one
            kept[kept.index(last)] = replace(
                stronger, onset=last.onset, offset=max(last.offset, one.offset)
            )
        else:
            kept.append(one)
    return kept


def _one_scene(one: Movement, other: Movement, cuts: Float) -> bool:
    """Return True if no cut (ms) lies between the onsets of two movements."""
    return not np.any((cuts > one.onset) & (cuts <= other.onset))


def _correlation(one: Float, other: Float) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12)


def _joined(found: Sequence[Movement], cuts: Float) -> list[Movement]:
    """Return the movements with each change that stays joined to its return."""
    kept: list[Movement] = []
    for one in found:
        before = next(
            (
                index
                for index in range(len(kept) - 1, -1, -1)
                if one.course.stays
                and kept[index].course.stays
                and not np.isfinite(kept[index].offset)
                and kept[index].signals.face == one.signals.face
                and one.onset - kept[index].onset <= _HELD_MS
                and _one_scene(kept[index], one, cuts)
                and _opposite(one.course.pattern, kept[index].course.pattern)
            ),
            None,
        )
        if before is None:
            kept.append(one)
        else:
            end = one.course.full_ms - TENTH * (one.course.full_ms - one.course.start_ms)
            kept[before] = replace(kept[before], offset=end)
    return kept


def _outside_held(found: Sequence[Movement]) -> list[Movement]:
    """Return the movements without those that are parts of one that was joined to its return."""
    held = [one for one in found if one.course.stays and one.offset - one.onset <= _EXPLAINED_MS]
    return [one for one in found if one in held or not any(_within(one, other) for other in held)]


def _within(one: Movement, other: Movement) -> bool:
    same = one.signals.face == other.signals.face
    return same and other.onset <= one.apex <= other.offset


def _opposite(one: Float, other: Float) -> bool:
    lengths = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    return max(lengths) <= _ALIKE * min(lengths) and _correlation(one, other) <= _OPPOSITE

"""Which frames of a movement are looked at, where it is more than the apex."""

from __future__ import annotations

from fractions import Fraction


def spread(onset: int, offset: int, count: int) -> tuple[int, ...]:
    """Return ``count`` positions spread evenly after the onset, the last being the offset.

    Number k (from 0) is ``onset + round((k + 1) / count * (offset - onset))``,
    halves to the even number. These are frames of the clip, the nearest ones, and never
    blends of two: a blend would show a face with two mouths, and flow to it
    would mean nothing. Where there are fewer frames than positions, some stand
    several times.

    Parameters
    ----------
    onset, offset
        0-based positions, the offset not before the onset.
    count
        How many, 1 or more.

    Returns
    -------
    ``count`` positions that never descend.

    Raises
    ------
    ValueError
        If the offset is before the onset, or count is less than 1.
    """
    if offset < onset or count < 1:
        raise ValueError(f"no {count} positions lie from {onset} to {offset}")
    # Exact: a float can fall on either side of a half.
    step = Fraction(offset - onset, count)
    return tuple(onset + round(k * step) for k in range(1, count + 1))

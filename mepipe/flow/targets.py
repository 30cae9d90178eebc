"""The target frames of a flow sequence: several frames between onset and offset."""

from __future__ import annotations

from fractions import Fraction


def target_frames(onset: int, offset: int, count: int) -> tuple[int, ...]:
    """Return ``count`` positions evenly spaced after the onset, the last being the offset.

    Number k, from 1 to ``count``, is onset + round(k / count * (offset - onset)),
    halves rounded to the even number.

    Parameters
    ----------
    onset, offset
        0-based positions, the offset not before the onset.
    count
        Number of positions, 1 or more.

    Returns
    -------
    ``count`` positions in ascending order. With fewer frames than positions,
    some are repeated.

    Raises
    ------
    ValueError
        If the offset is before the onset, or count is less than 1.

    Examples
    --------
    >>> from mepipe.flow import target_frames
    >>> target_frames(onset=10, offset=20, count=5)
    (12, 14, 16, 18, 20)
    >>> target_frames(onset=3, offset=5, count=4)
    (3, 4, 5, 5)
    """
    if offset < onset or count < 1:
        raise ValueError(f"no {count} positions lie from {onset} to {offset}")
    # The nearest frames and never blends of two: a blend shows a face with two mouths, and
    # flow to it means nothing. Fractions, because a float can fall on either side of a half.
    step = Fraction(offset - onset, count)
    return tuple(onset + round(k * step) for k in range(1, count + 1))

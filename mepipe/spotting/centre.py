"""The midpoint of the clip as its apex: the simplest guess, and the baseline."""

from __future__ import annotations

import numpy as np

from mepipe.spotting.key_frames import Spotted, check_marks


def midpoint(
    count: int, *, onset: int | None = None, apex: int | None = None, offset: int | None = None
) -> Spotted:
    """Guess the first frame as onset, the last one as offset, their midpoint as apex.

    Annotated positions are kept. In CASME II and SAMM the annotated apex is 8
    and 10 frames from the midpoint on average.

    Parameters
    ----------
    count
        Number of frames, at least 1.
    onset, apex, offset
        Annotated positions, 0-based, or None.

    Returns
    -------
    Positions with confidence 0 where guessed, 1 where annotated. The curve is
    0 everywhere, and the strength 0.

    Raises
    ------
    ValueError
        If the positions do not ascend or are not frames of the clip.

    Examples
    --------
    >>> from mepipe.spotting import midpoint
    >>> guess = midpoint(31, onset=4)
    >>> guess.onset, guess.apex, guess.offset
    (4, 17, 30)
    """
    check_marks(count, onset, apex, offset)
    first, last = onset, offset
    if first is None:
        first = 0
    if last is None:
        last = count - 1
    centre = (first + last + 1) // 2 if apex is None else apex
    return Spotted(
        onset=first,
        apex=centre,
        offset=last,
        onset_confidence=0.0 if onset is None else 1.0,
        apex_confidence=0.0 if apex is None else 1.0,
        offset_confidence=0.0 if offset is None else 1.0,
        # Nothing was measured: the frames are assumed to show what they are kept for.
        movement=count > 1,
        curve=np.zeros(count, np.float32),
    )

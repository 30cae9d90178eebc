"""The middle of the clip as its apex: the simplest guess, and the one to beat."""

from __future__ import annotations

import numpy as np

from mepipe.spotting.marks import Spotted, check_marks


def midpoint(
    count: int, *, onset: int | None = None, apex: int | None = None, offset: int | None = None
) -> Spotted:
    """Take the clip's first and last frames for onset and offset, their middle for the apex.

    Marks that are given are kept. In CASME II and SAMM the annotated apex is 8
    and 10 frames from the middle on average.

    Parameters
    ----------
    count
        Number of frames, at least 1.
    onset, apex, offset
        Annotated positions, 0-based, or None.

    Raises
    ------
    ValueError
        If the marks are no ascending positions of the clip.
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

"""In which frames of a clip the face is visible."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mepipe.face.same_face import blurred

# A smile or a nod keeps the correlation with the reference above .7; the same crop without the
# face stays below .2 (measured on videos in which a face enters or leaves). Between them are
# ordinary turns and grimaces: below this the face itself is asked for.
_DOUBT = 0.5
_ASKED = 8  # frames of a doubtful stretch that are looked at in one pass

Seen = Callable[[Sequence[int]], Sequence[bool]]


def visible_span(
    crops: NDArray[np.uint8], reference: int, still_seen: Seen | None = None
) -> tuple[int, int]:
    """Return the longest run of frames around ``reference`` that show the same face.

    A frame whose crop correlates with the reference's by 0.5 or more, both blurred by
    1/40 of their side, shows it. Where others follow, some of them are asked about, up to
    eight at a time, until it is known where the face goes. One frame without it between two
    with it (a blur, a hand) ends nothing.

    Parameters
    ----------
    crops
        (N, S, S) uint8, cut out of the frames through one transform.
    reference
        Position of a frame in which the face was found, 0-based.
    still_seen
        Positions, ascending -> whether each shows the face (`mepipe.face.same_face`). None:
        frames of low correlation show it not.

    Returns
    -------
    (first, stop), half open as a slice, never empty.

    Examples
    --------
    The face is gone in the last two of six frames:

    >>> import numpy as np
    >>> from mepipe.spotting import visible_span
    >>> y, x = np.mgrid[:40, :40]
    >>> face = (128 + 100 * np.sin(x / 6) * np.cos(y / 6)).astype(np.uint8)
    >>> crops = np.stack([face] * 4 + [255 - face] * 2)
    >>> visible_span(crops, reference=0)
    (0, 4)

    It has only turned:

    >>> visible_span(crops, reference=0, still_seen=lambda positions: [True] * len(positions))
    (0, 6)
    """
    face = blurred(crops[reference])
    like = [float(np.vdot(face, blurred(crop))) >= _DOUBT for crop in crops]
    before = [position for position in range(reference - 1, -1, -1) if not like[position]]
    after = [position for position in range(reference + 1, len(crops)) if not like[position]]
    gone = [_first_without(doubtful, still_seen) for doubtful in (before, after)]
    first = 0 if gone[0] is None else gone[0] + 1
    return first, len(crops) if gone[1] is None else gone[1]


def _first_without(doubtful: list[int], still_seen: Seen | None) -> int | None:
    """Return the first of the doubtful positions, from the reference on, that shows no face."""
    if not doubtful or still_seen is None:
        return doubtful[0] if doubtful else None
    known: dict[int, bool] = {}
    low, high = 0, len(doubtful) - 1  # the indices among which the face may go
    while True:
        asked = sorted({round(i) for i in np.linspace(low, high, min(_ASKED, high - low + 1))})
        new = sorted(doubtful[i] for i in asked if i not in known)
        answers = dict(zip(new, still_seen(new), strict=True)) if new else {}
        known |= {i: answers[doubtful[i]] for i in asked if i not in known}
        looked = sorted(known)
        # Two in a row, or the last of all: one alone may be a blur.
        bad = next(
            (
                number
                for number, i in enumerate(looked)
                if not known[i] and not any(known[j] for j in looked[number + 1 : number + 2])
            ),
            None,
        )
        if bad is None:
            return None
        low, high = (looked[bad - 1] + 1 if bad else 0), looked[bad] - 1
        if low > high:
            return doubtful[looked[bad]]

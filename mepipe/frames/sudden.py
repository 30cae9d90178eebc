"""Parts of the picture that change from one frame to the next, at once, and then stay.

A decoder that reads damaged data without noticing shows blocks of other places or colours.
Faces move over several frames. A blink or a cut looks alike, so this is a reason to look at
the frames, and no proof.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Measured with bytes changed at random: it sees 40 to 90 % of the damage that MPEG-2, MPEG-4,
# WMV, VP9, H.265 and Motion JPEG decoders do not report, and nearly nothing in clips as recorded.
_BLOCK = 16  # px
_CHANGE = 12.0  # grey levels: mean difference of a block that changed at once
_RATIO = 6.0  # to the change of the same block one frame before
_NOISE = 0.7  # grey levels: differences below it are none
_STAYS = 0.25  # of the change: the largest change in one of the two frames after it
_FEWEST, _LEAST = 3, 0.004  # blocks, and share of all: an eyelid in a distant face is smaller
_CUT = 0.5  # share of blocks: beyond, the whole scene changed


@dataclass(frozen=True)
class Sudden:
    """A frame in which parts of the picture change at once.

    Parameters
    ----------
    position
        The frame, from 0.
    share
        Share of the picture that changes, 0 to 1.
    """

    position: int
    share: float

    @property
    def is_cut(self) -> bool:
        """True if most of the picture changes: another scene."""
        return self.share > _CUT


class Changes:
    """Finds sudden changes in frames that are given one by one.

    Parameters
    ----------
    block
        Rows and columns of the arrays that are 16 x 16 px of the picture.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.frames.sudden import Changes
    >>> frames = np.zeros((12, 96, 128), np.uint8)
    >>> frames[7:, 32:64, 16:80] = 90  # blocks that appear in frame 7
    >>> changes = Changes()
    >>> for frame in frames:
    ...     step = changes.look(frame)
    >>> [(one.position, one.is_cut) for one in changes.found]
    [(7, False)]
    """

    def __init__(self, block: tuple[int, int] = (_BLOCK, _BLOCK)) -> None:
        self.found: list[Sudden] = []
        self._block = block
        self._frames = 0
        self._before: NDArray[np.uint8] | None = None
        # Block differences of the last four steps: before the change, it, and two after it.
        self._steps: deque[NDArray[np.float32]] = deque(maxlen=4)

    def look(self, grey: NDArray[np.uint8]) -> float | None:
        """Take in the next frame, (H, W) uint8; all must have one size.

        Return the mean difference from the frame before, grey levels; None for the first.
        """
        import cv2

        step = None
        if self._before is not None and self._before.shape == grey.shape:
            change = cv2.absdiff(grey, self._before).astype(np.float32)
            height, width = (
                max(side // part, 1) for side, part in zip(grey.shape, self._block, strict=True)
            )
            blocks = cv2.resize(change, (width, height), interpolation=cv2.INTER_AREA)
            self._steps.append(np.asarray(blocks, np.float32))
            step = float(cv2.mean(blocks)[0])
            if len(self._steps) == 4:
                self._judge()
        self._before = grey
        self._frames += 1
        return step

    def _judge(self) -> None:
        before, now, after, later = self._steps
        sudden = (
            (now > _CHANGE)
            & (now > _RATIO * np.maximum(before, _NOISE))
            & (np.minimum(after, later) < _STAYS * now)
        )
        if sudden.sum() >= _FEWEST and sudden.mean() >= _LEAST:
            # The frame in hand came two after the one that changed.
            self.found.append(Sudden(self._frames - 2, float(sudden.mean())))

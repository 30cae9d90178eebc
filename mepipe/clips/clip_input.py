"""What the stages may know of a clip."""

from __future__ import annotations

from dataclasses import dataclass

from mepipe.clips.annotation import KeyFrame
from mepipe.frames import FrameReader, Timing


@dataclass(frozen=True)
class ClipInput:
    """All that a stage may know of a clip: no path, name, subject or label.

    ``onset``, ``apex`` and ``offset`` are annotations found trustworthy; None
    where there is none. ``face_box`` (x0, y0, x1, y1 in px) is where the user
    says that the face is; None: it is looked for.
    """

    frames: FrameReader
    timing: Timing
    onset: KeyFrame | None = None
    apex: KeyFrame | None = None
    offset: KeyFrame | None = None
    face_box: tuple[int, int, int, int] | None = None

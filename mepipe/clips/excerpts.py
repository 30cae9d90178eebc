"""The part of a long recording that one of its movements needs.

A recording lasts a minute or more and holds many movements. What is computed of one
of them needs its own frames, some rest before and after it, and nothing else: a head
that has turned half a minute later would only mislead.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from mepipe.datasets.clip import Clip, Images

MARGIN_S = 1.0
"""How much is kept before the first key frame and after the last, in seconds."""
LONGEST_S = 4.0
"""How far an end that nobody states is looked for, in seconds: few expressions last longer
(Ekman, Emotions Revealed, 2003, gives 0.5 to 4 s for macro-expressions)."""


def excerpt(clip: Clip) -> Clip:
    """Return the clip with only the frames around its key frames.

    Other clips come back as they are: those that are no excerpt of a recording, those
    whose frame rate is unknown, and those without a key frame in the recording. What is
    wrong with such key frames is said later, by `mepipe.clips.annotation`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from mepipe.datasets import Mark
    >>> numbers = tuple(range(1, 3001))
    >>> source = Images(Path("img"), tuple(f"{n}.jpg" for n in numbers), numbers)
    >>> clip = Clip("a", "a", "", "", source, 30.0, Mark(600), Mark(610), Mark(640), excerpt=True)
    >>> excerpt(clip).source.numbers[0], excerpt(clip).source.numbers[-1]
    (570, 670)
    """
    source, fps = clip.source, clip.fps
    if not clip.excerpt or fps is None or not isinstance(source, Images):
        return clip
    marks = (clip.onset, clip.apex, clip.offset)
    inside = [
        mark.number if mark is not None and _holds(source, mark.number) else None for mark in marks
    ]
    stated = [number for number in inside if number is not None]
    if not stated:
        return clip
    onset, _, offset = inside
    margin, longest = round(MARGIN_S * fps), round(LONGEST_S * fps)
    first = min(stated) - margin - (longest if onset is None else 0)
    last = max(stated) + margin + (longest if offset is None else 0)
    begin, end = bisect_left(source.numbers, first), bisect_right(source.numbers, last)
    return replace(
        clip, source=Images(source.folder, source.names[begin:end], source.numbers[begin:end])
    )


def _holds(source: Images, number: int | None) -> bool:
    """Return True if a frame lies within a recording, also where its own file is missing."""
    return number is not None and source.numbers[0] <= number <= source.numbers[-1]

"""The spotter of clips on windows that move along a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.config.settings import Config
from mepipe.errors import BadDataError
from mepipe.frames import FramesInMemory, Timing, VideoFacts, probe_video, video_frames
from mepipe.stages import STAGES, Upstream

WINDOW_S, STEP_S = 2.0, 1.0

Interval = tuple[int, int, int]


class _Window(FramesInMemory):
    """Frames of a recording from ``start`` on, with what its file says of them."""

    def __init__(self, images: list[NDArray[np.uint8]], start: int, facts: VideoFacts) -> None:
        super().__init__(images)
        self._again = {position - start for position in facts.repeats}
        self._keys = tuple(key - start for key in facts.keys if 0 <= key - start < len(images))

    def new_pictures(self) -> list[int]:
        return [position for position in range(self.count) if position not in self._again]

    def codec_keys(self) -> tuple[int, ...]:
        return self._keys


def flow_peak_windows(path: Path) -> list[Interval]:
    """Return the movements (onset, apex, offset) of a recording, positions of frames.

    Each window of 2 s, one a second, is a clip of its own: a face is looked for, and the stage
    spot says whether there is a movement. Of movements that overlap the strongest is kept.
    """
    found: list[tuple[float, Interval]] = []
    with path.open("rb") as file:
        facts = probe_video(file)
        fps = facts.fps or 30.0
        images = (image for _, image in video_frames(file, facts=facts))
        for start, window in _windows(images, round(WINDOW_S * fps), round(STEP_S * fps)):
            clip = ClipInput(_Window(window, start, facts), Timing(fps))
            try:
                face = STAGES[0].compute(clip, Config(), Upstream({}, lambda _: {}))
                upstream = Upstream({"face": face.values}, lambda _: {})
                values = STAGES[1].compute(clip, Config(), upstream).values
            except BadDataError:
                continue
            if values["movement"]:
                onset, apex, offset = (
                    start + cast(int, values[name]) for name in ("onset", "apex", "offset")
                )
                found.append((cast(float, values["strength"]), (onset, apex, offset)))
    return strongest(found)


def _windows(
    images: Iterator[NDArray[np.uint8]], length: int, step: int
) -> Iterator[tuple[int, list[NDArray[np.uint8]]]]:
    """Yield (start, frames) of each window. The last ends with the recording."""
    window: list[NDArray[np.uint8]] = []
    count, done = 0, 0
    for image in images:
        window = [*window[-(length - 1) :], image]
        count += 1
        if count >= length and (count - length) % step == 0:
            done = count
            yield count - length, window
    if done < count:
        yield count - len(window), window


def strongest(found: Sequence[tuple[float, Interval]]) -> list[Interval]:
    """Return those of (strength, movement) that share no frame with a stronger one, in order.

    >>> from mepipe.bench.windows import strongest
    >>> strongest([(1.0, (0, 4, 7)), (3.0, (8, 12, 20)), (2.0, (18, 22, 30)), (1.0, (25, 26, 40))])
    [(0, 4, 7), (8, 12, 20), (25, 26, 40)]
    """
    kept: list[Interval] = []
    for _, one in sorted(found, key=lambda item: -item[0]):
        if all(one[2] < other[0] or one[0] > other[2] for other in kept):
            kept.append(one)
    return sorted(kept)

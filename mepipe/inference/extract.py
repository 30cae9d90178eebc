"""One clip to its key frames, flow, strain and tensor, without a cache and without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.clips.clip_input import ClipInput
from mepipe.config import Config
from mepipe.config.load import as_config
from mepipe.errors import BadDataError
from mepipe.execution.progress import progress_for
from mepipe.frames import FramesInMemory, Timing
from mepipe.inference.clip import (
    ClipResult,
    check_rate,
    format_error,
    make_ready,
    open_clip,
    run_stages,
)


def extract(
    clip: str | Path | NDArray[np.uint8] | Iterable[NDArray[Any]],
    fps: float | None = None,
    *,
    config: Config | str | Path | None = None,
    settings: Iterable[str] = (),
    progress: Callable[[str, int, int], object] | None = None,
) -> ClipResult:
    """Find the face, onset, apex and offset of one clip, and its flow, strain and tensor.

    The arrays have the bits of a run with the same settings over the same frames.

    >>> import mepipe
    >>> found = mepipe.extract("sample/s01/c01", fps=200)
    >>> found.onset < found.apex <= found.offset
    True
    >>> found.flow.shape, found.strain.shape, found.tensor.shape
    ((2, 224, 224), (224, 224), (3, 28, 28))

    Parameters
    ----------
    clip
        A video, a folder of a clip's images, or the frames: (T, H, W, 3) uint8 in
        OpenCV's order blue, green, red, (T, H, W) uint8 grey, or an iterable of such images.
    fps
        Frames per second; of a video instead of what it says of itself. None: unknown for
        images, and then spotting by motion cannot work.
    config, settings
        As for `mepipe.run`.
    progress
        Called as ``progress(title, done, total)`` while the flow engine is compiled, the
        first time. None: progress goes to the logger ``mepipe``.

    Returns
    -------
    ClipResult
        ``movement`` is False where nothing above the noise was found: the key frames are
        the best guess then.

    Raises
    ------
    UsageError
        If the frames are no such images, there is no such path, or it is a folder of
        several clips; if ``fps`` is no rate, a setting is not valid, or a model file is missing.
    BadDataError
        If there is no face, the clip has one frame only, or its rate is needed and unknown.
    UnreadableInputError
        If a file cannot be read.
    """
    resolved = as_config(config, settings)
    rate = check_rate(fps)
    if isinstance(clip, str | Path):
        opened = open_clip(Path(clip), resolved.data, rate)
    else:
        opened = ClipInput(FramesInMemory(clip), Timing(rate))
    make_ready(resolved, progress_for(progress))
    found = run_stages(opened, resolved)
    if found.stopped is not None:
        raise BadDataError(format_error(opened, found.stopped), found.stopped.remedy)
    return found

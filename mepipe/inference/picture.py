"""Draw the results of one clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mepipe.config.settings import Config
from mepipe.inference.clip import make_ready, open_clip, picture_of, run_stages
from mepipe.viz.clip_picture import clip_png

if TYPE_CHECKING:
    from mepipe.schema import Progress


def show(path: Path, config: Config, progress: Progress | None = None) -> bytes:
    """Return a picture (PNG) of a clip: its face, key frames, flow and motion curve.

    Parameters
    ----------
    path
        A video, or a folder of images.
    config
        As for a run. ``data.fps`` is the rate of a folder of images. Key frames are
        always spotted, because no annotation is read.
    progress
        Reports the compilation of the flow engine, the first time.

    Raises
    ------
    UsageError
        If the path has no clip, or several.
    BadDataError
        If there is no face, or the rate is needed and unknown.
    UnreadableInputError
        If the clip cannot be read.
    """
    clip = open_clip(path, config.data)  # its errors are reported before the slow loading
    make_ready(config, progress)
    done = run_stages(clip, config)
    # A clip without flow still has a face and a motion curve to draw.
    if done.stopped is not None and done.stage != "flow":
        raise done.stopped
    picture = picture_of(done, path.name)
    if done.stopped is not None:
        picture = replace(picture, lines=[*picture.lines, done.stopped.message])
    return clip_png(picture)

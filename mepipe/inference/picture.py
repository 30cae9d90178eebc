"""A picture of what is found in one clip."""

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
        As for a run; ``data.fps`` gives the rate of a folder of images. Key
        frames are looked for, whatever a dataset says of the clip.
    progress
        Where it says that the flow engine is being compiled, the first time.

    Raises
    ------
    UsageError
        If the path holds no clip, or several.
    BadDataError
        If there is no face, or the rate is needed and unknown.
    UnreadableInputError
        If the clip cannot be read.
    """
    clip = open_clip(path, config.data)  # what is wrong with it is said before the wait
    make_ready(config, progress)
    done = run_stages(clip, config, "flow")
    # Without flow there is still a face and a curve to be seen.
    if done.stopped is not None and done.stage != "flow":
        raise done.stopped
    picture = picture_of(done, path.name)
    if done.stopped is not None:
        picture = replace(picture, lines=[*picture.lines, done.stopped.message])
    return clip_png(picture)

"""A picture of what is found in one clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mepipe.config.settings import Config
from mepipe.pipeline.one_clip import open_clip, picture_of, walk
from mepipe.report.show import clip_png


def show(path: Path, config: Config) -> bytes:
    """Return a picture (PNG) of a clip: its face, key frames, flow and motion curve.

    Parameters
    ----------
    path
        A video, or a folder of images.
    config
        As for a run; ``data.fps`` gives the rate of a folder of images. Key
        frames are looked for, whatever a dataset says of the clip.

    Raises
    ------
    UsageError
        If the path holds no clip, or several.
    BadDataError
        If there is no face, or the rate is needed and unknown.
    UnreadableInputError
        If the clip cannot be read.
    """
    done = walk(open_clip(path, config.data), config, "flow")
    # Without flow there is still a face and a curve to be seen.
    if done.stopped is not None and done.stage != "flow":
        raise done.stopped
    picture = picture_of(done, path.name)
    if done.stopped is not None:
        picture = replace(picture, lines=[*picture.lines, done.stopped.message])
    return clip_png(picture)

"""Draw the results of one clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mepipe.clips.clip_task import PreparedClip
from mepipe.config.settings import Config
from mepipe.datasets.clip import Clip, Video
from mepipe.errors import UsageError
from mepipe.execution.progress import NoProgress
from mepipe.flow import target_frames
from mepipe.inference.clip import make_ready, open_clip, picture_of, run_stages
from mepipe.recordings.clips import movement_clips
from mepipe.recordings.length import is_long, seconds_of
from mepipe.recordings.spot import search
from mepipe.stages.faces_and_flows import faces_and_flows
from mepipe.viz.clip_picture import ClipPicture, clip_png

if TYPE_CHECKING:
    from mepipe.cache.store import Store
    from mepipe.clips.clip_input import ClipInput
    from mepipe.recordings.result import RecordingEvents
    from mepipe.schema import Progress

_BESIDE_MS = 1000.0  # of the curve, before and after a movement at least


def show(
    path: Path,
    config: Config,
    progress: Progress | None = None,
    *,
    event: int | None = None,
    store: Store | None = None,
) -> bytes:
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
    event
        Number of a movement of a recording, from 1, as `mepipe.spot` finds them: the picture
        shows this one.
    store
        The cache that `mepipe.spot` keeps its measurements in. None: they are made again.

    Raises
    ------
    UsageError
        If the path has no clip, or several, or is a recording and ``event`` is None or is not one
        of its movements.
    BadDataError
        If there is no face, or the rate is needed and unknown.
    UnreadableInputError
        If the clip cannot be read.
    """
    clip, found = _opened(path, config, progress, event, store)
    make_ready(config, progress)
    done = run_stages(clip, config)
    # A clip without flow still has a face and a motion curve to draw.
    if done.stopped is not None and done.stage != "flow":
        raise done.stopped
    picture = picture_of(done, path.name)
    if event is not None and found is not None:
        picture = _of_movement(picture, found, event)
    if done.stopped is not None:
        picture = replace(picture, lines=[*picture.lines, done.stopped.message])
    return clip_png(picture)


def show_magnified(
    path: Path,
    config: Config,
    progress: Progress | None = None,
    *,
    factor: float | None = None,
    event: int | None = None,
    store: Store | None = None,
) -> bytes:
    """Return a film (GIF) of a clip from onset to offset, its motion magnified beside it.

    Parameters
    ----------
    factor
        How many times the motion. None: 8, or less where that would be no face any more.
    path, config, progress, event, store
        As for `show`.

    Raises
    ------
    UsageError, BadDataError, UnreadableInputError
        As `show`.
    """
    from mepipe.viz.magnified import MOST_FRAMES, magnified_gif

    clip, _ = _opened(path, config, progress, event, store)
    make_ready(config, progress)
    done = run_stages(clip, config, "spot")
    if done.stopped is not None:
        raise done.stopped
    onset, apex = done.onset, done.apex
    offset = max(apex, done.offset if done.offset is not None else apex)
    wanted = set(range(onset, offset + 1))
    if len(wanted) > MOST_FRAMES:
        wanted = {onset, apex, *target_frames(onset, offset, MOST_FRAMES - 2)}
    positions = sorted(wanted)
    faces, flows = faces_and_flows(clip, config, done.values, positions)
    times = clip.timing.times(clip.frames.count)
    return magnified_gif(
        faces,
        flows,
        positions,
        factor=factor,
        times_ms=None if times is None else times[positions],
        marks={"onset": onset, "apex": apex}
        | ({} if done.offset is None else {"offset": done.offset}),
    )


def _opened(
    path: Path,
    config: Config,
    progress: Progress | None,
    event: int | None,
    store: Store | None,
) -> tuple[ClipInput, RecordingEvents | None]:
    """Return the clip at a path, or a movement of a recording and all that was found in it."""
    clip = open_clip(path, config.data)  # its errors are reported before the slow loading
    found = None
    if event is not None:
        clip, found = _movement(path, clip, config, event, store, progress)
    elif is_long(clip, config):
        raise UsageError(
            f"{path} is a recording of {seconds_of(clip):.0f} s, which can have several movements; "
            "a picture shows one",
            "`mepipe spot` finds and numbers them: --event N shows one of them. "
            "--set recordings.longer_than_s=0 takes it for one clip.",
        )
    return clip, found


def _movement(
    path: Path,
    clip: ClipInput,
    config: Config,
    number: int,
    store: Store | None,
    progress: Progress | None,
) -> tuple[ClipInput, RecordingEvents]:
    """Return a movement of a recording as a clip, with its key frames, and what else was found."""
    source = Clip(path.name, "", "", "", source=Video(clip.frames.files[0]))
    whole = PreparedClip(source, clip, range(clip.frames.count), ())
    found = search(whole, config, store, progress or NoProgress())
    movements = movement_clips(whole, found)
    if not 1 <= number <= len(movements):
        raise UsageError(
            f"{path} has {len(movements)} movement(s), and no number {number}",
            "`mepipe spot` lists them. recordings.threshold decides how many are found.",
        )
    return movements[number - 1].input, found


def _of_movement(picture: ClipPicture, found: RecordingEvents, number: int) -> ClipPicture:
    """Return the picture with the recording's curve around a movement, and what is known of it."""
    event = found.movements[number - 1]
    times, (begin, end) = found.times_ms, found.span_ms(event)
    beside = max(_BESIDE_MS, end - begin)
    near = (times >= begin - beside) & (times <= end + beside)
    regions = ", ".join(name.replace("_", " ") for name in event.regions[:3])
    said = [
        f"movement {number} of {len(found.movements)}: {event.kind}, up to {event.px:.1f} px",
        f"strength {event.strength:.2f}, most in {regions}",
    ]
    return replace(
        picture,
        name=f"{picture.name}, movement {number}",
        curve=np.where(near, found.curve, np.nan).astype(np.float32),
        curve_title="motion in the recording",
        curve_unit="px of the frame",
        lines=[*said, *(line for line in picture.lines if not line.startswith("method: "))],
    )

"""Which clips of a run are recordings: known from their length, before anything is searched."""

from __future__ import annotations

from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import PreparedClip
from mepipe.config import Config


def is_recording(prepared: PreparedClip, config: Config) -> bool:
    """Return True if a run looks for all movements of a clip: it is long, without key frames.

    Parameters
    ----------
    prepared
        The clip.
    config
        ``recordings.longer_than_s`` says how long; ``spot.method`` is not ``auto``: never.
    """
    return not prepared.clip.recording and is_long(prepared.input, config)


def is_long(clip: ClipInput, config: Config) -> bool:
    """Return True if a clip without key frames and face box is longer than the setting says."""
    limit = config.recordings.longer_than_s
    if not limit or config.spot.method != "auto" or clip.face_box is not None:
        return False
    if clip.onset or clip.apex or clip.offset:
        return False
    seconds = seconds_of(clip)
    return seconds is not None and seconds > limit


def seconds_of(clip: ClipInput) -> float | None:
    """Return the time from the first frame of a clip to its last, s; None if it is unknown."""
    times = clip.timing.times(clip.frames.count)
    return None if times is None else float(times[-1] - times[0]) / 1000

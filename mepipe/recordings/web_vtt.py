"""The events of a recording as WebVTT, the subtitles that players and browsers show."""

from __future__ import annotations

from mepipe.recordings.events import Event
from mepipe.recordings.result import RecordingEvents


def events_vtt(recording: RecordingEvents) -> str:
    """Return a ``.vtt``: a cue for each event, with its kind, regions and strength.

    A cue lasts from onset to offset, in ms; that of an event that had not ended to the end of its
    scene or of the recording. See W3C, "WebVTT: The Web Video Text Tracks Format", 2019.

    Parameters
    ----------
    recording
        With events of any kind.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.recordings.events import Event
    >>> recording = RecordingEvents(
    ...     "interview", "", 25.0, np.arange(100) * 40.0, range(100),
    ...     (Event("blink", 1, 50, 52, 54),), (), np.zeros(100, np.float32),
    ... )
    >>> print(events_vtt(recording), end="")
    WEBVTT
    <BLANKLINE>
    1
    00:00:02.000 --> 00:00:02.160
    blink
    """
    cues = ["WEBVTT\n"]
    several = recording.several_faces
    events = sorted(recording.events, key=recording.span_ms)  # cues stand in the order of time
    for number, event in enumerate(events, start=1):
        begin, end = recording.span_ms(event)
        words = _escaped(described(event, named=True, face=several))
        cues.append(f"{number}\n{_time(begin)} --> {_time(end)}\n{words}\n")
    return "\n".join(cues)


def described(event: Event, *, named: bool, face: bool) -> str:
    """Return what a player or a coding program shows of an event.

    Parameters
    ----------
    event
        The event.
    named
        Say its kind.
    face
        Say which face.

    Examples
    --------
    >>> described(Event("speech", 2, 3, 4, 5), named=True, face=True)
    'speech, face 2'
    """
    parts: list[str] = [event.kind] * named
    parts += [f"face {event.face}"] * face
    if event.motion is not None:
        parts += [" + ".join(name.replace("_", " ") for name in event.regions)]
        parts += [f"strength {event.strength:.1f}"]
    if event.offset is None:
        parts += ["end not seen"]
    return ", ".join(filter(None, parts))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}"

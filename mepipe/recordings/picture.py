"""The picture of a recording's events."""

from __future__ import annotations

from collections.abc import Mapping

from mepipe.recordings.result import RecordingEvents
from mepipe.viz.timeline import Timeline, TimelineEvent, timeline_png


def events_png(recording: RecordingEvents, labels: Mapping[int, str] | None = None) -> bytes:
    """Return the timeline of a recording as PNG (`mepipe.viz.timeline_png`).

    ``labels`` are words for movements, by their numbers, from 1.

    >>> import numpy as np
    >>> still = RecordingEvents(
    ...     "a", "", 25.0, np.arange(50) * 40.0, range(50), (), (), np.zeros(50, np.float32)
    ... )
    >>> events_png(still)[1:4]
    b'PNG'
    """
    return timeline_png(timeline_of(recording, labels))


def timeline_of(recording: RecordingEvents, labels: Mapping[int, str] | None = None) -> Timeline:
    """Return what the picture shows; an event that had not ended is shown to its scene's end."""
    times = recording.times_ms
    movements = {id(one): number for number, one in enumerate(recording.movements, start=1)}
    words = labels or {}
    return Timeline(
        recording.name,
        times,
        recording.curve,
        tuple(
            TimelineEvent(
                event.kind,
                event.face,
                float(times[event.onset]),
                float(times[event.apex]),
                float(times[recording.last_of(event)]),
                words.get(movements.get(id(event), 0), ""),
            )
            for event in recording.events
        ),
        tuple(float(times[cut]) for cut in recording.cuts),
    )

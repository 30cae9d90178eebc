"""Recordings that are made up, with events of every kind."""

import numpy as np

from mepipe.recordings.events import Event, region_names
from mepipe.recordings.result import RecordingEvents


def motion(**px):
    """The motion of regions by name, in inter-ocular distances to the right."""
    made = np.zeros((len(region_names()), 2))
    for name, value in px.items():
        made[region_names().index(name), 0] = value
    return made


MOTION = motion(upper_lip=0.02, chin=-0.015, glabella=0.003)
MICRO = Event("micro", 1, 30, 35, 42, 3.25, 0.875, MOTION, 100.0)
MACRO = Event("macro", 1, 40, 70, 90, 5.0, 0.9, MOTION, 100.0)
OPEN = Event("macro", 1, 120, 130, None, 2.5, 0.8, MOTION, 100.0)
BLINK = Event("blink", 1, 50, 52, 54)
EVERY = (MICRO, MACRO, BLINK, OPEN)


def recording(
    events=EVERY, name="s1/interview", *, count=200, fps=25.0, subject="s1", cuts=(150,), first=1
):
    times = np.arange(count) * (1000.0 / (fps or 25.0))
    curve = np.abs(np.sin(np.arange(count) / 9)).astype(np.float32)
    curve[count // 2 : count // 2 + 10] = np.nan
    return RecordingEvents(
        name, subject, fps, times, range(first, first + count), tuple(events), tuple(cuts), curve
    )

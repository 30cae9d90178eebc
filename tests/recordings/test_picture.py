"""What of a recording its picture shows."""

from dataclasses import replace

import numpy as np
from made_recordings import BLINK, MICRO, OPEN, recording

from mepipe.recordings.picture import events_png, timeline_of


def test_positions_become_times_and_an_open_end_that_of_its_scene():
    made = recording([MICRO, BLINK, OPEN], cuts=(150,))
    found = timeline_of(made)
    assert [(e.kind, e.onset_ms, e.apex_ms, e.offset_ms) for e in found.events] == [
        ("micro", 1200, 1400, 1680), ("blink", 2000, 2080, 2160), ("macro", 4800, 5200, 5960),
    ]  # fmt: skip
    assert found.cuts_ms == (6000,)
    assert (found.name, found.curve is made.curve) == ("s1/interview", True)
    # Times need not be even: the frames' own decide.
    uneven = replace(made, times_ms=np.cumsum(np.linspace(20, 60, 200)))
    assert timeline_of(uneven).events[0].apex_ms == uneven.times_ms[35]


def test_the_picture_is_a_png():
    assert events_png(recording()).startswith(b"\x89PNG")

"""The events of recordings and the motion curve of one, as .csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator

from mepipe.datasets.name_cells import check_name, name_cell
from mepipe.recordings.events import Event
from mepipe.recordings.result import RecordingEvents

EVENT_COLUMNS = (
    "recording", "subject", "face", "kind", "onset", "apex", "offset", "onset_ms", "apex_ms",
    "offset_ms", "onset_number", "apex_number", "offset_number", "fps", "strength", "confidence",
    "px", "regions", "ended", "origin",
)  # fmt: skip
CURVE_COLUMNS = ("position", "time_ms", "number", "motion_px")

_Row = tuple[str | int, ...]


def events_csv(recordings: Iterable[RecordingEvents]) -> str:
    """Return ``events.csv``: a row for each event, with `EVENT_COLUMNS`.

    Onset, apex and offset are positions from 0; beside them stand their times from the start of
    the recording and the dataset's own numbers. A movement that had not ended when its scene or
    the recording did has ``no`` under ``ended``, and the last frame of the scene as its offset.
    The ``origin`` of a movement is ``correction`` where a person went over those of the recording.
    An empty cell is unknown. A cut is a row of the kind ``cut``, whose onset is the first frame
    of the new scene. A recording without any movement has a row without a kind that says so.
    Regions are joined by ``+``, the strongest first. A name that a spreadsheet would take for a
    formula has an apostrophe before it. `mepipe.evaluation.spotting_metrics.read_events` reads it
    back.

    Parameters
    ----------
    recordings
        In the order of their rows.

    Raises
    ------
    UsageError
        If a name cannot stand in a table (`mepipe.datasets.name_cells.check_name`).

    Examples
    --------
    >>> import numpy as np
    >>> still = RecordingEvents(
    ...     "=still", "", 25.0, np.arange(3) * 40.0, range(1, 4), (Event("blink", 1, 0, 1, 2),), (),
    ...     np.zeros(3, np.float32),
    ... )
    >>> print(events_csv([still]), end="")
    recording,subject,face,kind,onset,apex,offset,onset_ms,apex_ms,offset_ms,onset_number,\
apex_number,offset_number,fps,strength,confidence,px,regions,ended,origin
    '=still,,,,,,,,,,,,,25,,,,,,
    '=still,,1,blink,0,1,2,0,40,80,1,2,3,25,,,,,,
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EVENT_COLUMNS)
    for recording in recordings:
        writer.writerows(_rows(recording))
    return text.getvalue()


def curve_csv(recording: RecordingEvents) -> str:
    """Return the motion curve of a recording: a row for each frame, with `CURVE_COLUMNS`.

    The motion is empty where no face is seen.

    >>> import numpy as np
    >>> recording = RecordingEvents(
    ...     "a", "", None, np.array([0.0, 40.0]), (7, 8), (), (), np.array([0.25, np.nan], "f4")
    ... )
    >>> print(curve_csv(recording), end="")
    position,time_ms,number,motion_px
    0,0,7,0.25
    1,40,8,
    """
    lines = [",".join(CURVE_COLUMNS)]
    columns = (recording.times_ms.tolist(), recording.numbers, recording.curve.tolist())
    for position, (time, number, motion) in enumerate(zip(*columns, strict=True)):
        lines.append(f"{position},{_short(time)},{number},{_short(motion, 4)}")
    return "\n".join([*lines, ""])


def _rows(recording: RecordingEvents) -> Iterator[_Row]:
    check_name(recording.name)
    if recording.subject:
        check_name(recording.subject, "subject")
    names = (name_cell(recording.name), name_cell(recording.subject))
    fps = "" if recording.fps is None else f"{recording.fps!r}".removesuffix(".0")
    times, numbers = recording.times_ms.tolist(), recording.numbers

    def row(kind: str, face: int | None, places: tuple[int | None, ...], said: _Row) -> _Row:
        return (
            *names,
            "" if face is None else face,
            kind,
            *("" if place is None else place for place in places),
            *("" if place is None else _short(times[place]) for place in places),
            *("" if place is None else numbers[place] for place in places),
            fps,
            *said,
        )

    nowhere, unsaid = (None, None, None), ("", "", "", "", "", "")

    def places_of(event: Event) -> tuple[int | None, ...]:
        # What came back from is not known to have an end of its own.
        last = recording.last_of(event) if event.is_movement else event.offset
        return event.onset, event.apex, last

    rows = [
        (event.onset, row(event.kind, event.face, places_of(event), _said(event)))
        for event in recording.events
    ]
    rows += [(cut, row("cut", None, (cut, None, None), unsaid)) for cut in recording.cuts]
    if not recording.movements:
        yield row("", None, nowhere, unsaid)
    yield from (cells for _, cells in sorted(rows, key=lambda pair: pair[0]))


def _said(event: Event) -> _Row:
    """Return strength, confidence, px, regions, if it had ended, origin: where something moved."""
    if event.motion is None:
        # Marked by hand: nothing was measured.
        ended = "no" if event.offset is None else "yes"
        return "", "", "", "", *((ended, event.origin) if event.is_movement else ("", ""))
    ended = ("no" if event.offset is None else "yes") if event.is_movement else ""
    certain = _short(event.confidence) if event.is_movement else ""
    return (
        _short(event.strength),
        certain,
        _short(event.px),
        "+".join(event.regions),
        ended,
        (event.origin if event.is_movement else ""),
    )


def _short(value: float, digits: int = 3) -> str:
    """Return a number without needless digits; nothing for NaN."""
    if math.isnan(value):
        return ""
    return repr(round(value, digits) + 0.0).removesuffix(".0")  # -0.0 + 0.0 is 0.0

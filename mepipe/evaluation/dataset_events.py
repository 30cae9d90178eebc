"""The annotated movements of a dataset as events of its recordings."""

from __future__ import annotations

from dataclasses import replace

from mepipe.datasets.recordings import Marked, recordings
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.evaluation.event_lists import EventList, listed, recordings_of
from mepipe.evaluation.spotting_events import Event


def dataset_events(spec: str, *, numbers: bool = False) -> EventList:
    """Return the events of the dataset at ``[NAME=]PATH``.

    They are what is marked in its recordings (`mepipe.datasets.recordings.recordings`), under the
    names that these have there. A movement whose onset or offset is unknown is left out and noted;
    of a recording without any known one nothing is known, so what is found there does not
    count. In a recording that its coders looked at and marked nothing in, what is found is false.

    Parameters
    ----------
    spec
        As on the command line.
    numbers
        Give the dataset's own frame numbers instead of positions.

    Raises
    ------
    UsageError
        If no reader recognises it, or no clip has an onset and an offset.

    Examples
    --------
    >>> first = dataset_events("sample").events[0]
    >>> first.recording, first.onset, first.offset, first.kind
    ('sample/s01/c01', 10, 39, 'micro')
    """
    dataset = open_dataset(spec)
    events, left_out, unknown, stated = [], [], set(), []
    looked_at = {one.id for one in recordings(replace(dataset, clips=()))}
    for recording in recordings(dataset):
        subject = recording.group or recording.subject
        stated.append((recording.id, recording.fps, subject, ""))
        known = [
            Event(
                recording.id,
                *span,
                recording.fps,
                marked.kind,
                subject,
                marked.emotion,
                marked.apex_number if numbers else marked.apex,
            )
            for marked in recording.events
            if (span := _span(marked, numbers=numbers)) is not None
        ]
        events += known
        left_out += [one.clip for one in recording.events if _span(one, numbers=numbers) is None]
        if not known and recording.id not in looked_at:
            unknown.add(recording.id)
            left_out += [recording.id] * (not recording.events)
    if not events:
        raise UsageError(
            f"no clip of {dataset.root} has an annotated onset and offset",
            "Give a dataset with annotations, or a table with the columns recording, onset, "
            "offset (and fps).",
        )
    # What the reader left out is not in the truth, so what was found there counts as false.
    notes = [note.text for note in dataset.notes if note.clip is None]
    if dataset.rejects:
        notes.append(
            f"{dataset.name}: {len(dataset.rejects)} clips cannot be read and are not events of "
            f"the truth ({listed([one.clip for one in dataset.rejects])})"
        )
    if left_out:
        notes.append(
            f"{dataset.name}: {len(left_out)} clips have no usable onset and offset and are no "
            f"events of the truth ({listed(left_out)})"
        )
    return EventList(
        dataset.name,
        tuple(events),
        recordings_of(dataset.name, stated),
        frozenset(unknown),
        tuple(notes),
    )


def _span(marked: Marked, *, numbers: bool) -> tuple[int, int] | None:
    """Return onset and offset; None if one is unknown, or they are in no order."""
    onset, offset = marked.onset_number, marked.offset_number
    if onset is None or offset is None or onset > offset:
        return None
    if numbers:
        return onset, offset
    if marked.onset is None or marked.offset is None:
        return None
    return marked.onset, marked.offset

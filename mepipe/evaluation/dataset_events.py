"""The annotated clips of a dataset as events of its recordings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from pathlib import Path

from mepipe.datasets.clip import Clip, Images, Mark
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.evaluation.event_lists import EventList, listed, recordings_of
from mepipe.evaluation.spotting_events import Event


def dataset_events(spec: str, *, numbers: bool = False) -> EventList:
    """Return the events of the dataset at ``[NAME=]PATH``.

    The expressions of one video (``#1``, ``#2``, or rows that share a folder) are events of
    one recording. Frames are positions in it, from 0, as in events.csv. An expression whose
    onset or offset is unknown is left out and noted; of a recording without any known one
    nothing is known, so what is found there does not count.

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
    """
    dataset = open_dataset(spec)
    events, unknown = [], []
    stated = []
    known: dict[str, bool] = defaultdict(bool)
    for clip in dataset.clips:
        recording = recording_of(clip)
        stated.append((recording, clip.fps, clip.group or clip.subject, ""))
        span = _span(clip, numbers=numbers)
        known[recording] |= span is not None
        if span is None:
            unknown.append(clip.id)
            continue
        events.append(
            Event(
                recording,
                *span,
                clip.fps,
                subject=clip.group or clip.subject,
                emotion=clip.emotion,
                apex=_apex(clip, numbers=numbers),
            )
        )
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
            f"{dataset.name}: {len(dataset.rejects)} clips cannot be read and are no events of "
            f"the truth ({listed([one.clip for one in dataset.rejects])})"
        )
    if unknown:
        notes.append(
            f"{dataset.name}: {len(unknown)} clips have no usable onset and offset and are no "
            f"events of the truth ({listed(unknown)})"
        )
    return EventList(
        dataset.name,
        tuple(events),
        recordings_of(dataset.name, stated),
        frozenset(name for name, some in known.items() if not some),
        tuple(notes),
    )


def recording_of(clip: Clip) -> str:
    """Return the name of the recording that a clip's frames are."""
    name = clip.id.rpartition("#")[0] if "#" in clip.id else clip.id
    above, _, last = name.rpartition("/")
    # The row 006_1_2 of SAMM Long Videos is an expression in the folder 006_1.
    folder = clip.source.folder.name if isinstance(clip.source, Images) else Path(last).name
    shorter = folder and last.startswith(f"{folder}_")
    return f"{above}/{folder}" if shorter else name


def _span(clip: Clip, *, numbers: bool) -> tuple[int, int] | None:
    onset, offset = _number(clip.onset), _number(clip.offset)
    if onset is None or offset is None or not 0 <= onset <= offset:
        return None
    if numbers:
        return onset, offset
    if isinstance(clip.source, Images):
        frames = clip.source.numbers
        # A frame that is absent: the event begins with the next one, and ends with the last before.
        first, last = bisect_left(frames, onset), bisect_right(frames, offset) - 1
        return (first, last) if first <= last else None
    return (onset, offset) if clip.source.numbered else None


def _apex(clip: Clip, *, numbers: bool) -> int | None:
    apex = _number(clip.apex)
    if apex is None or numbers or not isinstance(clip.source, Images):
        return apex
    at = bisect_left(clip.source.numbers, apex)
    return at if at < len(clip.source.numbers) else None


def _number(mark: Mark | None) -> int | None:
    return None if mark is None else mark.number

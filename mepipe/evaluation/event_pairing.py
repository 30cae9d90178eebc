"""Truth and predictions brought together: by recording, on one axis of time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mepipe.errors import UsageError
from mepipe.evaluation.event_lists import EventList, Recording, listed
from mepipe.evaluation.recording_names import some_must_agree, with_the_names_of
from mepipe.evaluation.spotting_events import Event, Kind, Spans, kind_of


@dataclass(frozen=True)
class Side:
    """The events of one recording on one side, in the order of their file.

    ``spans`` (N, 2) are begin and end on the axis that both sides share, ``kinds`` (N,) micro or
    macro; ``frame_s`` is how long a frame lasts, None without a rate.
    """

    events: tuple[Event, ...]
    kinds: tuple[Kind, ...]
    spans: Spans
    frame_s: float | None


@dataclass(frozen=True)
class Pairing:
    """Truth and predictions of one recording; ``unit`` is what the bootstrap draws."""

    recording: str
    unit: str
    truth: Side
    predicted: Side


@dataclass(frozen=True)
class Together:
    """All recordings of both sides.

    Parameters
    ----------
    pairings
        By recording, those of the truth first.
    by_subject
        Whether the units are persons, not recordings.
    both
        How many recordings are on both sides.
    notes
        What there is to say.
    """

    pairings: tuple[Pairing, ...]
    by_subject: bool
    both: int
    notes: tuple[str, ...]


def bring_together(truth: EventList, predicted: EventList, fps: float | None) -> Together:
    """Return truth and predictions by recording, on one axis of time.

    Frames are compared where the rates agree, or one side (or ``fps``) states it. Where
    they differ, frame k of each side lasts from k / fps to (k + 1) / fps, and times are
    compared.

    Raises
    ------
    UsageError
        If no recording is on both sides, ``fps`` contradicts a file, or a rate is
        needed to tell micro from macro and unknown.
    """
    predicted, notes = with_the_names_of(truth, predicted)
    some_must_agree(truth, predicted)
    unknown = truth.unknown - {one.recording for one in truth.events}
    names = [name for name in truth.recordings if name not in unknown]
    others = [name for name in predicted.recordings if name not in truth.recordings]
    left_out = sorted(unknown & set(predicted.recordings))
    if left_out:
        notes.append(
            f"{truth.name} does not say whether {listed(left_out)} "
            "have events: what was found there is not counted"
        )
    if others:
        count = sum(one.recording in set(others) for one in predicted.events)
        notes.append(
            f"{predicted.name} has recordings that {truth.name} has not ({listed(others)}): "
            f"all that was found there counts as false positives ({count} events)"
        )
    silent = [name for name in names if name not in predicted.recordings]
    if silent:
        notes.append(
            f"{predicted.name} has no row for {listed(silent)}: all events there count as missed"
        )
    by_truth, by_predicted = _by_recording(truth.events), _by_recording(predicted.events)
    subjects = {
        name: (truth.recordings.get(name) or Recording()).subject
        or (predicted.recordings.get(name) or Recording()).subject
        for name in (*names, *others)
    }
    pairings, differ = [], []
    for name in (*names, *others):
        rates = _rates(truth, predicted, name, fps)
        if None not in rates and rates[0] != rates[1]:
            differ.append(name)
        pairings.append(
            Pairing(
                name,
                f"subject {subjects[name]}" if subjects[name] else f"recording {name}",
                _side(truth, by_truth.get(name, ()), rates[0], seconds=rates[0] != rates[1]),
                _side(
                    predicted, by_predicted.get(name, ()), rates[1], seconds=rates[0] != rates[1]
                ),
            )
        )
    if differ:
        notes.append(f"the rates of {listed(differ)} differ between the files: times are compared")
    people = [name for name, subject in subjects.items() if subject]
    if people and len(people) < len(subjects):
        alone = [name for name, subject in subjects.items() if not subject]
        notes.append(
            f"{len(alone)} recordings have no subject ({listed(alone)}): each counts as a "
            "subject of its own"
        )
    both = sum(name in predicted.recordings for name in names)
    return Together(tuple(pairings), bool(people), both, tuple(notes))


def _by_recording(events: Sequence[Event]) -> Mapping[str, tuple[Event, ...]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.recording].append(event)
    return {name: tuple(some) for name, some in found.items()}


def _rates(
    truth: EventList, predicted: EventList, recording: str, fps: float | None
) -> tuple[float | None, float | None]:
    """Return the rate of a recording on both sides; a side without one takes the other's."""
    stated = []
    for side in (truth, predicted):
        own = (side.recordings.get(recording) or Recording()).fps
        if own and fps and not math.isclose(own, fps, rel_tol=1e-6):
            raise UsageError(
                f"{side.name} says {own:g} frames per second of {recording}, and {fps:g} was given",
                "Leave the rate out: the file states it.",
            )
        stated.append(own or fps)
    first, second = stated[0] or stated[1], stated[1] or stated[0]
    if first and second and math.isclose(first, second, rel_tol=1e-6):
        second = first
    return first, second


def _side(side: EventList, events: Sequence[Event], fps: float | None, *, seconds: bool) -> Side:
    kinds: list[Kind] = []
    for event in events:
        if event.kind:
            kinds.append(event.kind)
        elif fps is None:
            raise UsageError(
                f"{side.name}: whether {event.recording}, frame {event.onset} to {event.offset}, "
                "is micro or macro depends on the frames per second, and neither file states them",
                "Add a column fps (or kind), or give --fps (in Python fps=).",
            )
        else:
            kinds.append(kind_of(event.onset, event.offset, fps))
    spans = np.array([(one.onset, one.offset + 1) for one in events], dtype=np.float64)
    spans = spans.reshape(-1, 2)
    if seconds and fps is not None:
        spans = spans / fps
    return Side(tuple(events), tuple(kinds), spans, None if fps is None else 1 / fps)

"""The movements of recordings as clips of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_task import ClipTask, Failure, PreparedClip
from mepipe.clips.inputs import Inputs
from mepipe.config import Config
from mepipe.datasets.clip import Clip, Kind, Note
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.recordings.corrected_clips import CorrectedEvents, relabelled
from mepipe.recordings.events import Event
from mepipe.recordings.length import is_recording, seconds_of
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.spot import Attempt, search_all
from mepipe.recordings.stored import is_stored


@dataclass(frozen=True)
class Searched:
    """The clips of a run in which each recording is replaced by its movements.

    Parameters
    ----------
    inputs
        The clips, among them one for each movement: ``<recording>#1``, ``#2``, ...
    recordings
        What was found in each recording, sorted by name.
    waiting
        The recordings that were not searched yet, where that was not wanted.
    """

    inputs: Inputs
    recordings: tuple[RecordingEvents, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def movements(self) -> int:
        """How many movements were found in all recordings."""
        return sum(len(one.movements) for one in self.recordings)

    @property
    def waiting_s(self) -> float:
        """Length of the recordings that were not searched yet, s."""
        names = set(self.waiting)
        waiting = [one.input for one in self.inputs.clips if one.clip.id in names]
        return sum(seconds_of(clip) or 0.0 for clip in waiting)


def with_movements(
    inputs: Inputs, config: Config, context: Context, *, wanted: bool = True
) -> Searched:
    """Replace the recordings among the clips of a run by their movements.

    Parameters
    ----------
    inputs
        The prepared clips.
    config
        The resolved configuration.
    context
        The cache, the number of processes, the progress.
    wanted
        False: only recordings whose chunks are all in the cache are searched.

    Raises
    ------
    UsageError
        If a movement would have the name of another clip.
    """
    long = [one for one in inputs.clips if is_recording(one, config)]
    if not long:
        unused = CorrectedEvents.of(config).notes([])
        return Searched(replace(inputs, notes=(*inputs.notes, *unused)) if unused else inputs)
    waiting = []
    if not wanted:
        waiting = [one for one in long if not is_stored(one.input, context.store, config)]
        long = [one for one in long if one not in waiting]
    corrected = CorrectedEvents.of(config)
    own_words = {one.name: one.own_words for one in inputs.datasets}
    spotted: dict[str, int] = {}
    found: dict[str, RecordingEvents] = {}
    failures: list[Failure] = []
    tasks = [_Task(one.task(), one.clip, one.numbers) for one in long]
    attempt = Attempt(_opened, config, context.cache, context.progress)
    for task, answer in search_all(tasks, attempt, context.jobs):
        if isinstance(answer, RecordingEvents):
            found[task.clip.id] = answer
        else:
            failures.append(answer)
    searched = {one.clip.id for one in long}
    clips = [one for one in inputs.clips if one.clip.id not in searched]
    taken = {one.clip.id for one in clips}
    notes = list(inputs.notes)
    for prepared in long:
        events = found.get(prepared.clip.id)
        if events is None:
            continue
        spotted[prepared.clip.id] = len(events.movements)
        events = found[prepared.clip.id] = corrected.applied(
            prepared, events, own_words=own_words[prepared.clip.dataset]
        )
        movements = movement_clips(prepared, events)
        twice = next((one.clip.id for one in movements if one.clip.id in taken), None)
        if twice is not None:
            raise UsageError(
                f"{twice} is a clip, and would be the name of a movement of {prepared.clip.id}",
                "Rename the clip or the recording.",
            )
        clips += movements
        minutes = f"{events.seconds / 60:.1f} minutes"
        if prepared.clip.id in corrected.rows.events:
            text = (
                f"a recording of {minutes}: the {len(movements)} movements of the corrections, "
                f"each a clip, instead of the {spotted[prepared.clip.id]} that were spotted"
            )
        elif movements:
            text = f"a recording of {minutes}: {len(movements)} movements, each a clip"
        elif events.seen:
            text = f"a recording of {minutes} without a movement above the noise: no clip"
        else:
            text = f"a recording of {minutes} in which no face was found: no clip"
        notes.append(Note(prepared.clip.id, text))
    notes += [
        Note(one.clip.id, "a recording that was not searched for movements yet") for one in waiting
    ]
    notes += corrected.notes([*searched, *(one.clip.id for one in waiting)])
    own = any(event.emotion for one in found.values() for event in one.movements)
    return Searched(
        replace(
            inputs,
            labels=relabelled(inputs, clips, config.labels.classes, corrected=own),
            clips=tuple(sorted(clips, key=lambda one: one.clip.id)),
            failures=tuple(sorted((*inputs.failures, *failures), key=lambda one: one.clip)),
            notes=tuple(notes),
        ),
        tuple(found[name] for name in sorted(found)),
        tuple(one.clip.id for one in waiting),
    )


def movement_clips(recording: PreparedClip, events: RecordingEvents) -> list[PreparedClip]:
    """Return a clip for each movement: all frames of the recording, with these key frames."""
    clips = []
    for number, event in enumerate(events.movements, start=1):
        kind: Kind = "micro" if event.kind == "micro" else "macro"
        clip = replace(
            recording.clip,
            id=f"{recording.clip.id}#{number}",
            recording=recording.clip.id,
            kind=kind,
            emotion=event.emotion or recording.clip.emotion,
        )
        onset, apex, offset = (
            None if place is None else _mark(place, event, recording.numbers)
            for place in (event.onset, event.apex, _end(event, events))
        )
        clips.append(
            PreparedClip(
                clip,
                replace(recording.input, onset=onset, apex=apex, offset=offset),
                recording.numbers,
                # What is noted of a recording is noted once.
                recording.notes if number == 1 else (),
            )
        )
    return clips


def _end(event: Event, events: RecordingEvents) -> int | None:
    """Return the offset; of one marked by hand always one, so that none is searched for."""
    return events.last_of(event) if _is_by_hand(event) else event.offset


def _is_by_hand(event: Event) -> bool:
    # What a person left as it was spotted has its motion, and the keys that it had.
    return event.origin == "correction" and event.motion is None


def _mark(position: int, event: Event, numbers: Sequence[int]) -> KeyFrame:
    if _is_by_hand(event):
        return KeyFrame(position, numbers[position], "correction")
    return KeyFrame(position, numbers[position], "spotted", round(event.confidence, 4))


@dataclass(frozen=True)
class _Task:
    """A recording as a worker gets it."""

    task: ClipTask
    clip: Clip
    numbers: Sequence[int]


def _opened(one: _Task, config: Config, cache: Path) -> PreparedClip:
    del config, cache  # a run has prepared it already
    return PreparedClip(one.clip, one.task.open(), one.numbers, ())

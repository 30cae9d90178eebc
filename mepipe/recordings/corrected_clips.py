"""What was spotted in recordings, replaced by what a person marked there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mepipe.clips.clip_task import PreparedClip
from mepipe.clips.inputs import Inputs
from mepipe.clips.labels import LabelScheme, classify
from mepipe.config import Config
from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Note
from mepipe.errors import UsageError
from mepipe.recordings.corrected import CorrectedEvent, EventRows, read_events
from mepipe.recordings.events import Event, Kind
from mepipe.recordings.result import RecordingEvents
from mepipe.schema import is_micro


@dataclass(frozen=True)
class CorrectedEvents:
    """The corrected movements that a run is to use.

    Parameters
    ----------
    path
        The table; None: there is none, and nothing is replaced.
    rows
        What stands in it.
    reach
        Largest distance of the frame that stands for one that is missing, in frames.
    """

    path: Path | None = None
    rows: EventRows = field(default_factory=lambda: EventRows(""))
    reach: int = 0

    @classmethod
    def of(cls, config: Config) -> CorrectedEvents:
        """Return those of the setting ``data.events``.

        Raises
        ------
        UsageError
            If the file is not there, or not valid.
        """
        if config.data.events is None:
            return cls()
        path = Path(config.data.events).expanduser()
        if not path.is_file():
            raise UsageError(
                f"data.events: there is no file {path}", "Correct the setting, or leave it out."
            )
        return cls(path, read_events(path), config.data.max_missing)

    def applied(
        self, recording: PreparedClip, found: RecordingEvents, *, own_words: bool
    ) -> RecordingEvents:
        """Return what was found in a recording with its movements as the table has them.

        A movement that stands there as it was spotted keeps its strength and confidence, and
        nothing of it is computed again.

        Raises
        ------
        UsageError
            If a movement does not lie in the recording, or has an emotion that is no word of the
            dataset's: with file and row.
        """
        events = self.rows.events.get(found.name)
        if events is None:
            return found
        lines = self.rows.lines.get(found.name, ())
        made = []
        for number, one in enumerate(events):
            where = f"{self.path}: row {lines[number] if number < len(lines) else '?'}"
            word = _emotion(one, recording.clip, where, own_words=own_words)
            made.append(self._event(one, found, where, word))
        others = [event for event in found.events if not event.is_movement]
        return replace(
            found,
            events=tuple(sorted([*made, *others], key=lambda one: (one.onset, one.face, one.kind))),
        )

    def _event(
        self, one: CorrectedEvent, found: RecordingEvents, where: str, emotion: str
    ) -> Event:
        onset, apex, offset = (
            None if number is None else self._position(number, found.numbers, where)
            for number in (one.onset, one.apex, one.offset)
        )
        assert onset is not None
        assert apex is not None
        if apex <= onset or (offset is not None and offset < apex):
            raise UsageError(
                f"{where}: of {one.onset}, {one.apex} and {one.last} too few frames are there",
                "Mark frames that are there.",
            )
        end = apex if offset is None else offset
        spotted = found.movements
        same = next(
            (x for x in spotted if (x.onset, x.apex, x.offset) == (onset, apex, offset)), None
        )
        seconds = float(found.times_ms[end] - found.times_ms[onset]) / 1000
        kind: Kind = one.kind or ("micro" if offset is not None and is_micro(seconds) else "macro")
        if same is not None:
            kind = one.kind or same.kind
            return replace(same, kind=kind, origin="correction", emotion=emotion)
        face = max(
            spotted,
            key=lambda x: min(end, found.last_of(x)) - max(onset, x.onset),
            default=Event(kind, 1, onset, apex, offset),
        ).face
        return Event(
            kind, face, onset, apex, offset, confidence=1.0, origin="correction", emotion=emotion
        )

    def _position(self, number: int, numbers: Sequence[int], where: str) -> int:
        at = bisect_left(numbers, number)
        near = [place for place in (at - 1, at) if 0 <= place < len(numbers)]
        best = min(near, key=lambda place: abs(numbers[place] - number))
        if abs(numbers[best] - number) > self.reach:
            raise UsageError(
                f"{where}: frame {number} is no frame of the recording, which has {numbers[0]} to "
                f"{numbers[-1]}",
                "Correct the cell: frames are the dataset's own numbers, for a video from 0.",
            )
        return best

    def notes(self, recordings: Sequence[str]) -> list[Note]:
        """Return what there is to say of rows for recordings that the run did not search."""
        absent = sorted(set(self.rows.events) - set(recordings))
        if not absent or self.path is None:
            return []
        some = ", ".join(absent[:3]) + (" and more" if len(absent) > 3 else "")
        text = (
            f"{self.path.name} has movements of {len(absent)} that are no recordings here: {some}"
        )
        return [Note(None, text, "not used")]


def _emotion(one: CorrectedEvent, clip: Clip, where: str, *, own_words: bool) -> str:
    word = emotions.normalise(one.emotion)
    if word and word not in emotions.VOCABULARY and not own_words:
        raise UsageError(
            f"{where}: {emotions.unknown_word(word)}",
            f"Known are {', '.join(sorted(emotions.VOCABULARY))}.",
        )
    # A labelled clip without a person could be on both sides of a split.
    if word and not clip.group:
        raise UsageError(
            f"{where}: {clip.id} has no subject, so it can have no emotion",
            "Move it into a subject's folder.",
        )
    return word


def relabelled(
    inputs: Inputs, clips: Sequence[PreparedClip], scheme: str, *, corrected: bool
) -> LabelScheme:
    """Return the classes of a run whose recordings are replaced by their movements.

    A movement has the class of its recording, or that of the emotion that a person saw in it.

    Parameters
    ----------
    inputs
        As they were opened, with the recordings.
    clips
        The clips of the run.
    scheme
        ``labels.classes``.
    corrected
        Whether a movement has an emotion of its own. The classes may then be others.
    """
    labels = inputs.labels
    if corrected and (labels.classes or labels.of):
        by_dataset: Mapping[str, list[Clip]] = {one.name: [] for one in inputs.datasets}
        for one in clips:
            by_dataset[one.clip.dataset].append(one.clip)
        datasets: list[Dataset] = [
            replace(one, clips=tuple(by_dataset[one.name])) for one in inputs.datasets
        ]
        again = classify(datasets, scheme)
        labels = replace(again, of={**labels.of, **again.of}, notes=labels.notes)
        if set(inputs.labels.of.values()) <= set(labels.classes):
            return labels
        # A class whose only clips cannot be read stands in the first table only.
        order = dict.fromkeys((*inputs.labels.classes, *labels.classes))
        return replace(labels, classes=tuple(order))
    inherited = {
        one.clip.id: labels.of[one.clip.recording]
        for one in clips
        if one.clip.recording in labels.of and one.clip.id not in labels.of
    }
    return replace(labels, of={**labels.of, **inherited})

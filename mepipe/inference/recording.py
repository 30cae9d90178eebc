"""Predict the class of every movement of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mepipe.clips.clip_task import PreparedClip
from mepipe.config import Config
from mepipe.execution.progress import NoProgress
from mepipe.frames import readable
from mepipe.frames.decoder import opened
from mepipe.inference.predictor import Prediction, Predictor
from mepipe.recordings.clips import movement_clips
from mepipe.recordings.events import Event
from mepipe.recordings.length import is_recording
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.spot import open_sources, prepared_source, search, single_source
from mepipe.schema import Progress


@dataclass(frozen=True)
class RecordingPrediction:
    """The answers of a model on a recording.

    Parameters
    ----------
    found
        What happens in the recording.
    answers
        Each micro and macro movement, and the answer on it, in the order of their onsets.
    """

    found: RecordingEvents
    answers: tuple[tuple[Event, Prediction], ...]

    @property
    def labels(self) -> Mapping[int, str]:
        """The class of each movement that has one, by its number, from 1."""
        return {
            number: answer.label
            for number, (_, answer) in enumerate(self.answers, start=1)
            if answer.label is not None
        }

    def png(self) -> bytes:
        """Return a PNG of the recording over time, with the classes of micro movements."""
        from mepipe.recordings.picture import events_png

        # Without the classes of movements that they do not apply to.
        shown = {
            number: label
            for number, label in self.labels.items()
            if self.answers[number - 1][1].micro is not False
        }
        return events_png(self.found, shown)


def predict_recording(
    predictor: Predictor,
    path: str | Path,
    fps: float | None = None,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
) -> RecordingPrediction | None:
    """Find the movements of a recording, and predict the class of each.

    Parameters
    ----------
    predictor
        The model.
    path
        A video, or a folder of images.
    fps
        As for `Predictor.clip`.
    config
        ``recordings`` says how movements are found, and what a recording is. None: the defaults.
    progress
        Counts the seconds of the recording.

    Returns
    -------
    None if it is a clip and not a recording: not longer than ``recordings.longer_than_s``.

    Raises
    ------
    BadDataError, UnreadableInputError
        If it cannot be read.
    """
    settings = config or Config()
    if not _may_be_long(Path(path), settings.recordings.longer_than_s):
        return None  # without decoding it
    (source, *others) = open_sources([path], fps)
    if others:
        return None
    prepared = prepared_source(source, settings)
    if not is_recording(prepared, settings):
        return None
    found = search(prepared, settings, None, progress or NoProgress())
    clips = movement_clips(prepared, found)
    return RecordingPrediction(
        found,
        tuple(
            (event, _answer(predictor, clip))
            for event, clip in zip(found.movements, clips, strict=True)
        ),
    )


def _answer(predictor: Predictor, clip: PreparedClip) -> Prediction:
    return predictor.of_input(clip.input, clip.clip.id)


def _may_be_long(path: Path, seconds: float) -> bool:
    """Return False if the header of a video says that it is short."""
    if not seconds:
        return False
    if single_source(path) is None:
        return False
    if path.is_dir():
        return True
    with readable(path) as file, opened(file) as video:
        length = video.container.duration  # in microseconds; None: it does not say
        return length is None or length / 1e6 > seconds

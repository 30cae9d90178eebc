"""From the clips of the datasets to tasks: which frames exist, and which annotation holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mepipe.clips.action_units import parse_action_units
from mepipe.clips.annotation import DroppedError, resolve
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.file_index import DigestIndex
from mepipe.config.settings import Config, DataSettings
from mepipe.datasets.clip import Clip, Dataset, Mark, Note, Video
from mepipe.datasets.frames_on_disk import missing_runs
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import FrameReader, Timing
from mepipe.plausible import LONGEST_MS, RATES, is_rate


@dataclass(frozen=True)
class Prepared:
    """The clips that can be tried, those that cannot, and what should be said."""

    clips: tuple[PreparedClip, ...]
    failures: tuple[Failure, ...]
    notes: tuple[Note, ...]


def prepare(
    datasets: Sequence[Dataset], indexes: Mapping[str, DigestIndex], config: Config
) -> Prepared:
    """Find each clip's frames and hold its annotation against them.

    Parameters
    ----------
    datasets
        What the readers found.
    indexes
        The digest index of each dataset, by its name.
    config
        ``data`` decides what becomes of errors, and gives the rate where it is unknown.
    """
    clips: list[PreparedClip] = []
    failures: list[Failure] = []
    notes: list[Note] = []
    for dataset in datasets:
        notes += dataset.notes
        failures += [
            Failure(reject.clip, "dataset", reject.error, reject.message, reject.remedy)
            for reject in dataset.rejects
        ]
        for clip in dataset.clips:
            try:
                prepared = prepare_clip(clip, indexes[dataset.name], config.data)
            except (BadDataError, DroppedError, UnreadableInputError) as error:
                failures.append(Failure.of(clip.id, "dataset", error))
                continue
            except MemoryError:
                failures.append(Failure.of_memory(clip.id, "dataset"))
                continue
            clips.append(prepared)
            notes += prepared.notes
        unnumbered = sum(_is_unnumbered(clip, config.data) for clip in dataset.clips)
        if unnumbered:
            notes.append(_unnumbered(dataset.name, unnumbered))
    clips.sort(key=lambda prepared: prepared.clip.id)
    failures.sort(key=lambda failure: failure.clip)
    return Prepared(tuple(clips), tuple(failures), tuple(notes))


def prepare_clip(clip: Clip, index: DigestIndex, settings: DataSettings) -> PreparedClip:
    """Find one clip's frames and their times, and hold its annotation against them.

    Raises
    ------
    BadDataError
        If there is no motion to be seen in it, or it cannot be decoded.
    DroppedError
        If its annotation cannot be right, and the settings say that it goes.
    UnreadableInputError
        If a file cannot be read.
    """
    numbers: Sequence[int]
    notes = [
        Note(
            clip.id,
            f"action units {clip.action_units!r}: {part!r} is none that is known",
            "kept in the raw text only",
        )
        for part in parse_action_units(clip.action_units).unparsed
    ]
    times_ms = None
    if _is_unnumbered(clip, settings):
        # A correction of the user's own counts the video's frames; the sheet does not.
        clip = replace(
            clip,
            onset=_if_corrected(clip.onset),
            apex=_if_corrected(clip.apex),
            offset=_if_corrected(clip.offset),
        )
    if isinstance(clip.source, Video):
        files: tuple[Path, ...] = (clip.source.path,)
        try:
            facts = index.video(clip.source.path)
        except BadDataError as error:
            raise BadDataError(f"{clip.source.path}: {error.message}", error.remedy) from error
        first = 0 if clip.source.numbered else settings.first_number or 0
        numbers = range(first, first + facts.count)
        fps = _rate(clip.fps or facts.fps or settings.fps)
        times_ms = facts.times_ms if clip.fps is None else None
        if facts.declared > facts.count:
            promise = f"the video's header promises {facts.declared} frames, {facts.count} decode"
            notes.append(Note(clip.id, promise, "those are used"))
    else:
        files = tuple(clip.source.folder / name for name in clip.source.names)
        numbers, fps = clip.source.numbers, _rate(clip.fps or settings.fps)
        missing = missing_runs(numbers)
        if missing:
            notes.append(_missing_frames(clip.id, missing))
            if fps is not None:
                # The frames that are there were taken when their numbers say.
                times_ms = tuple((n - numbers[0]) * 1000.0 / fps for n in numbers)
    if len(numbers) == 1:
        raise BadDataError(
            "the clip has one frame only: there is no motion in it",
            "Restore its other frames, or leave it out.",
        )
    timing = Timing(fps, times_ms)
    _check_times(timing, len(numbers), numbers)
    resolved = resolve(
        clip,
        numbers,
        repair=settings.repair,
        missing=settings.missing,
        max_missing=settings.max_missing,
    )
    reader = FrameReader(files, len(numbers), isinstance(clip.source, Video), index.digest)
    return PreparedClip(
        clip,
        ClipInput(reader, timing, resolved.onset, resolved.apex, resolved.offset, clip.face_box),
        numbers,
        (*notes, *resolved.findings),
    )


def _rate(fps: float | None) -> float | None:
    """Return the frames per second, whoever says them, if a camera can make so many."""
    if fps is not None and not is_rate(fps):
        raise BadDataError(
            f"{fps:g} frames per second is no rate: cameras make {RATES}",
            "Correct it where the dataset says it, or leave it out and use --set data.fps=200.",
        )
    return fps


def _check_times(timing: Timing, count: int, numbers: Sequence[int]) -> None:
    """Refuse a clip that would last for days: a number in it is wrong, and times lose meaning."""
    if timing.times_ms is not None:
        lasts = timing.times_ms[-1] - timing.times_ms[0]
    else:
        lasts = (count - 1) * 1000.0 / timing.fps if timing.fps else 0.0
    if not lasts <= LONGEST_MS:
        raise BadDataError(
            f"frames {numbers[0]} to {numbers[-1]} would last {lasts / LONGEST_MS:.3g} days"
            + (f" at {timing.fps:g} frames per second" if timing.fps else ""),
            "Correct the frames per second, or the file whose number is no frame's.",
        )


def _if_corrected(mark: Mark | None) -> Mark | None:
    return mark if mark is not None and mark.origin == "correction" else None


def _unnumbered(dataset: str, videos: int) -> Note:
    return Note(
        None,
        f"{dataset}: the sheet's number of the first frame of its {videos} videos is not known",
        "annotated onsets, apices and offsets are not used but found in the frames. If you know "
        "it, give it with --set data.first_number=N",
    )


def _is_unnumbered(clip: Clip, settings: DataSettings) -> bool:
    """Say whether a clip's key frames are numbers that nothing ties to its frames."""
    source = clip.source
    return isinstance(source, Video) and not source.numbered and settings.first_number is None


def _missing_frames(clip: str, runs: Sequence[tuple[int, int]]) -> Note:
    shown = [f"{a} to {b}" if a < b else str(a) for a, b in runs[:3]]
    more = ", ..." if len(runs) > len(shown) else ""
    total = sum(b - a + 1 for a, b in runs)
    return Note(
        clip,
        f"{total} frame(s) missing within the clip ({', '.join(shown)}{more})",
        "times follow the frame numbers",
    )

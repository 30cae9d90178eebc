"""Prepare clips: find their frames and times, and check their annotation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from mepipe.clips.action_units import parse_action_units
from mepipe.clips.annotation import DroppedError, resolve
from mepipe.clips.clip_input import ClipInput
from mepipe.clips.clip_task import Failure, PreparedClip
from mepipe.clips.excerpts import excerpt
from mepipe.clips.file_index import DigestIndex
from mepipe.clips.label_times import place_times
from mepipe.clips.unknown_marks import without_unknown
from mepipe.clips.video_notes import doubtful_rate, video_notes
from mepipe.config.settings import Config, DataSettings
from mepipe.datasets.clip import Clip, Dataset, Mark, Note, Video
from mepipe.datasets.frames_on_disk import missing_runs
from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames import FrameReader, Timing, clip_bits
from mepipe.plausible import (
    LONGEST_MS,
    RATES,
    USUAL_RATES,
    is_rate,
    is_usual_rate,
    likely_rate,
)
from mepipe.schema import TimeUnit


@dataclass(frozen=True)
class Prepared:
    """The clips that can be processed, those that cannot, and notes on both."""

    clips: tuple[PreparedClip, ...]
    failures: tuple[Failure, ...]
    notes: tuple[Note, ...]


def prepare(
    datasets: Sequence[Dataset], indexes: Mapping[str, DigestIndex], config: Config
) -> Prepared:
    """Find the frames of each clip and check its annotation against them.

    Parameters
    ----------
    datasets
        The datasets as the readers found them.
    indexes
        The digest index of each dataset, by its name.
    config
        ``data`` decides how errors are handled, and gives the rate of clips without one;
        ``labels.time`` is the unit of key frames in the user's own tables.
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
                unit = config.labels.time if dataset.table else "frames"
                prepared = prepare_clip(clip, indexes[dataset.name], config.data, unit)
            except (BadDataError, DroppedError, UnreadableInputError) as error:
                failures.append(Failure.of(clip.id, "dataset", error))
                continue
            except MemoryError:
                # A header can demand any amount of memory. Other clips may still be sound.
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


def prepare_clip(
    clip: Clip, index: DigestIndex, settings: DataSettings, unit: TimeUnit = "frames"
) -> PreparedClip:
    """Find the frames and times of one clip, and check its annotation against them.

    Raises
    ------
    BadDataError
        If the clip has a single frame or cannot be decoded, or its times are impossible.
    DroppedError
        If its annotation is impossible and the settings exclude such clips.
    UnreadableInputError
        If a file cannot be read.
    """
    numbers: Sequence[int]
    clip = excerpt(clip)
    notes = [
        Note(
            clip.id,
            f"action units {clip.action_units!r}: {part!r} is not a known action unit",
            "kept in the raw text only",
        )
        for part in parse_action_units(clip.action_units).unparsed
    ]
    times_ms, facts = None, None
    if _is_unnumbered(clip, settings):
        # The sheet counts from an unknown number, so its key frames are dropped. A correction by
        # the user counts the frames of the video and stays.
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
        word = clip.fps or (settings.fps if facts.doubt else None)
        if facts.doubt and word is None:
            raise doubtful_rate(clip.source.path, facts)
        # A rate that the user or the sheet states replaces the time stamps of the video.
        times_ms = facts.times_ms if word is None else None
        fps = _stated_rate(word, facts.fps, times_ms, settings) or settings.fps
        notes += video_notes(clip.id, facts)
    else:
        files = tuple(clip.source.folder / name for name in clip.source.names)
        numbers = clip.source.numbers
        fps = _stated_rate(clip.fps, None, None, settings) or settings.fps
        missing = missing_runs(numbers)
        if missing:
            notes.append(_missing_frames(clip.id, missing))
            if fps is not None:
                # Frame numbers count all recorded frames, so a gap is a gap in time.
                times_ms = tuple((n - numbers[0]) * 1000.0 / fps for n in numbers)
    if len(numbers) == 1:
        raise BadDataError(
            "the clip has only one frame, so it shows no motion",
            "Restore its other frames, or exclude the clip.",
        )
    timing = Timing(fps, times_ms)
    _check_times(timing, len(numbers), numbers)
    known, unknown = without_unknown(clip, zero_is_a_frame=unit != "frames" or numbers[0] <= 0)
    placed, times = place_times(known, timing, numbers, unit)
    resolved = resolve(
        placed,
        numbers,
        repair=settings.repair,
        missing=settings.missing,
        max_missing=settings.max_missing,
    )
    bits = clip_bits(files, settings.bits) if facts is None else None
    if bits is not None and settings.bits is None:
        scale = f"scaled by 1/{2 ** (bits - 8)}" if bits > 8 else "not scaled"
        notes.append(Note(clip.id, f"the frames hold {bits} bits in 16-bit files", scale))
    reader = FrameReader(files, len(numbers), facts, index.digest, bits)
    return PreparedClip(
        placed,
        ClipInput(reader, timing, resolved.onset, resolved.apex, resolved.offset, clip.face_box),
        numbers,
        (*notes, *unknown, *_in_words(resolved.findings, times)),
    )


def _stated_rate(
    stated: float | None,
    of_video: float | None,
    times_ms: Sequence[float] | None,
    settings: DataSettings,
) -> float | None:
    """Return the rate that the dataset states, else the video's; None if neither does.

    Raises
    ------
    BadDataError
        If it is no rate, or an unusual one that the user has not confirmed.
    """
    if stated is not None:
        return checked_rate(stated, "the dataset states", settings)
    if times_ms:
        # The stamps of the frames decide, and the header's rate may be that of its clock.
        steps = sorted(b - a for a, b in pairwise(times_ms))
        checked_rate(1000.0 / steps[len(steps) // 2], "the time stamps of the video give", settings)
        return of_video
    return None if of_video is None else checked_rate(of_video, "the video states", settings)


def checked_rate(fps: float, who: str, settings: DataSettings) -> float:
    """Return a rate that no user gave, if it can be believed.

    ``data.fps`` with the same value is the user's word for it.

    Raises
    ------
    BadDataError
        If no camera has it, or faces are not recorded so and the user has not confirmed it.
    """
    meant = likely_rate(fps)
    slip = f" (did you mean {meant:g}?)" if meant else ""
    if not is_rate(fps):
        raise BadDataError(
            f"{who} {fps:g} frames per second, which is not a valid rate: valid are {RATES}{slip}",
            "Correct it in the dataset, or remove it there and use --set data.fps=200.",
        )
    confirmed = settings.fps is not None and math.isclose(fps, settings.fps, rel_tol=1e-3)
    if not is_usual_rate(fps) and not confirmed:
        raise BadDataError(
            f"{who} {fps:g} frames per second, which is implausible: usual are {USUAL_RATES}{slip}",
            "Correct it in the dataset (in a generic folder: column fps of labels.csv), or confirm "
            f"it with --set data.fps={fps:g}.",
        )
    return fps


def _in_words(findings: Sequence[Note], times: Mapping[str, str]) -> list[Note]:
    """Return the notes with the times that the table states: it has no frame numbers."""
    if not times:
        return list(findings)
    stated = ", ".join(f"{name} {text}" for name, text in times.items())
    return [replace(note, problem=f"{note.problem} (stated: {stated})") for note in findings]


def _check_times(timing: Timing, count: int, numbers: Sequence[int]) -> None:
    """Raise `BadDataError` if a clip would last more than a day: then a number is wrong."""
    if timing.times_ms is not None:
        lasts = timing.times_ms[-1] - timing.times_ms[0]
    else:
        lasts = (count - 1) * 1000.0 / timing.fps if timing.fps else 0.0
    # Not "lasts > LONGEST_MS": that is False for NaN.
    if not lasts <= LONGEST_MS:
        raise BadDataError(
            f"frames {numbers[0]} to {numbers[-1]} would last {lasts / LONGEST_MS:.3g} days"
            + (f" at {timing.fps:g} frames per second" if timing.fps else ""),
            "Correct the frame rate, or rename the file whose number is not a frame number.",
        )


def _if_corrected(mark: Mark | None) -> Mark | None:
    return mark if mark is not None and mark.origin == "correction" else None


def _unnumbered(dataset: str, videos: int) -> Note:
    return Note(
        None,
        f"{dataset}: the coding sheet's number of the first frame is unknown for {videos} videos",
        "annotated onsets, apices and offsets are not used; they are found in the frames. If you "
        "know the number, give it with --set data.first_number=N",
    )


def _is_unnumbered(clip: Clip, settings: DataSettings) -> bool:
    """Return True if the numbers in the annotation cannot be assigned to frames."""
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

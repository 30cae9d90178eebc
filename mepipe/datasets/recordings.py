"""Recordings and what the coders marked in them, whatever dataset they come from.

A run looks at clips: one movement each. Whoever spots movements, or scores those that
were spotted, looks at recordings: all that was filmed, with every movement in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mepipe.datasets.clip import Clip, Dataset, Images, Kind, Mark, Video
from mepipe.schema import is_micro

_NEAR = 2  # frames: as far as the setting data.max_missing reaches by default


@dataclass(frozen=True)
class Marked:
    """One movement in a recording, as the coders marked it.

    Nothing is guessed and nothing repaired: a key frame that nobody knows is None, and an
    onset behind its offset stays there (`mepipe.clips.annotation` judges).

    Parameters
    ----------
    clip
        The id of the clip that a run makes of it.
    onset_number, apex_number, offset_number
        The dataset's own frame numbers.
    onset, apex, offset
        The 0-based positions of these frames in the recording. Where the frame itself is
        missing, the nearest at most two numbers away. None also where it is not known
        with which number a video begins.
    kind
        micro or macro: as the coders say, else by length (`mepipe.schema.is_micro`).
        Empty if neither is known.
    emotion
        The word as `mepipe.datasets.emotions.normalise` writes it; empty without one.
    action_units
        The text of the dataset's cell.
    """

    clip: str
    onset_number: int | None
    apex_number: int | None
    offset_number: int | None
    onset: int | None
    apex: int | None
    offset: int | None
    kind: Kind
    emotion: str
    action_units: str


@dataclass(frozen=True)
class Recording:
    """One recording with all that is marked in it.

    Parameters
    ----------
    id
        ``<collection>/<subject>/<recording>``.
    dataset, subject, group
        As in `mepipe.datasets.clip.Clip`.
    source
        All its frames.
    fps
        Frames per second as the dataset states it; None if it does not.
    events
        The movements in the order of their first key frames; none if the coders found none.
    """

    id: str
    dataset: str
    subject: str
    group: str
    source: Images | Video
    fps: float | None
    events: tuple[Marked, ...]


def recordings(dataset: Dataset) -> list[Recording]:
    """Return the recordings of a dataset, sorted by id.

    Clips of the same frames are movements in one recording. A clip with frames of its own
    is a recording with one movement, or with none if it has no key frame: in a folder of
    your own, such a clip is one in which nobody looked for movements. Clips that cannot be
    read (``dataset.rejects``) are in no recording.

    Parameters
    ----------
    dataset
        As its reader found it (`mepipe.read_dataset`).

    Examples
    --------
    >>> import mepipe
    >>> first = recordings(mepipe.read_dataset("sample"))[0]
    >>> first.id, first.fps, [(event.onset, event.offset) for event in first.events]
    ('sample/s01/c01', 200.0, [(10, 39)])
    """
    by_source: dict[Path, list[Clip]] = {}
    for clip in dataset.clips:
        place = clip.source.folder if isinstance(clip.source, Images) else clip.source.path
        by_source.setdefault(place, []).append(clip)
    found = [_recording(clips) for clips in by_source.values()]
    found += [_recording([clip]) for clip in dataset.unmarked]
    return sorted(found, key=lambda one: one.id)


def kind_by_length(onset: int | None, offset: int | None, fps: float | None) -> Kind:
    """Return the kind of a movement by its length; empty if the length is not known.

    Parameters
    ----------
    onset, offset
        The dataset's own frame numbers, which count all recorded frames.
    fps
        Frames per second.

    Examples
    --------
    >>> kind_by_length(100, 115, 30.0), kind_by_length(100, 116, 30.0), kind_by_length(1, None, 30)
    ('micro', 'macro', '')
    """
    if onset is None or offset is None or not fps or offset < onset:
        return ""
    return "micro" if is_micro((offset - onset) / fps) else "macro"


def _recording(clips: Sequence[Clip]) -> Recording:
    first = clips[0]
    events = [
        _marked(clip)
        for clip in clips
        if any(mark is not None for mark in (clip.onset, clip.apex, clip.offset))
    ]
    return Recording(
        id=first.recording or first.id.rpartition("#")[0] * (len(clips) > 1) or first.id,
        dataset=first.dataset,
        subject=first.subject,
        group=first.group,
        source=first.source,
        fps=first.fps,
        events=tuple(sorted(events, key=_order)),
    )


def _order(event: Marked) -> tuple[float, str]:
    known = (event.onset_number, event.apex_number, event.offset_number)
    return min((n for n in known if n is not None), default=float("inf")), event.clip


def _marked(clip: Clip) -> Marked:
    onset, apex, offset = (
        _number(mark, clip.source) for mark in (clip.onset, clip.apex, clip.offset)
    )
    return Marked(
        clip=clip.id,
        onset_number=onset,
        apex_number=apex,
        offset_number=offset,
        onset=_position(onset, clip.source),
        apex=_position(apex, clip.source),
        offset=_position(offset, clip.source),
        kind=clip.kind or kind_by_length(onset, offset, clip.fps),
        emotion=clip.emotion,
        action_units=clip.action_units,
    )


def _number(mark: Mark | None, source: Images | Video) -> int | None:
    """Return the number of a key frame; None if it is a sign for unknown: -1, or 0 as no frame."""
    if mark is None or mark.number is None or mark.number < 0:
        return None
    if mark.number == 0 and isinstance(source, Images) and source.numbers[0] > 0:
        return None
    return mark.number


def _position(number: int | None, source: Images | Video) -> int | None:
    """Return the position of a frame, or of the nearest one close to it; of two, the earlier."""
    if number is None:
        return None
    if isinstance(source, Video):
        return number if source.numbered else None
    right = bisect_left(source.numbers, number)
    near = [i for i in (right - 1, right) if 0 <= i < len(source.numbers)]
    best = min(near, key=lambda i: abs(source.numbers[i] - number))
    return best if abs(source.numbers[best] - number) <= _NEAR else None

"""From the motion of the stretches of a recording to its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import regions
from mepipe.recordings.chunks import Measured, Signals, cuts_of
from mepipe.recordings.joining import TENTH, Movement, made_one, same
from mepipe.schema import is_micro
from mepipe.spotting.along import Course, CourseSearch
from mepipe.spotting.blinks import find_blinks, find_turns
from mepipe.spotting.curve import leaks
from mepipe.spotting.noise import noise_ratio
from mepipe.spotting.speech import find_speech, without_syllables

Float = NDArray[np.float64]
Kind = Literal["micro", "macro", "return", "blink", "turn", "speech"]

MOVEMENTS: tuple[Kind, ...] = ("micro", "macro")
THRESHOLD = 2.0
# Down to this strength movements are looked for and taken off, whatever the threshold: so those
# above it are the same for any threshold, and nothing behind them is computed again.
SEARCHED = 1.5

_ONE_REGION = 0.6  # of the squared motion lies in one region
_BLINK_PART = 0.4  # of a movement during which an eye is closed
_SHORT_MS = 6_000.0  # in a stretch so short, what it returns from may not have been seen
# Slope and shift of the log-odds over the logarithm of the strength: fitted on 144 movements that
# were found in made recordings of three faces, right if their overlap with a true one is .5.
_CONFIDENCE = (2.67, 0.72)
_EXACT_MS = 1.0  # between a time and that of a frame
_STAYS_MS = 150.0  # a change is seen for so long at least, before it counts as one
_REGION = 0.5  # of the motion of the strongest region: others with less are not named
_BESIDE_CORE_MS = 1_000.0  # two chunks may place one movement on different sides of their border

_MOUTH = ("upper_lip", "lower_lip", "chin", "right_mouth_corner", "left_mouth_corner")
_JAW = ("lower_lip", "chin")


@dataclass(frozen=True)
class Event:
    """Something that happens in a recording.

    Parameters
    ----------
    kind
        ``micro``: a movement of at most 500 ms from onset to offset; ``macro``: a longer one;
        ``return``: the end of an expression whose beginning was not seen; ``blink``; ``turn`` of
        the head; ``speech``.
    face
        Number of the face, from 1.
    onset, apex, offset
        Positions in the recording, 0-based. The offset is None where a movement had not ended
        when the face, the scene or the recording did.
    strength
        As in `mepipe.spotting.Spotted`; of a movement. 0 for other kinds.
    confidence
        The chance that a movement is one, on made recordings. 0 for other kinds.
    motion
        (K, 2): the motion of each expressive region at the apex, in inter-ocular distances.
    eyes_px
        Distance of the eye centres, px of the frame.
    origin
        ``correction`` if a person marked the movement or left it as it was spotted.
    emotion
        The emotion that a person saw in it; empty if nobody says.
    """

    kind: Kind
    face: int
    onset: int
    apex: int
    offset: int | None
    strength: float = 0.0
    confidence: float = 0.0
    motion: Float | None = None
    eyes_px: float = 0.0
    origin: Literal["spotted", "correction"] = "spotted"
    emotion: str = ""

    @property
    def is_movement(self) -> bool:
        """True for micro and macro movements."""
        return self.kind in MOVEMENTS

    @property
    def px(self) -> float:
        """Motion of the region that moves most, px of the frame; 0 for other kinds."""
        if self.motion is None:
            return 0.0
        return float(np.linalg.norm(self.motion, axis=1).max()) * self.eyes_px

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that moved, strongest first: those with half of the largest motion."""
        if self.motion is None:
            return ()
        lengths = np.linalg.norm(self.motion, axis=1)
        moved = np.flatnonzero(lengths >= _REGION * lengths.max())
        names = region_names()
        return tuple(names[i] for i in moved[np.argsort(-lengths[moved])].tolist())


@cache
def region_names() -> tuple[str, ...]:
    """Return the names of the expressive regions, in the order of `FaceMotion.regions`."""
    return tuple(region.name for region in regions() if region.role == "expressive")


def find_events(
    measured: Iterable[Measured],
    times_ms: Float,
    *,
    threshold: float = THRESHOLD,
) -> list[Event]:
    """Find the events of a recording.

    Parameters
    ----------
    measured
        The chunks, whose faces have one number in all of them (`mepipe.recordings.faces.linked`).
    times_ms
        (N,), of all frames.
    threshold
        Smallest strength of a movement.

    Returns
    -------
    Sorted by their onsets.
    """
    found: list[tuple[Movement, float]] = []
    others: list[Event] = []
    chunks = list(measured)
    for one_chunk in chunks:
        chunk = one_chunk.chunk
        begin, end = float(times_ms[chunk.core_first]), float(times_ms[chunk.core_stop - 1])
        for signals in one_chunk.signals:
            movements, spans = _movements(signals, times_ms, min(threshold, SEARCHED))
            for one in movements:
                # How far it lies outside of what the chunk answers for.
                outside = max(begin - one.apex, one.apex - end, 0.0)
                if outside <= _BESIDE_CORE_MS:
                    found.append((one, outside))
            others += [
                event
                for event in _others(signals, times_ms, spans)
                if chunk.core_first <= event.apex < chunk.core_stop
            ]
    kept = made_one(found, times_ms[cuts_of(chunks)])
    strong = [one for one in kept if one.course.strength >= threshold]
    events = [event for one in strong if (event := _event(one, times_ms)) is not None]
    return sorted(
        [*events, *_merged(others)], key=lambda event: (event.onset, event.face, event.kind)
    )


def _movements(
    signals: Signals, times_ms: Float, threshold: float
) -> tuple[list[Movement], list[tuple[float, float]]]:
    """Return the movements of a stretch, and the spans of speech."""
    motion = signals.motion
    t = times_ms[signals.positions]
    names = region_names()
    jaw = motion.regions[:, [names.index(name) for name in _JAW], 1].mean(axis=1)
    spans = find_speech(jaw, t)
    mouth = [names.index(name) for name in _MOUTH]
    quiet = without_syllables(motion.regions, t, spans, mouth)
    skin = [number for number, name in enumerate(names) if name not in _MOUTH]
    noise = noise_ratio(motion.regions[:, skin].reshape(len(t), -1), t)
    search = CourseSearch(quiet.reshape(len(t), -1) / noise, t, leaks(motion) / noise)
    blinks = [(t[first], t[last]) for first, _, last in find_blinks(motion.eyes, t)]
    accepted: list[Movement] = []
    # The strongest first: the weaker ones may be parts of it that its course left over.
    for course in sorted(search.find(threshold), key=lambda one: -one.strength):
        one = _timed(replace(course, pattern=course.pattern * noise), signals)
        if not any(same(one, other) for other in accepted) and not _of_blink(one, blinks):
            accepted.append(one)
    return accepted, spans


def _timed(course: Course, signals: Signals) -> Movement:
    onset = course.start_ms + TENTH * (course.full_ms - course.start_ms)
    if course.stays:
        return Movement(onset, course.full_ms, np.inf, course, signals)
    offset = course.end_ms - TENTH * (course.end_ms - course.fall_ms)
    return Movement(onset, (course.full_ms + course.fall_ms) / 2, offset, course, signals)


def _of_blink(one: Movement, blinks: Sequence[tuple[float, float]]) -> bool:
    """Return True if a movement is of one region and during a blink, which explains it."""
    energy = np.square(one.course.pattern).reshape(-1, 2).sum(axis=1)
    if energy.max() < _ONE_REGION * energy.sum():
        return False
    during = sum(max(0.0, min(one.offset, end) - max(one.onset, begin)) for begin, end in blinks)
    return during > _BLINK_PART * (one.offset - one.onset)


def _event(one: Movement, times_ms: Float) -> Event | None:
    positions = one.signals.positions
    t = times_ms[positions]

    if not np.isfinite(one.offset) and t[-1] - one.course.full_ms < _STAYS_MS:
        return None  # too little is seen of it
    kind: Kind = "macro"
    offset: int | None = None
    if _is_cut_off(one, times_ms):
        kind = "micro" if is_micro((one.offset - one.onset) / 1000) else "macro"
    elif np.isfinite(one.offset):
        # The last frame with a tenth of the fall. The return of a held expression may lie in
        # another stretch.
        offset = int(np.searchsorted(times_ms, one.offset + _EXACT_MS, side="right")) - 1
    elif t[-1] - t[0] > _SHORT_MS and one.onset - t[0] < t[-1] - one.onset:
        # The face looks for longer as it does after the change: it came back to rest.
        kind = "return"
    # The first frame with a tenth of the rise.
    first = int(np.searchsorted(t, one.onset - _EXACT_MS))
    onset = int(positions[min(first, len(t) - 1)])
    apex = int(positions[np.argmin(np.abs(t - one.apex))])
    if offset is not None:
        if not onset < offset:
            return None
        apex = min(max(apex, onset + 1), offset)
        if is_micro(float(times_ms[offset] - times_ms[onset]) / 1000):
            kind = "micro"
    return Event(
        kind,
        one.signals.face,
        onset,
        apex,
        offset,
        strength=one.course.strength,
        confidence=confidence(one.course.strength) if kind in MOVEMENTS else 0.0,
        motion=one.course.pattern.reshape(-1, 2),
        eyes_px=one.signals.eyes_px,
    )


def _is_cut_off(one: Movement, times_ms: Float) -> bool:
    """Return True if a fall would end after the face, the scene or the recording did."""
    if one.course.stays:
        return False
    last = int(one.signals.positions[-1])
    ended = one.signals.ends in ("cut", "face") or last == len(times_ms) - 1
    step = float(times_ms[last] - times_ms[last - 1])
    return ended and one.offset >= float(times_ms[last]) + step


def confidence(strength: float) -> float:
    """Return the chance that a movement of this strength is one (docs/recordings.md).

    >>> from mepipe.recordings.events import confidence
    >>> round(confidence(2.0), 2), round(confidence(10.0), 2)
    (0.93, 1.0)
    """
    slope, shift = _CONFIDENCE
    return float(1 / (1 + np.exp(-(slope * np.log(max(strength, 1e-9)) + shift))))


def _others(signals: Signals, times_ms: Float, spans: Sequence[tuple[float, float]]) -> list[Event]:
    positions, motion = signals.positions, signals.motion
    t = times_ms[positions]
    found: list[tuple[Kind, tuple[int, int, int]]] = [
        *(("blink", one) for one in find_blinks(motion.eyes, t)),
        *(("turn", one) for one in find_turns(motion.head, t)),
    ]
    for begin, end in spans:
        first, last = (int(i) for i in np.searchsorted(t, [begin, end]))
        last = min(last, len(t) - 1)
        found.append(("speech", (first, (first + last) // 2, last)))
    events = []
    for kind, places in found:
        onset, apex, offset = (int(positions[place]) for place in places)
        events.append(Event(kind, signals.face, onset, apex, offset, eyes_px=signals.eyes_px))
    return events


def _merged(events: Sequence[Event]) -> list[Event]:
    """Return the events with those of one kind and face that overlap made one."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda one: (one.kind, one.face, one.onset)):
        last = kept[-1] if kept else None
        if (
            last is not None
            and (last.kind, last.face) == (event.kind, event.face)
            and last.offset is not None
            and event.onset <= last.offset
        ):
            kept[-1] = replace(last, offset=max(last.offset, event.offset or last.offset))
        else:
            kept.append(event)
    return kept

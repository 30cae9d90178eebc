"""What happens in a synthetic recording, drawn before its first frame is rendered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mepipe.sample.courses import Float, movement_course, span_of
from mepipe.sample.everyday import (
    EVENTS,
    Everyday,
    Other,
    Speech,
    draw_blinks,
    draw_gaze,
    draw_light,
    draw_speech,
    draw_sway,
    draw_turns,
    stream,
)
from mepipe.sample.movement import EXPRESSIONS, Expression
from mepipe.schema import is_micro

MICRO_MS = (200.0, 480.0)  # from onset to offset, in whole frames
MACRO_MS = (600.0, 4000.0)
MICRO_PX, MACRO_PX = (0.9, 2.2), (2.0, 6.0)  # at 110 px between the eyes
SPEECH_UNITS = {"9", "12", "15", "25", "26"}  # move what a speaker moves


@dataclass(frozen=True)
class Movement:
    """An expression in a recording.

    ``share`` (M,) is its part of the peak in the frames from ``start`` on, 1 at
    ``apex``; ``onset`` and ``offset`` are the first and the last frame with at least
    a tenth of it. ``px`` is the largest displacement of the skin with 110 px between
    the eyes. ``draw`` seeds how strong each action unit is.
    """

    expression: Expression
    start: int
    share: Float
    onset: int
    apex: int
    offset: int
    px: float
    draw: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class Plan:
    """All courses of a recording of N frames.

    Parameters
    ----------
    numbers
        Seed, subject and recording, which all draws come from.
    fps, count
        Frames per second, and N.
    movements
        In order of time; they do not overlap.
    others
        What is no expression, in order of time.
    speech
        The stretches of speech.
    closed, gaze
        (N,) 0 to 1 and (N, 2) px: the lids and the eyes.
    pose
        (N, 6): shift x, y (px), roll (rad), growth (share), yaw, pitch (rad) of the head.
    gain, plane
        (N,) brightness, and (N, 2) by how much it grows from the centre to the right
        and the lower edge.
    """

    numbers: tuple[int, int, int]
    fps: float
    count: int
    movements: tuple[Movement, ...]
    others: tuple[Other, ...]
    speech: tuple[Speech, ...]
    closed: Float
    gaze: Float
    pose: Float
    gain: Float
    plane: Float


def plan_recording(
    numbers: tuple[int, int, int],
    *,
    seconds: float = 60.0,
    fps: float = 30.0,
    everyday: Everyday | None = None,
) -> Plan:
    """Draw what happens in a recording.

    Parameters
    ----------
    numbers
        Seed, number of the subject, number of the recording. The same numbers give the
        same plan. A factor has its own draws: switched off, it leaves the others.
    seconds, fps
        Length and frames per second.
    everyday
        What goes on beside the expressions; None: everything.

    Examples
    --------
    >>> from mepipe.sample.timeline import plan_recording
    >>> plan = plan_recording((0, 0, 0), seconds=20)
    >>> plan.count
    600
    >>> all(m.onset <= m.apex <= m.offset for m in plan.movements)
    True
    """
    everyday = Everyday() if everyday is None else everyday
    count = round(seconds * fps)
    speech, spoken = draw_speech(numbers, count, fps) if everyday.speech else ((), [])
    movements = () if everyday.still else _movements(numbers, count, fps, speech)
    closed, gaze = np.zeros(count), np.zeros((count, 2))
    others = list(spoken)
    if everyday.blinks:
        closed, blinks = draw_blinks(numbers, count, fps)
        gaze, looks = draw_gaze(numbers, count, fps)
        others += blinks + looks
    pose = 0.15 * draw_sway(numbers, count, fps)  # nobody sits perfectly still
    if everyday.head:
        steps, turns = draw_turns(numbers, count, fps)
        pose = pose / 0.15 + steps
        others += turns
    gain, plane = np.ones(count), np.zeros((count, 2))
    if everyday.light:
        gain, plane = draw_light(numbers, count, fps)
    others.sort(key=lambda other: (other.onset, other.kind))
    return Plan(
        numbers, fps, count, movements, tuple(others), speech, closed, gaze, pose, gain, plane
    )


def _movements(
    numbers: tuple[int, int, int], count: int, fps: float, speech: tuple[Speech, ...]
) -> tuple[Movement, ...]:
    rng = stream(numbers, EVENTS)
    everything = [one for group in EXPRESSIONS.values() for one in group]
    upper = [one for one in everything if not SPEECH_UNITS & set(one.shares)]
    found: list[Movement] = []
    at = rng.uniform(1.0, 3.0)  # s, of an onset
    while True:
        micro = rng.random() < 0.6
        low, high = MICRO_MS if micro else MACRO_MS
        # In whole frames within the bounds.
        length = int(
            np.clip(
                round(_log_uniform(rng, low, high) / 1000 * fps),
                np.ceil(low / 1000 * fps - 1e-6),
                np.floor(high / 1000 * fps + 1e-6),
            )
        )
        onset = round(at * fps)
        px = rng.uniform(*(MICRO_PX if micro else MACRO_PX))
        start, share = movement_course(rng, onset, length, fps, hold=not micro)
        pick, gap = rng.random(), rng.random()
        pause = rng.uniform(0.4, 0.6) if gap < 0.3 else rng.uniform(1.5, 6.0)
        if start + len(share) >= count - round(0.5 * fps):
            return tuple(found)
        seen, apex, last = span_of(share)
        choices = everything
        for one in speech:
            if start < one.start + len(one.jaw) and one.start < start + len(share):
                choices = upper
        found.append(
            Movement(
                choices[int(pick * len(choices))],
                start,
                share,
                start + seen,
                start + apex,
                start + last,
                px,
                (*numbers, EVENTS, len(found)),
                "micro" if is_micro((last - seen) / fps) else "macro",
            )
        )
        at = (start + last) / fps + pause


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))

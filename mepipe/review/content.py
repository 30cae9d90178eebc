"""What the page is told of a run and of a clip, as plain data for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mepipe.cache.store import Store
from mepipe.clips.clip_task import PreparedClip
from mepipe.errors import DamageError
from mepipe.review.session import ReviewClip, Session, stated_marks, used_marks
from mepipe.stages import ARRAYS

_MOST_NUMBERS = 200_000  # frames of a recording whose own numbers are sent one by one


def run_json(session: Session, doubts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what the page shows of the run as a whole, and its list of clips."""
    opened = session.opened
    return {
        "out": str(session.out),
        "file": str(session.file.path),
        "coder": session.coder,
        "read": session.read_by_runs,
        "until": opened.run.until,
        "words": session.words(),
        "problems": list(opened.problems),
        "clips": [
            clip_row(index, clip, doubts.get(clip.id, ()))
            for index, clip in enumerate(opened.clips)
        ],
        # The worst first, as `mepipe check` lists them.
        "order": [index for index in (session.index(name) for name in doubts) if index is not None],
    }


def clip_row(index: int, clip: ReviewClip, doubts: Sequence[str]) -> dict[str, Any]:
    """Return the line of a clip in the list."""
    found = clip.clip
    return {
        "index": index,
        "id": clip.id,
        "subject": found.subject if found else "",
        "emotion": found.emotion if found else "",
        "doubts": list(doubts),
        "failed": clip.failure.message if clip.failure else "",
        "recording": clip.recording,
    }


def clip_json(session: Session, clip: ReviewClip) -> dict[str, Any]:
    """Return all that the page shows of one clip, without pictures and computed motion."""
    shown = clip.shown
    spot = clip.outcome.stages.get("spot")
    face = clip.outcome.stages.get("face")
    return {
        "id": clip.id,
        "emotion": clip.clip.emotion if clip.clip else "",
        "units": clip.clip.action_units if clip.clip else "",
        "recording": clip.recording,
        "frames": _frames(shown) if shown is not None else None,
        "aligned": bool(clip.transforms),
        "stated": stated_marks(clip),
        "used": used_marks(clip),
        "movement": spot.values.get("movement") if spot and not spot.failure else None,
        "box": face.values.get("box") if face and not face.failure else None,
        "flow": _has(clip, "flow"),
        "curve": _spot_curve(session.context.store, clip),
        "notes": list(dict.fromkeys(session.opened.notes.get(clip.id, ()))),
        "problem": _problem(session, clip),
        "failure": (
            {"stage": clip.failure.stage, "message": clip.failure.message,
             "remedy": clip.failure.remedy}
            if clip.failure
            else None
        ),
    }  # fmt: skip


def _frames(shown: PreparedClip) -> dict[str, Any]:
    count, timing = shown.input.frames.count, shown.input.timing
    numbers = shown.numbers
    even = len(numbers) < 2 or numbers[-1] - numbers[0] == len(numbers) - 1
    times = timing.times(count)
    steady = timing.times_ms is None
    return {
        "count": count,
        "first": int(numbers[0]) if len(numbers) else 0,
        # A gap in the numbers, or none: a position is a number less the first.
        "numbers": None if even or count > _MOST_NUMBERS else [int(one) for one in numbers],
        "fps": timing.fps,
        "times": None if steady or times is None else times.round(3).tolist(),
    }


def _has(clip: ReviewClip, stage: str) -> bool:
    done = clip.outcome.stages.get(stage)
    return done is not None and done.failure is None


def _spot_curve(store: Store, clip: ReviewClip) -> dict[str, Any] | None:
    """Return the curve that the spot stage stored, with its first frame; None if it has none."""
    if not _has(clip, "spot"):
        return None
    try:
        stored = store.read(clip.outcome.object_name("spot"), ARRAYS["spot"])
    except DamageError:
        return None
    curve = stored.arrays["curve"]
    if not len(curve):
        return None
    return {"first": int(stored.values.get("visible", [0])[0]), "values": rounded(curve)}


def rounded(values: Any) -> list[float | None]:
    """Return values for JSON, which has no NaN.

    >>> rounded(np.array([0.12345678, np.nan]))
    [0.1235, None]
    """
    numbers = np.asarray(values, np.float64).round(4).tolist()
    return [None if number != number else number for number in numbers]  # noqa: PLR0124


def _problem(session: Session, clip: ReviewClip) -> str:
    """Return what keeps the frames from being shown, or the features from being those of them."""
    shown = clip.shown
    if shown is None:
        if clip.failure is not None and clip.clip is None:
            return ""
        reasons = list(session.opened.problems)
        return "Its source is gone or cannot be read." + (f" {reasons[0]}" if reasons else "")
    gone = next((path for path in shown.input.frames.files[:1] if not path.exists()), None)
    if gone is not None:
        return "Its source is gone since this page was opened."
    if clip.changed_since:
        return "Its source was changed since the run: flow and curve show the earlier frames."
    return ""

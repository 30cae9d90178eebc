"""What a recorded run found, read from its record and the cache: the datasets may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mepipe.config.settings import Config
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.past_runs import PastRun
from mepipe.pipeline.walk import Found, walk
from mepipe.stages import Stage
from mepipe.stages.stored_values import is_number


def recorded_outcome(past: PastRun, clip: str, config: Config) -> ClipOutcome:
    """Return the outcome of a clip of a recorded run, because its source may no longer exist."""

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        recorded = past.recorded(clip, stage.name)
        known = past.known(recorded.name) if recorded is not None else None
        if recorded is None or known is None or not _parts_fit(stage.name, recorded.parts):
            return Found()
        return Found(recorded.name.key, recorded.parts, recorded.name, known)

    outcome = ClipOutcome(clip)
    for _ in walk(None, config, outcome, look):
        pass
    return outcome


def _parts_fit(stage: str, parts: Mapping[str, Any]) -> bool:
    """Return True if the parts of a key, as a record has them, can be those of the stage.

    Of a damaged table only those are missed that reports and reviews read.
    """
    if stage == "spot":
        timing = parts.get("timing")
        return timing is None or (isinstance(timing, dict) and _is_timing(timing))
    if stage == "flow":
        frames = parts.get("frames")
        # A pair is never long enough to be recorded as a digest.
        return isinstance(frames, list) and len(frames) > 1
    return stage != "tensor" or isinstance(parts.get("settings"), dict)


def _is_timing(timing: Mapping[str, Any]) -> bool:
    fps, times = timing.get("fps"), timing.get("times_ms")
    return (fps is None or (is_number(fps) and fps > 0)) and (
        times is None or (isinstance(times, list) and len(times) > 1 and all(map(is_number, times)))
    )

"""What a recorded run found, read from its record and the cache: the datasets may be gone."""

from __future__ import annotations

from mepipe.config.settings import Config
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.pipeline.past_runs import PastRun
from mepipe.pipeline.walk import Found, walk
from mepipe.stages import Stage


def recorded_outcome(past: PastRun, clip: str, config: Config) -> ClipOutcome:
    """Return the outcome of a clip of a recorded run, because its source may no longer exist."""

    def look(stage: Stage, outcome: ClipOutcome) -> Found:
        recorded = past.recorded(clip, stage.name)
        known = past.known(recorded.name) if recorded is not None else None
        if recorded is None or known is None:
            return Found()
        return Found(recorded.name.key, recorded.parts, recorded.name, known)

    outcome = ClipOutcome(clip)
    for _ in walk(None, config, outcome, look):
        pass
    return outcome

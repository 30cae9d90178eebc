"""What is worth a look by the newest run over a dataset, for a check: nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mepipe.cache.store import Store
from mepipe.clips.inputs import Inputs
from mepipe.config.settings import Config
from mepipe.pipeline.motion_objects import recorded_motions
from mepipe.pipeline.outputs import clip_notes
from mepipe.pipeline.past_runs import PastRun
from mepipe.pipeline.recorded import recorded_outcome
from mepipe.pipeline.worth_a_look import Doubt, doubts_of


def recorded_doubts(
    cache: Path, record: Mapping[str, Any], inputs: Inputs, config: Config
) -> tuple[Doubt, ...]:
    """Return the clips that are worth a look by the record of a run, the worst first.

    Annotated key frames are those of now: a mark may have been corrected since.
    """
    past = PastRun(cache, record)
    there = set(past.clips())
    clips = [one for one in inputs.clips if one.clip.id in there]
    outcomes = {one.clip.id: recorded_outcome(past, one.clip.id, config) for one in clips}
    names = {clip: name for clip, name in past.motions().items() if clip in outcomes}
    marks = {
        one.clip.id: {
            name: mark.position if mark is not None else None
            for name, mark in (("onset", one.input.onset), ("apex", one.input.apex))
        }
        for one in clips
    }
    return doubts_of(
        outcomes,
        recorded_motions(Store(cache), outcomes, names),
        [(note.clip, note.text) for note in clip_notes(clips, outcomes)],
        marks=marks,
    )

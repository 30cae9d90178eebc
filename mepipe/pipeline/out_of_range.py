"""Which movements of a run are longer or larger than a micro-expression."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

from mepipe.assets import template
from mepipe.cache.store import Store
from mepipe.clips.clip_task import PreparedClip
from mepipe.config.settings import Config
from mepipe.datasets.clip import Note
from mepipe.errors import DamageError
from mepipe.micro import Extent, length_s, moved_px
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.schema import FLOW_CHANNELS


def out_of_range(
    clips: Sequence[PreparedClip],
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    store: Store,
) -> dict[str, Extent]:
    """Return the extent of each movement that is no micro-expression, by clip id, sorted.

    Only tensors of clips that may be too long or too large are read.
    """
    eyes = template().inter_ocular * config.flow.size
    found: dict[str, Extent] = {}
    for prepared in sorted(clips, key=lambda one: one.clip.id):
        outcome = outcomes[prepared.clip.id]
        spot = outcome.values.get("spot", {})
        if outcome.failure is not None or not spot.get("movement"):
            continue
        seconds = length_s(spot["onset"], spot["offset"], prepared.input.timing.fps)
        extent = Extent(seconds, None, eyes)
        if extent.long or _may_be_large(outcome, config):
            extent = Extent(seconds, _moved(outcome, config, store, eyes), eyes)
        if extent.micro is False:
            found[prepared.clip.id] = extent
    return found


def range_notes(found: Mapping[str, Extent]) -> list[Note]:
    """Return a note for each clip of `out_of_range`, for notes.csv and the report."""
    return [Note(clip, f"{one.text} ({one.limits})") for clip, one in found.items()]


def _may_be_large(outcome: ClipOutcome, config: Config) -> bool:
    if config.tensor.scale == "none":
        return "tensor" in outcome.stages
    # Within the linear range there is no movement of this size.
    return any(outcome.values.get("tensor", {}).get("limited", ())[:FLOW_CHANNELS])


def _moved(outcome: ClipOutcome, config: Config, store: Store, eyes: float) -> float | None:
    if "tensor" not in outcome.stages:
        return None
    with suppress(DamageError):  # it is told, and computed again, where it is packed
        x = store.read(outcome.object_name("tensor")).arrays["x"]
        px = float(moved_px(x[None], config.tensor.model_dump(), eyes)[0])
        return None if math.isnan(px) else px
    return None

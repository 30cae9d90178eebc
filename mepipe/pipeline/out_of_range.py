"""Which movements of a run are longer or larger than a micro-expression."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mepipe.assets import template
from mepipe.cache.records import read_records, read_table
from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_task import PreparedClip
from mepipe.config.settings import Config
from mepipe.datasets.clip import Note
from mepipe.errors import DamageError
from mepipe.micro import Extent, length_s, moved_px
from mepipe.pipeline.outcome import ClipOutcome
from mepipe.schema import FLOW_CHANNELS

# So many different tables of earlier runs are read. A tensor that none of them names is opened.
_TABLES = 5


def movement_px(
    clips: Sequence[PreparedClip],
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    store: Store,
) -> dict[str, float | None]:
    """Return how large each movement is that may be no micro-expression.

    Only of clips that may be too long or too large, and a tensor is opened only where no
    record of an earlier run says it.

    Returns
    -------
    The digest of a tensor -> the largest motion in it, px of the aligned face; None where its
    scale does not tell. Without tensors that are damaged: this is told, and they are computed
    again, where they are packed.
    """
    wanted: dict[str, ObjectName] = {}
    for prepared in clips:
        outcome = outcomes[prepared.clip.id]
        if "tensor" not in outcome.stages or not _moves(outcome):
            continue
        if Extent(_seconds(prepared, outcome), None).long or _may_be_large(outcome, config):
            name = outcome.object_name("tensor")
            wanted[name.digest] = name
    if not wanted:
        return {}
    known = recorded_px(store.root, {prepared.clip.dataset for prepared in clips})
    found: dict[str, float | None] = {}
    # Sorted, so that equal runs record equal tables.
    for digest, name in sorted(wanted.items()):
        if digest in known:
            found[digest] = known[digest]
            continue
        with suppress(DamageError):
            x = store.read(name).arrays["x"]
            px = float(moved_px(x[None], config.tensor.model_dump(), _eyes_px(config))[0])
            found[digest] = None if math.isnan(px) else px
    return found


def recorded_px(cache_root: Path, datasets: Collection[str]) -> dict[str, float | None]:
    """Return what the newest records of runs over ``datasets`` say, as `movement_px` does.

    Records from before it was recorded, and tables that are gone or damaged, say nothing.
    """
    found: dict[str, float | None] = {}
    seen: set[str] = set()
    for record in read_records(cache_root):
        name = record.get("px")
        # Warm runs share a table.
        if not name or name in seen or set(datasets).isdisjoint(record.get("roots", ())):
            continue
        seen.add(name)
        table = read_table(cache_root, name)
        if isinstance(table, dict):
            # The newest first: it is asked before older ones.
            found = {digest: px for digest, px in table.items() if _is_px(px)} | found
        if len(seen) == _TABLES:
            break
    return found


def out_of_range(
    clips: Sequence[PreparedClip],
    outcomes: Mapping[str, ClipOutcome],
    config: Config,
    px: Mapping[str, float | None],
) -> dict[str, Extent]:
    """Return the extent of each movement that is no micro-expression, by clip id, sorted.

    ``px`` is that of `movement_px`.
    """
    eyes = _eyes_px(config)
    found: dict[str, Extent] = {}
    for prepared in sorted(clips, key=lambda one: one.clip.id):
        outcome = outcomes[prepared.clip.id]
        if not _moves(outcome):
            continue
        tensor = outcome.stages.get("tensor")
        moved = None if tensor is None else px.get(tensor.digest)
        extent = Extent(_seconds(prepared, outcome), moved, eyes)
        if extent.micro is False:
            found[prepared.clip.id] = extent
    return found


def range_notes(found: Mapping[str, Extent]) -> list[Note]:
    """Return a note for each clip of `out_of_range`, for notes.csv and the report."""
    return [Note(clip, f"{one.text} ({one.limits})") for clip, one in found.items()]


def _eyes_px(config: Config) -> float:
    return template().inter_ocular * config.flow.size


def _moves(outcome: ClipOutcome) -> bool:
    return outcome.failure is None and bool(outcome.values.get("spot", {}).get("movement"))


def _seconds(prepared: PreparedClip, outcome: ClipOutcome) -> float | None:
    spot = outcome.values["spot"]
    return length_s(spot["onset"], spot["offset"], prepared.input.timing.fps)


def _may_be_large(outcome: ClipOutcome, config: Config) -> bool:
    if config.tensor.scale == "none":
        return True
    # Within the linear range there is no movement of this size.
    return any(outcome.values["tensor"].get("limited", ())[:FLOW_CHANNELS])


def _is_px(found: Any) -> bool:
    """Return True for what is recorded of a tensor: records can be damaged or edited."""
    return found is None or (type(found) is float and math.isfinite(found) and found >= 0)

"""What is stale and why, found from names alone: no object is opened that a record describes."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mepipe.cache.records import compact
from mepipe.cache.store import ObjectName, Store
from mepipe.clips.prepare import Failure, PreparedClip
from mepipe.config.settings import Config
from mepipe.errors import DamageError, UnreadableInputError
from mepipe.pipeline.reasons import reason_for, versions_differ
from mepipe.pipeline.run_records import History, Known
from mepipe.pipeline.worker import ClipOutcome, StageOutcome, failure_of, keyed, selected
from mepipe.stages import ARRAYS
from mepipe.versions import libraries


@contextmanager
def planning() -> Iterator[None]:
    """Keep Python's collector of circles out of the body.

    A plan of ten thousand clips makes a million objects that stay, and no circles:
    going through them over and over takes as long as the plan itself.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass
class StageCount:
    """How much of one stage is to be done."""

    stage: str
    compute: int = 0
    at_most: int = 0
    reuse: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Plan:
    """The outcome of every clip as far as it is known, and which clips have work.

    ``counts`` has an entry per stage. ``at_most`` counts, beside ``compute``,
    the clips whose key is not known yet because an earlier stage is stale.
    ``other_versions`` counts what is reused although other library versions made it.
    """

    outcomes: dict[str, ClipOutcome]
    stale: tuple[PreparedClip, ...]
    counts: tuple[StageCount, ...]
    other_versions: Counter[str] = field(default_factory=Counter)


def make_plan(
    clips: Sequence[PreparedClip],
    config: Config,
    store: Store,
    until: str,
    *,
    retry_failed: bool = False,
    strict_versions: bool = False,
) -> Plan:
    """Compare every clip's keys with the names in the store.

    Parameters
    ----------
    clips
        From `mepipe.clips.prepare.prepare`.
    config
        The resolved configuration.
    store
        The cache.
    until
        The last stage that is wanted.
    retry_failed
        Whether a stored failure counts as stale.
    strict_versions
        Whether what other library versions made counts as stale.
    """
    history = History(store.root, {prepared.clip.dataset for prepared in clips})
    stages = selected(until)
    listings = {stage.name: store.listing(stage.name) for stage in stages}
    counts = {stage.name: StageCount(stage.name) for stage in stages}
    outcomes: dict[str, ClipOutcome] = {}
    stale: list[PreparedClip] = []
    other_versions: Counter[str] = Counter()
    for prepared in clips:
        outcome = outcomes[prepared.clip.id] = ClipOutcome(prepared.clip.id)
        waits_for = ""
        for stage in stages:
            count = counts[stage.name]
            if waits_for:
                count.at_most += 1
                count.reasons[f"waits for {waits_for}"] += 1
                continue
            try:
                key, parts = keyed(prepared.input, config, outcome, stage)
            except UnreadableInputError as error:
                outcome.failure = Failure.of(prepared.clip.id, stage.name, error)
                break
            name = listings[stage.name].get(key)
            known = _known(store, history, name)
            reason = ""
            if known is None:
                last = history.last(prepared.clip.id, stage.name)
                reason = reason_for(stage, key, parts, last, damaged=name is not None)
            elif known.failure and retry_failed:
                reason = "failed before, tried again"
            else:
                differing = versions_differ(known.libraries, libraries(stage.libraries))
                if differing and strict_versions:
                    reason = differing
                elif differing:
                    other_versions[f"{stage.name}: {differing}"] += 1
            if known is not None and name is not None and not reason:
                count.reuse += 1
                outcome.stages[stage.name] = StageOutcome(
                    key,
                    compact(parts),
                    name.digest,
                    known.values,
                    known.failure,
                    known.libraries,
                    computed=False,
                )
                if known.failure is not None:
                    outcome.failure = failure_of(
                        prepared.input, config, outcome, stage, known.failure
                    )
                    break
                continue
            count.compute += 1
            count.at_most += 1
            count.reasons[reason] += 1
            stale.append(prepared)
            waits_for = stage.name
    return Plan(outcomes, tuple(stale), tuple(counts.values()), other_versions)


def _known(store: Store, history: History, name: ObjectName | None) -> Known | None:
    """Return what an existing object holds; None if there is none or it is damaged."""
    if name is None:
        return None
    known = history.known(name)
    if known is None:
        try:
            stored = store.read(name, ARRAYS[name.stage])
        except DamageError:
            return None
        known = Known(stored.values, stored.failure, stored.libraries)
    return known

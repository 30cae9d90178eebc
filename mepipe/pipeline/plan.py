"""Which stages are stale and why. Objects that a run record describes are not opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mepipe.cache.store import ObjectName, Store
from mepipe.clips.clip_task import PreparedClip
from mepipe.config.settings import Config
from mepipe.errors import DamageError
from mepipe.execution.collector import gc_paused
from mepipe.execution.context import Context
from mepipe.pipeline.outcome import ClipOutcome, Known
from mepipe.pipeline.past_runs import History
from mepipe.pipeline.reasons import reason_for
from mepipe.pipeline.walk import Found, Lookup, Rules, keyed, stages_until, walk
from mepipe.stages import ARRAYS, Stage


@dataclass
class StageCount:
    """How many clips of one stage are computed and reused, and why."""

    stage: str
    compute: int = 0
    at_most: int = 0
    reuse: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Plan:
    """The known outcome of every clip, and the clips with stale stages.

    ``counts`` has an entry per stage. Its ``at_most`` adds to ``compute`` the clips whose
    key is unknown because an earlier stage is stale. ``other_versions`` counts reused
    objects that other library versions made.
    """

    outcomes: dict[str, ClipOutcome]
    stale: tuple[PreparedClip, ...]
    counts: tuple[StageCount, ...]
    other_versions: Counter[str] = field(default_factory=Counter)


def make_plan(clips: Sequence[PreparedClip], config: Config, context: Context, until: str) -> Plan:
    """Compare every clip's keys with the names in the store.

    Parameters
    ----------
    clips
        As `mepipe.clips.prepare.prepare` returns them.
    config
        The resolved configuration.
    context
        The cache, and which of its objects are reused.
    until
        The last stage that is wanted.
    """
    counts = {stage.name: StageCount(stage.name) for stage in stages_until(until)}
    names = _Names(context.store, counts, {prepared.clip.dataset for prepared in clips})
    rules = Rules.of(context)
    outcomes: dict[str, ClipOutcome] = {}
    stale: list[PreparedClip] = []
    other_versions: Counter[str] = Counter()
    with gc_paused():
        for prepared in clips:
            outcome = outcomes[prepared.clip.id] = ClipOutcome(prepared.clip.id)
            lookup = names.lookup(prepared, config)
            for step in walk(prepared.input, config, outcome, lookup, until=until, rules=rules):
                count = counts[step.stage.name]
                if step.verdict in {"reuse", "failed"}:
                    count.reuse += 1
                    if step.differing:
                        other_versions[f"{step.stage.name}: {step.differing}"] += 1
                elif step.verdict in {"compute", "waits"}:
                    # A waiting stage may turn out to be cached: its new key can equal an old one.
                    count.at_most += 1
                    count.reasons[step.why] += 1
                # A clip has at most one such step: all stages behind it wait.
                if step.verdict == "compute":
                    count.compute += 1
                    stale.append(prepared)
    return Plan(outcomes, tuple(stale), tuple(counts.values()), other_versions)


class _Names:
    """A lookup that uses object names. Run records give the content of most objects."""

    def __init__(self, store: Store, stages: Iterable[str], datasets: set[str]) -> None:
        self._store = store
        # One listing per stage: a directory access per clip and stage would dominate the plan.
        self._listings = {stage: store.listing(stage) for stage in stages}
        self._history = History(store.root, datasets)

    def lookup(self, prepared: PreparedClip, config: Config) -> Lookup:
        """Return the lookup for one clip."""

        def look(stage: Stage, outcome: ClipOutcome) -> Found:
            key, parts = keyed(prepared.input, config, outcome, stage)
            name = self._listings[stage.name].get(key)
            known = self._known(name)
            if known is not None:
                return Found(key, parts, name, known)
            last = self._history.last(prepared.clip.id, stage.name)
            why = reason_for(stage, key, parts, last, damaged=name is not None)
            return Found(key, parts, why=why)

        return look

    def _known(self, name: ObjectName | None) -> Known | None:
        """Return the content of an object. None if there is none or it is damaged."""
        if name is None:
            return None
        known = self._history.known(name)
        if known is None:
            # No record describes it: an interrupted run wrote it, or the record was removed.
            try:
                stored = self._store.read(name, ARRAYS[name.stage])
            except DamageError:
                return None
            known = Known(stored.values, stored.failure, stored.libraries)
        return known

"""Administration of a cache: count, verify and remove objects."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.declared import Declaration
from mepipe.cache.locks import is_held
from mepipe.cache.marker import TABLE_FILE, is_contained, mark, own_files
from mepipe.cache.records import (
    foreign_records,
    read_record,
    read_table,
    run_ids,
    started_at,
    table_names,
    table_path,
)
from mepipe.cache.store import GoneError, ObjectName, Store
from mepipe.errors import DamageError, UsageError
from mepipe.evaluation import chance_level as chance
from mepipe.evaluation import fold_cache as folds
from mepipe.pipeline.past_runs import PastRun
from mepipe.recordings import stored
from mepipe.schema import Progress
from mepipe.stages import ARRAYS

_DAY_S = 24 * 3600.0
_DECLARED: Mapping[str, Declaration] = {
    stored.STAGE: stored.ARRAYS,
    **ARRAYS,
    folds.STAGE: folds.ARRAYS,
    chance.STAGE: chance.ARRAYS,
}
# No record lists these: folds and what chance reaches belong to a features.h5, chunks to a
# recording.
_UNLISTED = {folds.STAGE, chance.STAGE, stored.STAGE}
_TABLES = ("clips", "parts", "pack", "recordings", "motions", "px")  # of a record


def past_runs(cache: Path) -> Iterator[tuple[str, PastRun]]:
    """Yield (id, run) of every readable record, the newest first."""
    for run_id in run_ids(cache):
        record = read_record(cache, run_id)
        if record is not None:
            yield run_id, PastRun(cache, record)


def past_run(cache: Path, run_id: str) -> PastRun:
    """Return the run whose id is, or uniquely starts with, ``run_id``.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    found = [one for one in run_ids(cache) if one.startswith(run_id)]
    record = read_record(cache, found[0]) if len(found) == 1 else None
    if record is None:
        raise UsageError(
            f"the cache {cache} has {len(found) or 'no'} readable run(s) {run_id!r}",
            f"The newest runs are: {', '.join(run_ids(cache)[:3]) or 'none'}.",
        )
    return PastRun(cache, record)


@dataclass
class StageUsage:
    """The objects of one stage and one dataset ("": the dataset is unknown).

    ``stale`` counts objects that the newest run over the dataset did not use,
    ``unreferenced`` objects that no record names.
    """

    stage: str
    dataset: str
    objects: int = 0
    bytes: int = 0
    stale: int = 0
    unreferenced: int = 0


@dataclass(frozen=True)
class Status:
    """The content of a cache. ``runs`` are its records, the newest first."""

    usage: tuple[StageUsage, ...]
    runs: tuple[str, ...]
    quarantined: int
    missing: int


def status(store: Store, run_id: str | None = None) -> Status:
    """Count the objects by stage and dataset. With ``run_id``, only those that the run names."""
    runs = [past_run(store.root, run_id)] if run_id else [run for _, run in past_runs(store.root)]
    owners: dict[ObjectName, str] = {}
    current: set[ObjectName] = set()
    counted: set[str] = set()
    tables: set[object] = set()
    for run in runs:
        # Warm runs share the tables of the run that computed, so they are read once.
        if _named_in(run.record) in tables:
            continue
        tables.add(_named_in(run.record))
        here = list(run.objects())
        for dataset, name in here:
            owners.setdefault(name, dataset)
            # Runs come newest first: only the first one over a dataset is current.
            if dataset not in counted:
                current.add(name)
        counted |= {dataset for dataset, _ in here}
    counts: dict[tuple[str, str], StageUsage] = {}
    there = set()
    for name in _all_objects(store):
        if run_id and name not in owners:
            continue
        there.add(name)
        dataset = owners.get(name, "")
        one_stage = counts.setdefault((name.stage, dataset), StageUsage(name.stage, dataset))
        facts = disk.facts(store.path(name))
        one_stage.objects += 1
        one_stage.bytes += facts.st_size if facts else 0
        known = name.stage not in _UNLISTED
        one_stage.unreferenced += known and name not in owners
        one_stage.stale += name in owners and name not in current
    order = list(_DECLARED)
    usage = sorted(counts.values(), key=lambda one: (order.index(one.stage), one.dataset))
    missing = len(owners.keys() & current - there)
    quarantined = len(disk.names(store.quarantine_folder))
    return Status(tuple(usage), tuple(run_ids(store.root)), quarantined, missing)


def _all_objects(store: Store) -> Iterator[ObjectName]:
    for stage in _DECLARED:
        yield from store.every(stage)


@contextmanager
def _counted(progress: Progress | None, title: str, total: int) -> Iterator[Callable[[], None]]:
    if progress is None or not total:
        yield lambda: None
        return
    progress.begin(title, total)
    try:
        yield progress.advance
    finally:
        progress.end()


@dataclass(frozen=True)
class Damage:
    """A damaged or foreign file of the cache."""

    file: Path
    problem: str
    fixed: bool


def verify(
    store: Store, *, fix: bool, run_id: str | None = None, progress: Progress | None = None
) -> tuple[int, list[Damage]]:
    """Verify every object and every table against its name, and objects against their stage.

    Parameters
    ----------
    store
        The cache.
    fix
        If True, move damaged objects to the quarantine and remove damaged tables.
    run_id
        Verify only the objects of this run. Then a missing object is damage.
    progress
        Reports how many objects were read.

    Returns
    -------
    tuple
        The number of files that were read, and the damaged ones.

    Raises
    ------
    UsageError
        If the store is not a cache.
    """
    store.require()
    if run_id:
        wanted = list({name for _, name in past_run(store.root, run_id).objects()})
    else:
        wanted = list(_all_objects(store))
    checked, found = len(wanted), []
    with _counted(progress, "objects", len(wanted)) as advance:
        for name in wanted:
            path = store.path(name)
            try:
                store.check(name, _DECLARED.get(name.stage))
            except GoneError:
                # Without a run, the names come from a listing: another process removed the file.
                if run_id:
                    found.append(
                        Damage(
                            path, "the file is missing; the next run computes it again", fixed=False
                        )
                    )
            except DamageError as error:
                found.append(Damage(path, error.message, fixed=fix and store.quarantine(path)))
            advance()
    if not run_id:
        for path in store.foreign(_DECLARED):
            checked += 1
            problem = "the file name is not that of an object"
            found.append(Damage(path, problem, fixed=fix and store.quarantine(path)))
        for table in table_names(store.root):
            checked += 1
            if read_table(store.root, table) is None:
                path = table_path(store.root, table)
                gone = fix and bool(TABLE_FILE.fullmatch(path.name))
                if gone:
                    disk.remove(path)
                found.append(Damage(path, "its content does not match its name", fixed=gone))
        for path in foreign_records(store.root):
            checked += 1
            gone = fix and store.set_aside(path)
            found.append(Damage(path, "it is no record of a run, and no table of one", fixed=gone))
        for one in run_ids(store.root):
            checked += 1
            problem = _problem_of(store.root, one)
            if problem:
                path = store.root / "runs" / f"{one}.json.gz"
                found.append(Damage(path, problem, fixed=fix and store.set_aside(path)))
    return checked, found


def _problem_of(cache: Path, run_id: str) -> str:
    """Return what is wrong with a record or with what it names, or an empty string."""
    record = read_record(cache, run_id)
    if record is None:
        return "it is damaged, or no record of a run"
    return "" if PastRun(cache, record).is_whole() else "a table of it has another shape"


@dataclass
class GcResult:
    """The files that were or would be removed, by kind, and their bytes."""

    files: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    bytes: int = 0
    kept: int = 0


def collect_garbage(store: Store, *, keep_days: float, dry_run: bool) -> GcResult:
    """Remove objects and records that no recent run needs.

    An object stays if the newest run, a running run or a record younger than ``keep_days``
    names it, or if it was written or used within ``keep_days``. A time stamp in the future
    counts as young, because the clocks of machines differ and can be set back.

    Parameters
    ----------
    store
        The cache.
    keep_days
        Age in days beyond which a record no longer protects objects.
    dry_run
        If True, remove nothing.

    Raises
    ------
    UsageError
        If the store is not a cache.
    """
    store.require()
    if not dry_run and disk.facts(store.root) is not None:
        # A cache without a marker is recognised by its files. Once they are removed, nothing
        # would show that the folder is a cache.
        mark(store.root)
    now, removed = time.time(), GcResult()
    oldest = now - keep_days * _DAY_S
    runs = [path.name for path in own_files(store.root, "live")]
    living = {one for one in runs if is_held(store.live(one))}
    if not dry_run:
        # A killed run leaves its lock file behind.
        for ended in set(runs) - living:
            disk.remove(store.live(ended))
    if living:
        # A running run has written objects that no record names yet.
        oldest = min(oldest, *(_started(one, now) for one in living))
    records = set(own_files(store.root, "runs"))
    named: set[ObjectName] = set()
    features: set[object] = set()
    tables: set[str] = set()
    read: set[object] = set()
    for number, run_id in enumerate(run_ids(store.root)):
        record = read_record(store.root, run_id)
        # Number 0 is the newest run. It stays at any age, so that the current results do.
        if number and run_id not in living and _started(run_id, now) < oldest:
            if store.root / "runs" / f"{run_id}.json.gz" in records:
                _remove(
                    store.root / "runs" / f"{run_id}.json.gz", "records", removed, dry_run=dry_run
                )
        elif record is not None:
            features.add(record.get("features"))
            # Reading a table is the slow part, and warm runs share one.
            if _named_in(record) not in read:
                read.add(_named_in(record))
                named |= {name for _, name in PastRun(store.root, record).objects()}
            tables |= {str(record.get(name)) for name in _TABLES}
    for name in _all_objects(store):
        path = store.path(name)
        kept = name in named or _age(path) >= oldest or _is_fold_of(store, name, features)
        if kept or not is_contained(path, store.root):
            removed.kept += 1
        else:
            _remove(path, name.stage, removed, dry_run=dry_run)
    for kind in ("tables", "quarantine", "locks"):
        for path in own_files(store.root, kind):
            if path.name.removesuffix(".json.gz") not in tables and _age(path) < oldest:
                _remove(path, kind, removed, dry_run=dry_run)
    if not dry_run:
        removed.files["partial files"] += disk.sweep_stray(store.scratch)
    return removed


def _named_in(record: Mapping[str, Any]) -> tuple[object, object]:
    """Return the tables of a record that name objects."""
    return record.get("clips"), record.get("motions")


def _is_fold_of(store: Store, name: ObjectName, features: set[object]) -> bool:
    """Return True if ``name`` is a fold of a features.h5 that a kept record names."""
    if name.stage != folds.STAGE:
        return False
    # Records do not list folds, so the object itself has to be opened.
    try:
        return store.check(name).parts.get("features") in features
    except DamageError:
        return False


def _started(run_id: str, now: float) -> float:
    """Return the start of a run in seconds. ``now`` if its id has no valid time."""
    started = started_at(run_id)
    return now if started is None else started.timestamp()


def _age(path: Path) -> float:
    """Return the time stamp of ``path``. Infinite if the file no longer exists."""
    facts = disk.facts(path)
    return facts.st_mtime if facts else float("inf")


def _remove(path: Path, kind: str, removed: GcResult, *, dry_run: bool) -> None:
    facts = disk.facts(path)
    if facts is None:
        return
    removed.files[kind] += 1
    removed.bytes += facts.st_size
    if not dry_run:
        disk.remove(path)

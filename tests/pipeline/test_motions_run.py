"""The motion of a run's clips: computed only where asked for, kept, and found again."""

import shutil

import pytest
from test_cache_admin import age, objects, rename_run

from mepipe.cache.records import read_record, run_ids
from mepipe.cache.store import Store
from mepipe.execution.context import Context
from mepipe.pipeline.cache_admin import collect_garbage, status, verify
from mepipe.pipeline.motion import MOTION, Motion, motion_of_clip, stored_motions
from mepipe.pipeline.past_runs import PastRun
from mepipe.report.rebuild import rebuild

ALL = ["report.curves=all", "spot.size=96"]
SPOTTED = ["spot.size=96"]
CLIPS = 4


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def last(store):
    return PastRun(store.root, read_record(store.root, run_ids(store.root)[0]))


def every(store):
    return {path.name: path.read_bytes() for path in objects(store)}


def test_curves_change_no_other_object_and_a_warm_run_computes_nothing(
    run, sample, store, tmp_path
):
    run(sample, settings=SPOTTED)
    before = every(store)
    first = (tmp_path / "out" / "features.h5").read_bytes()
    result = run(sample, settings=ALL)
    assert {step: n for step, n in result.computed.items() if n} == {"motion": CLIPS}
    after = every(store)
    assert {name: data for name, data in after.items() if name in before} == before
    assert len(after) == len(before) + CLIPS
    assert (tmp_path / "out" / "features.h5").read_bytes() == first
    again = run(sample, settings=ALL)
    assert not any(again.computed.values())
    assert every(store) == after
    assert set(last(store).motions()) == {f"sample/s0{s}/c0{c}" for s in (1, 2) for c in (1, 2)}


def test_a_warm_run_opens_no_motion(run, sample, store, monkeypatch):
    run(sample, settings=ALL)
    opened = []
    read = Store.read

    def watched(self, name, declared=None):
        opened.append(name.stage)
        return read(self, name, declared)

    monkeypatch.setattr(Store, "read", watched)
    result = run(sample, settings=ALL)
    assert result.doubts == ()
    assert opened == []


def test_what_is_cached_is_found_without_being_asked_for_and_nothing_is_computed(
    make_run, sample, store, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("computed")

    road = make_run(sample, settings=SPOTTED)
    road.execute()
    plan = road.plan()

    def stored():
        return stored_motions(
            road.inputs.clips, plan.outcomes, road.config, road.context, road.inputs.indexes
        )

    with monkeypatch.context() as patched:
        patched.setattr("mepipe.pipeline.motion.run_side", never)
        assert dict(stored()) == {}
        assert objects(store, "motion") == []
    prepared = road.inputs.clips[0]
    outcome = plan.outcomes[prepared.clip.id]
    one = motion_of_clip(prepared, outcome, road.config, road.context)
    assert isinstance(one, Motion)
    assert len(objects(store, "motion")) == 1
    # The frames of this clip were hashed meanwhile, the others' never.
    with monkeypatch.context() as patched:
        patched.setattr("mepipe.pipeline.motion.run_side", never)
        found = stored()
    assert list(found) == [prepared.clip.id]
    assert found[prepared.clip.id].apex == one.apex
    assert one.regions.keys() == one.vectors.keys()


def test_the_cache_knows_its_motions(run, sample, store):
    run(sample, settings=ALL)
    found = {one.stage: one for one in status(store).usage}
    assert (found["motion"].objects, found["motion"].dataset) == (CLIPS, "sample")
    assert found["motion"].unreferenced == found["motion"].stale == 0
    checked, damaged = verify(store, fix=False)
    assert checked >= 5 * CLIPS
    assert not damaged
    path = objects(store, "motion")[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [one.file for one in verify(store, fix=True)[1]] == [path]


def test_garbage_collection_keeps_what_a_record_names(run, sample, store):
    run(sample, settings=ALL)
    age(store, 100)
    collect_garbage(store, keep_days=30, dry_run=False)
    assert len(objects(store, "motion")) == CLIPS
    # A run that names none: the older one keeps them until it is old itself.
    run(sample, settings=["spot.size=80"])
    older = run_ids(store.root)[-1]
    collect_garbage(store, keep_days=30, dry_run=False)
    assert len(objects(store, "motion")) == CLIPS
    rename_run(store, older, 100)
    age(store, 100)
    collect_garbage(store, keep_days=30, dry_run=False)
    assert objects(store, "motion") == []


@pytest.mark.slow
def test_a_report_made_later_finds_or_computes_the_motion(run, sample, store, tmp_path):
    run(sample, settings=["report.enabled=true", *SPOTTED])
    how = {"faces": None, "clips": None}
    rebuild(tmp_path / "out", Context(store), **how)
    assert objects(store, "motion") == []
    rebuild(tmp_path / "out", Context(store), **how, curves="all")
    assert len(objects(store, "motion")) == CLIPS
    # Named in the record now, so they stay, and are found without the dataset.
    assert len(last(store).motions()) == CLIPS
    shutil.rmtree(sample)
    before = (tmp_path / "out" / "worth-a-look.csv").read_text()
    _, problems = rebuild(tmp_path / "out", Context(store), **how, curves="all")
    assert len(problems) == 1
    assert len(last(store).motions()) == CLIPS
    assert (tmp_path / "out" / "worth-a-look.csv").read_text() == before


def test_a_record_with_foreign_names_gives_no_path(store):
    from mepipe.cache.records import write_table

    store.create()
    bad = {"stage": "motion", "clips": ["a"], "keys": "../" * 30, "objects": "0" * 64}
    for table in (bad, {**bad, "keys": "0" * 64, "stage": "../.."}):
        assert PastRun(store.root, {"motions": write_table(store.root, table)}).motions() == {}


def test_a_clip_of_unknown_rate_has_a_failure_and_not_again(run, sample, store):
    labels = sample / "labels.csv"
    text = labels.read_text(encoding="utf-8-sig").replace(",200", ",")
    labels.write_text(text)
    result = run(sample, settings=ALL)
    assert not result.failures
    assert len(objects(store, MOTION.name)) == CLIPS
    assert not any(run(sample, settings=ALL).computed.values())

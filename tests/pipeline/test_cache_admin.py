"""Status, verify, explain and gc, over runs of toy stages."""

import os
import time

import numpy as np
import pytest

from mepipe.cache.locks import claim
from mepipe.cache.records import run_ids, table_names
from mepipe.errors import UsageError
from mepipe.pipeline.cache_admin import collect_garbage, status, verify
from mepipe.pipeline.explain import explain, find_clip, newest_with

DAY = 24 * 3600
STAGES = ("face", "spot", "flow", "tensor")


def objects(store, stage="*"):
    return sorted((store.root / "objects").glob(f"{stage}/*/*.h5"))


def age(store, days, *, only=None):
    """Make files older: all objects and tables, or those given."""
    then = time.time() - days * DAY
    for path in only or [*objects(store), *(store.root / "tables").iterdir()]:
        os.utime(path, (then, then))


def rename_run(store, run_id, days):
    then = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - days * DAY))
    folder = store.root / "runs"
    (folder / f"{run_id}.json.gz").rename(folder / f"{then}-{run_id.split('-')[1]}.json.gz")


@pytest.fixture
def done(toy_run, toy_data):
    planned = toy_run(toy_data(3))
    planned.execute()
    return planned


def test_status_counts_by_stage_and_dataset(done, toy_run, tmp_path):
    found = status(done.context.store)
    assert [(one.stage, one.dataset, one.objects) for one in found.usage] == [
        (stage, "toy", 3) for stage in STAGES
    ]
    assert all(one.bytes > 1000 and one.stale == one.unreferenced == 0 for one in found.usage)
    toy_run(tmp_path / "toy", settings=["tensor.size=14"]).execute()
    (tensor,) = [one for one in status(done.context.store).usage if one.stage == "tensor"]
    assert (tensor.objects, tensor.stale, tensor.unreferenced) == (6, 3, 0)
    first = run_ids(done.context.store.root)[-1]
    (tensor,) = [one for one in status(done.context.store, first).usage if one.stage == "tensor"]
    assert tensor.objects == 3


def test_status_counts_unreferenced_and_missing_objects(done):
    for path in (done.context.store.root / "runs").iterdir():
        path.unlink()
    assert [(one.dataset, one.unreferenced) for one in status(done.context.store).usage] == [
        ("", 3)
    ] * 4
    done.execute()
    objects(done.context.store, "flow")[0].unlink()
    assert status(done.context.store).missing == 1


def test_past_run_refuses_an_unknown_id(done):
    with pytest.raises(UsageError, match="1999"):
        status(done.context.store, "1999")


@pytest.mark.parametrize("stage", STAGES)
def test_verify_finds_damage_and_fix_lets_it_be_made_anew(done, toy_run, tmp_path, stage):
    assert verify(done.context.store, fix=False)[1] == []
    victim = objects(done.context.store, stage)[1]
    data = victim.read_bytes()
    victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    checked, (damage,) = verify(done.context.store, fix=False)
    # Two tables when the run began, two at its end, and that of its features; and the record.
    assert checked == 12 + 5 + 1
    assert (damage.file, damage.fixed) == (victim, False)
    assert victim.exists()
    _, (damage,) = verify(done.context.store, fix=True)
    assert damage.fixed
    assert (done.context.store.quarantine_folder / victim.name).exists()
    assert verify(done.context.store, fix=False)[1] == []
    before = (tmp_path / "out" / "features.h5").read_bytes()
    report = toy_run(tmp_path / "toy").execute()
    assert {s: n for s, n in report.computed.items() if n} == {stage: 1}
    assert victim.read_bytes() == data
    assert (tmp_path / "out" / "features.h5").read_bytes() == before


def test_verify_finds_an_object_of_another_schema_and_foreign_files(done):
    from mepipe.cache.objects import StoredObject

    wrong = done.context.store.check(next(done.context.store.every("face")))
    parts = {**wrong.parts, "other": 1}
    from mepipe.cache.keys import object_key

    done.context.store.write(
        StoredObject("face", 1, object_key("face", 1, parts), parts, {}, {"box": np.eye(2)})
    )
    foreign = objects(done.context.store, "face")[0].with_name("notes.h5")
    foreign.write_bytes(b"mine")
    _, damaged = verify(done.context.store, fix=False)
    file, array = sorted((one.problem for one in damaged), reverse=True)
    assert file == "the file name is not that of an object"
    assert array.startswith("its array 'box' (float64, 2 dimensions)")


def test_verify_of_a_run_finds_missing_objects(done):
    (run_id,) = run_ids(done.context.store.root)
    assert verify(done.context.store, fix=False, run_id=run_id) == (12, [])
    victim = objects(done.context.store, "spot")[0]
    victim.unlink()
    _, (damage,) = verify(done.context.store, fix=False, run_id=run_id)
    assert damage.file == victim


def test_verify_finds_a_damaged_table_and_fix_removes_it(done, toy_run, tmp_path):
    for path in (done.context.store.root / "tables").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    _, damaged = verify(done.context.store, fix=True)
    assert len(damaged) == 5
    report = toy_run(tmp_path / "toy").execute()
    assert sum(report.computed.values()) == 0


def told(done, clip="toy/s00/c0000", settings=(), make=None, run_id=None):
    _, past = newest_with(done.context.store.root, clip, run_id)
    planned = make(done.inputs.datasets[0].root, settings=settings)
    found = explain(
        find_clip(past.clips(), clip),
        planned.inputs.datasets,
        planned.config,
        done.context,
        past,
    )
    return {one.stage: (one.state, one.why) for one in found}


def test_explain_states_a_hit_and_its_libraries(done, toy_run):
    found = told(done, "s01/c0000", make=toy_run)
    assert {state for state, _ in found.values()} == {"hit"}
    assert "made by" in found["face"][1]
    assert "numpy" in found["face"][1]


def test_explain_names_the_changed_setting_and_frame(done, toy_run, tmp_path):
    found = told(done, settings=["flow.tau=0.2"], make=toy_run)
    assert found["flow"] == ("miss", "setting flow.tau changed from 0.25 to 0.2")
    assert found["tensor"] == ("waits", "for flow")
    (tmp_path / "toy" / "s00" / "c0000" / "005.jpg").write_bytes(b"another")
    found = told(done, make=toy_run)
    assert found["face"][0] == "miss"
    assert "input changed" in found["face"][1]
    assert "frame 4 (005.jpg)" in found["face"][1]


def test_explain_names_damaged_and_missing_objects(done, toy_run):
    for path in objects(done.context.store, "spot"):
        path.write_bytes(b"")
    assert told(done, make=toy_run)["spot"] == (
        "miss",
        "damaged: its bytes do not match its name",
    )
    for path in objects(done.context.store, "spot"):
        path.unlink()
    assert told(done, make=toy_run)["spot"][1].startswith("missing from the cache")


def test_find_clip_by_a_unique_ending():
    clips = ["a/s1/c1", "a/s2/c1", "b/s3/xc1"]
    assert find_clip(clips, "s2/c1") == "a/s2/c1"
    with pytest.raises(UsageError, match="matches several clips"):
        find_clip(clips, "c1")
    with pytest.raises(UsageError, match="no run has a clip"):
        find_clip(clips, "1")


def test_gc_keeps_what_the_newest_run_names_and_removes_what_only_old_ones_do(
    done, toy_run, tmp_path
):
    (first,) = run_ids(done.context.store.root)
    toy_run(tmp_path / "toy", settings=["tensor.size=14"]).execute()
    rename_run(done.context.store, first, 60)
    assert (
        sum(
            collect_garbage(done.context.store, keep_days=30, dry_run=False).files[s]
            for s in STAGES
        )
        == 0
    )
    # Its record has gone by now; what it made is still young.
    assert len(run_ids(done.context.store.root)) == 1
    assert len(objects(done.context.store)) == 15
    age(done.context.store, 60)
    before = objects(done.context.store)
    dry = collect_garbage(done.context.store, keep_days=30, dry_run=True)
    assert dict(dry.files) == {"tensor": 3, "tables": 7}
    assert objects(done.context.store) == before
    swept = collect_garbage(done.context.store, keep_days=30, dry_run=False)
    assert (swept.files["tensor"], swept.kept) == (3, 12)
    assert len(objects(done.context.store)) == 12
    assert len(table_names(done.context.store.root)) == 3
    report = toy_run(tmp_path / "toy", settings=["tensor.size=14"]).execute()
    assert sum(report.computed.values()) == 0


def test_gc_keeps_a_recent_run_and_an_old_living_one(done, toy_run, tmp_path):
    (first,) = run_ids(done.context.store.root)
    toy_run(tmp_path / "toy", settings=["tensor.size=14"]).execute()
    age(done.context.store, 60)
    assert collect_garbage(done.context.store, keep_days=30, dry_run=True).files["tensor"] == 0
    rename_run(done.context.store, first, 60)
    first = run_ids(done.context.store.root)[-1]
    with claim(done.context.store.live(first), wait=False):
        assert collect_garbage(done.context.store, keep_days=30, dry_run=True).files["tensor"] == 0
    assert collect_garbage(done.context.store, keep_days=30, dry_run=True).files["tensor"] == 3


def test_gc_keeps_what_a_living_run_has_written_whatever_the_days(done):
    for path in (done.context.store.root / "runs").iterdir():
        path.unlink()
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 60))
    with claim(done.context.store.live(f"{now}-00"), wait=False):
        assert collect_garbage(done.context.store, keep_days=0, dry_run=True).kept == 12
    assert collect_garbage(done.context.store, keep_days=0, dry_run=True).kept == 0


def test_gc_with_a_clock_that_was_set_back_removes_nothing(done, monkeypatch):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 400 * DAY)
    swept = collect_garbage(done.context.store, keep_days=30, dry_run=False)
    assert sum(swept.files.values()) == 0
    assert swept.kept == 12


def test_gc_keeps_recently_used_objects(done, toy_run, tmp_path):
    """A stage that is behind a stale one is found again, and in no record until the end."""
    age(done.context.store, 60)
    for path in objects(done.context.store, "face"):
        path.unlink()
    toy_run(tmp_path / "toy").execute()
    assert all(
        path.stat().st_mtime > time.time() - DAY for path in objects(done.context.store, "flow")
    )

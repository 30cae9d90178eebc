"""A cache with content that mepipe never writes: every run goes on, and ``verify --fix`` heals."""

import gzip
import os
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_records import ATTACKS, newest, places, read, write

import mepipe
from mepipe.cache.records import new_run_id, run_ids, unpacked, write_record
from mepipe.errors import DamageError, MepipeError
from mepipe.pipeline.cache_admin import collect_garbage, status, verify

CLIPS = 3


# Every fifth attack is tried by `make test`, and all by `make test-all`.
SOME_AT_ONCE = [
    name if number % 5 == 0 else pytest.param(name, marks=pytest.mark.slow)
    for number, name in enumerate(ATTACKS)
]


@pytest.fixture
def done(toy_run, toy_data):
    run = toy_run(toy_data(CLIPS))
    run.execute()
    return run


def look_at(store):
    """Call everything that reads a cache: an error that is no answer is a failure."""
    status(store)
    collect_garbage(store, keep_days=30, dry_run=True)
    for run_id in run_ids(store.root)[:3]:
        with suppress(MepipeError):
            status(store, run_id)
        with suppress(MepipeError):
            mepipe.load(run=run_id, cache=store.root)
    with suppress(MepipeError):
        mepipe.load(run="latest", cache=store.root)


@pytest.mark.parametrize("attack", SOME_AT_ONCE)
def test_every_run_goes_on_and_verify_heals(done, toy_run, tmp_path, attack):
    store = done.context.store
    wanted = (tmp_path / "out" / "features.h5").read_bytes()
    ATTACKS[attack](store.root)
    look_at(store)
    # An output folder of its own: there everything is packed and nothing taken for current.
    again = toy_run(tmp_path / "toy", out=tmp_path / "again").execute()
    if attack != "a failure in a frame beyond":
        # What a cache says failed, failed. It is told, and can be tried again.
        assert (again.usable, len(again.failures)) == (CLIPS, 0)
        assert (tmp_path / "again" / "features.h5").read_bytes() == wanted
    look_at(store)
    verify(store, fix=True)
    assert verify(store, fix=False)[1] == []
    collect_garbage(store, keep_days=0, dry_run=False)
    final = toy_run(tmp_path / "toy", out=tmp_path / "final", retry_failed=True).execute()
    assert (final.usable, len(final.failures)) == (CLIPS, 0)
    assert (tmp_path / "final" / "features.h5").read_bytes() == wanted


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_verify_heals_before_any_run(done, toy_run, tmp_path, attack):
    store = done.context.store
    ATTACKS[attack](store.root)
    verify(store, fix=True)
    assert verify(store, fix=False)[1] == []
    final = toy_run(tmp_path / "toy", out=tmp_path / "final", retry_failed=True).execute()
    assert (final.usable, len(final.failures)) == (CLIPS, 0)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_part_of_any_record_can_be_anything(done, data):
    store = done.context.store
    path = newest(store.root)
    kept = path.read_bytes()
    record = read(path)
    name = data.draw(st.sampled_from(["record", "clips", "parts", "pack"]))
    content = (
        record if name == "record" else read(store.root / "tables" / f"{record[name]}.json.gz")
    )
    *before, last = data.draw(st.sampled_from([place for place in places(content) if place]))
    inner = content
    for key in before:
        inner = inner[key]
    inner[last] = data.draw(ODD)
    table = None
    if name == "record":
        write(path, record)
    else:
        record[name] = write(store.root / "tables", content, name="table")
        table = store.root / "tables" / f"{record[name]}.json.gz"
        write(path, record)
    try:
        look_at(store)
        plan = done.plan()
        assert not plan.stale or plan.outcomes
        assert all(one.failure is None for one in plan.outcomes.values())
    finally:
        path.write_bytes(kept)
        if table is not None and name != "record":
            table.unlink(missing_ok=True)


def test_a_record_of_a_later_time_is_followed_as_far_as_times_go(tmp_path):
    write_record(tmp_path, "99991231T235959Z-abcd", {})
    assert new_run_id(tmp_path) < "3000"
    write_record(tmp_path, "89991231T235959Z-abcd", {})
    # After this one there is no name that could be one of a run: the clock is taken as it is.
    assert new_run_id(tmp_path) < "3000"


def test_what_unpacks_to_too_much_costs_little_memory():
    import tracemalloc

    data = gzip.compress(bytes(1 << 28), 9, mtime=0)
    tracemalloc.start()
    with pytest.raises(ValueError, match="too much"):
        unpacked(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 << 20


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write anywhere")
def test_that_a_damaged_file_was_moved_is_said_only_if_it_was(done):
    _check_read_only(done.context.store)


def test_that_a_damaged_file_was_moved_is_said_only_if_it_was_moved(done, monkeypatch):
    monkeypatch.setattr("mepipe.cache.disk.is_writable", lambda _: False)
    _check_read_only(done.context.store)


def _check_read_only(store):
    name = next(store.every("face"))
    path = store.path(name)
    path.write_bytes(b"damaged")
    path.parent.chmod(0o555)
    try:
        with pytest.raises(DamageError) as caught:
            store.read(name)
    finally:
        path.parent.chmod(0o755)
    assert path.exists()
    assert "moved" not in str(caught.value)
    assert "cannot be written" in caught.value.remedy

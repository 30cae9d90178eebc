"""Features read from a cache by run, without the features.h5."""

import numpy as np
import pytest

import mepipe
from mepipe.cache.records import run_ids
from mepipe.errors import DamageError, UsageError


@pytest.fixture
def ran(toy_run, toy_data, tmp_path):
    data = toy_data(3)
    toy_run(data).execute()
    return data, tmp_path / "cache", tmp_path / "out" / "features.h5"


def test_a_run_is_loaded_from_the_cache(ran):
    _, cache, file = ran
    run, expected = run_ids(cache)[0], mepipe.load(file)
    for name in (run, run[:-2], "latest"):
        found = mepipe.load(run=name, cache=cache)
        np.testing.assert_array_equal(found.x, expected.x)
        assert (found.classes, found.channels) == (expected.classes, expected.channels)
        assert (found.settings, found.libraries) == (expected.settings, expected.libraries)
        for column, values in expected.columns.items():
            np.testing.assert_array_equal(found.columns[column], values)
    assert "flow" in found.maps
    assert found.read("flow", [1]).shape == (1, *found.read("flow").shape[1:])


def test_the_newest_run_with_features_is_the_latest(ran, toy_run):
    data, cache, _ = ran
    toy_run(data, until="face").execute()
    assert len(mepipe.load(run="latest", cache=cache)) == 3
    with pytest.raises(UsageError, match="made no features"):
        mepipe.load(run=run_ids(cache)[0], cache=cache)


def test_a_run_that_is_not_there(ran, tmp_path):
    with pytest.raises(UsageError, match="no record of 2020"):
        mepipe.load(run="2020", cache=ran[1])
    with pytest.raises(UsageError, match="no record of a run with features"):
        mepipe.load(run="latest", cache=tmp_path / "none")


def test_an_object_of_another_shape_is_no_feature(ran):
    """As one value, or one row, it would fill the place of a whole map without a word."""
    from dataclasses import replace

    from mepipe.cache.records import read_record, read_table, write_record, write_table
    from mepipe.cache.store import ObjectName, open_store

    _, cache, _ = ran
    store, record = open_store(cache), read_record(cache, run_ids(cache)[0])
    table = read_table(cache, record["pack"])
    item = store.read(ObjectName("tensor", *table["objects"]["tensor"][1]))
    odd = store.write(replace(item, arrays={"x": item.arrays["x"][:, :1, :1]}))
    table["objects"]["tensor"][1] = [odd.key, odd.digest]
    write_record(cache, record["id"], {**record, "pack": write_table(cache, table)})
    features = mepipe.load(run="latest", cache=cache)
    assert len(features.read("x", [0, 2])) == 2
    with pytest.raises(DamageError, match="not of the kind of the others"):
        _ = features.x


def test_a_damaged_object_is_no_feature(ran):
    _, cache, _ = ran
    features = mepipe.load(run="latest", cache=cache)
    victim = sorted((cache / "objects" / "tensor").rglob("*.h5"))[1]
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(data)
    with pytest.raises(DamageError, match="computes it again"):
        _ = features.x


def test_gc_keeps_what_loading_a_run_needs(ran):
    from mepipe.cache.store import open_store
    from mepipe.pipeline.cache_admin import collect_garbage

    _, cache, _ = ran
    collect_garbage(open_store(cache), keep_days=0, dry_run=False)
    assert len(mepipe.load(run="latest", cache=cache).x) == 3


def test_a_run_with_sequences_has_every_map(make_run, sample, tmp_path):
    """Of the real stages, whether or not the pack was asked for them."""
    settings = ["flow.targets=3", "flow.keep_faces=true"]
    make_run(sample, settings=settings, out=tmp_path / "narrow").execute()
    found = mepipe.load(run="latest", cache=tmp_path / "cache")
    everything = 'pack.include=["x","flow","faces","sequence"]'
    make_run(sample, settings=[*settings, everything]).execute()
    expected = mepipe.load(tmp_path / "out" / "features.h5")
    assert found.maps == expected.maps == ("x", "flow", "faces", "sequence")
    np.testing.assert_array_equal(found.targets, expected.targets)
    for name in found.maps:
        np.testing.assert_array_equal(found.read(name), expected.read(name))

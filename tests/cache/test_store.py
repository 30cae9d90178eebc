import errno
import os

import numpy as np
import pytest

from mepipe.cache import disk
from mepipe.cache.keys import object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store, open_store
from mepipe.errors import DamageError, SystemProblemError

PARTS = {"k": 1}
KEY = object_key("flow", 1, PARTS)


def item(value=1.0, size=3):
    return StoredObject("flow", 1, KEY, PARTS, {"v": value}, {"x": np.full(size, value)})


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "cache")


def test_what_is_written_is_found_and_read(store):
    name = store.write(item())
    assert store.find("flow", KEY) == name
    assert store.listing("flow") == {KEY: name}
    assert store.read(name).values == {"v": 1.0}
    assert store.find("flow", "b" * 64) is None
    assert store.find("face", KEY) is None
    assert store.listing("face") == {}


def test_the_digest_of_the_bytes_stands_in_the_name(store):
    import hashlib

    name = store.write(item())
    assert hashlib.sha256(store.path(name).read_bytes()).hexdigest() == name.digest
    assert store.path(name).name == f"{KEY}.{name.digest}.h5"


def test_writing_the_same_again_changes_nothing(store):
    name = store.write(item())
    before = store.path(name).stat()
    assert store.write(item()) == name
    assert store.path(name).stat().st_mtime_ns == before.st_mtime_ns


def test_a_new_result_under_the_same_key_replaces_the_old_one(store):
    old, new = store.write(item(value=1.0)), store.write(item(value=2.0))
    assert not store.path(old).exists()
    assert store.find("flow", KEY) == new


def accepted(store, name, data, flips):
    """How many of the flipped bytes (position, mask) a read does not notice."""
    path, unnoticed = store.path(name), 0
    for position, mask in flips:
        damaged = bytearray(data)
        damaged[position] ^= mask
        path.write_bytes(damaged)
        try:
            store.read(name)
        except DamageError:
            assert not path.exists()
            assert (store.quarantine_folder / path.name).read_bytes() == damaged
        else:
            unnoticed += 1
    return unnoticed


@pytest.mark.slow
def test_every_flipped_byte_of_a_small_object_is_noticed(store):
    name = store.write(item())
    data = store.path(name).read_bytes()
    masks = np.random.default_rng(0).integers(1, 256, len(data)).tolist()
    assert accepted(store, name, data, enumerate(masks)) == 0


def test_a_thousand_flipped_bytes_of_a_larger_object_are_noticed(store):
    name = store.write(item(size=12_500))
    data = store.path(name).read_bytes()
    assert len(data) > 100_000
    rng = np.random.default_rng(1)
    places, masks = rng.integers(0, len(data), 1000), rng.integers(1, 256, 1000)
    flips = zip(places.tolist(), masks.tolist(), strict=True)
    assert accepted(store, name, data, flips) == 0


def test_arrays_that_were_not_declared_are_damage(store):
    name = store.write(item())
    assert store.read(name, {"x": ("f8", 1)}).values == {"v": 1.0}
    with pytest.raises(DamageError, match="is not an array of the stage flow"):
        store.read(name, {"x": ("f4", 1)})
    assert store.find("flow", KEY) is None


def test_an_object_under_anothers_name_is_noticed(store):
    name = store.write(item())
    wrong = ObjectName("flow", "b" * 64, name.digest)
    store.path(wrong).parent.mkdir()
    store.path(name).rename(store.path(wrong))
    with pytest.raises(DamageError, match="another object"):
        store.read(wrong)


def test_a_missing_object_is_an_error_with_a_way_out(store):
    with pytest.raises(DamageError, match="is missing") as caught:
        store.read(ObjectName("flow", KEY, "b" * 64))
    assert "Run again" in caught.value.remedy


def test_other_files_among_the_objects_are_passed_over(store):
    name = store.write(item())
    folder = store.path(name).parent
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden").write_text("")
    (folder / (KEY + ".h5")).write_text("")
    assert store.listing("flow") == {KEY: name}
    assert store.find("flow", KEY) == name


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failing_disk_leaves_no_object_and_no_partial_file(store, monkeypatch, failing, number):
    def call(operation, *args, **kwargs):
        if operation.__name__ == failing:
            raise OSError(number, os.strerror(number))
        return operation(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "call", call)
        with pytest.raises(SystemProblemError) as caught:
            store.write(item())
    assert os.strerror(number) in caught.value.message
    assert caught.value.remedy
    assert caught.value.exit_code == 6
    assert store.listing("flow") == {}
    assert list(store.scratch.iterdir()) == []
    assert store.write(item()) == store.find("flow", KEY)


def test_partial_files_of_killed_processes_are_swept_after_a_day(tmp_path):
    store = open_store(tmp_path)
    old, fresh = (store.scratch / f".{name}.{0:016x}.part" for name in ("old", "fresh"))
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (1, 1))
    open_store(tmp_path)
    assert not old.exists()
    assert fresh.exists()


def test_a_cache_that_cannot_be_made_names_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemProblemError, match="file"):
        open_store(tmp_path / "file" / "cache")


def test_a_store_can_be_read_without_being_made(tmp_path):
    assert Store(tmp_path / "none").listing("flow") == {}

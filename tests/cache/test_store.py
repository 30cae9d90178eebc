import errno
import os

import numpy as np
import pytest

from mepipe.cache import disk
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName, Store, open_store
from mepipe.errors import DamageError, SystemProblemError


def item(key="a" * 64, value=1.0, stage="flow"):
    return StoredObject(stage, 1, key, {"k": 1}, {"v": value}, {"x": np.full(3, value)})


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "cache")


def test_what_is_written_is_found_and_read(store):
    name = store.write(item())
    assert store.find("flow", "a" * 64) == name
    assert store.listing("flow") == {"a" * 64: name}
    assert store.read(name).values == {"v": 1.0}
    assert store.find("flow", "b" * 64) is None
    assert store.find("face", "a" * 64) is None
    assert store.listing("face") == {}


def test_the_digest_of_the_bytes_stands_in_the_name(store):
    import hashlib

    name = store.write(item())
    assert hashlib.sha256(store.path(name).read_bytes()).hexdigest() == name.digest
    assert store.path(name).name == f"{'a' * 64}.{name.digest}.h5"


def test_writing_the_same_again_changes_nothing(store):
    name = store.write(item())
    before = store.path(name).stat()
    assert store.write(item()) == name
    assert store.path(name).stat().st_mtime_ns == before.st_mtime_ns


def test_a_new_result_under_the_same_key_replaces_the_old_one(store):
    old, new = store.write(item(value=1.0)), store.write(item(value=2.0))
    assert not store.path(old).exists()
    assert store.find("flow", "a" * 64) == new


def test_every_flipped_byte_of_an_object_is_noticed(store):
    name = store.write(item())
    path = store.path(name)
    data = bytearray(path.read_bytes())
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(DamageError, match="damaged"):
            store.read(name)
        assert not path.exists()
        assert (store.quarantine / path.name).read_bytes() == damaged


def test_an_object_under_anothers_name_is_noticed(store):
    name = store.write(item())
    wrong = ObjectName("flow", "b" * 64, name.digest)
    store.path(wrong).parent.mkdir()
    store.path(name).rename(store.path(wrong))
    with pytest.raises(DamageError, match="another object"):
        store.read(wrong)


def test_a_missing_object_is_an_error_with_a_way_out(store):
    with pytest.raises(DamageError, match="is gone") as caught:
        store.read(ObjectName("flow", "a" * 64, "b" * 64))
    assert "Run again" in caught.value.remedy


def test_other_files_among_the_objects_are_passed_over(store):
    name = store.write(item())
    folder = store.path(name).parent
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden").write_text("")
    (folder / ("a" * 64 + ".h5")).write_text("")
    assert store.listing("flow") == {"a" * 64: name}
    assert store.find("flow", "a" * 64) == name


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failing_disk_leaves_no_object_and_no_partial_file(store, monkeypatch, failing, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    target = os if failing == "fsync" else disk.Path
    with monkeypatch.context() as patch:
        patch.setattr(target, failing, fail)
        with pytest.raises(SystemProblemError) as caught:
            store.write(item())
    assert os.strerror(number) in caught.value.message
    assert caught.value.remedy
    assert caught.value.exit_code == 6
    assert store.listing("flow") == {}
    assert list(store.scratch.iterdir()) == []
    assert store.write(item()) == store.find("flow", "a" * 64)


def test_partial_files_of_killed_processes_are_swept_after_a_day(tmp_path):
    store = open_store(tmp_path)
    old, fresh = store.scratch / ".old.part", store.scratch / ".fresh.part"
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

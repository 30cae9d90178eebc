"""Locks save work. Where a file system has none, nobody waits for what nobody holds."""

import errno
import os
import threading

import pytest

from mepipe.cache.locks import claim, is_held, locks_work

fcntl = pytest.importorskip("fcntl", reason="Windows locks by other means")
# What filelock leaves where it takes the existence of a file for a lock: a process of another
# machine, which was killed there.
SOFT = "4711\nanother-machine\n1234567\n"


@pytest.fixture
def no_locks(monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    locks_work.cache_clear()
    yield
    locks_work.cache_clear()


def test_a_lock_is_held_by_one_and_free_afterwards(tmp_path):
    with claim(tmp_path / "lock", wait=False) as first:
        assert first
        assert is_held(tmp_path / "lock")
        with claim(tmp_path / "lock", wait=False) as second:
            assert not second
    with claim(tmp_path / "lock", wait=False) as again:
        assert again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_killed_run_blocks_nobody(tmp_path, wait):
    (tmp_path / "lock").write_text(SOFT)
    with claim(tmp_path / "lock", wait=wait) as free:
        assert free
        with claim(tmp_path / "lock", wait=wait) as also:
            assert also
    with claim(tmp_path / "other", wait=wait) as free:
        assert free
    # No file is left that others would wait for.
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.usefixtures("no_locks")
def test_that_there_are_no_locks_is_asked_once(tmp_path, monkeypatch):
    asked = []

    def flock(*given):
        asked.append(given)
        raise OSError(errno.ENOTSUP, "")

    monkeypatch.setattr(fcntl, "flock", flock)
    for number in range(5):
        with claim(tmp_path / str(number), wait=False):
            pass
    assert len(asked) == 1


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path):
    (tmp_path / "locks").write_text("a file")
    with claim(tmp_path / "locks" / "lock", wait=True) as free:
        assert free


def test_who_waits_gets_a_lock_of_a_file_that_is_there(tmp_path):
    """The holder removes the file before it releases the lock."""
    lock, got = tmp_path / "lock", []

    def waits():
        with claim(lock, wait=True) as free:
            got.append((free, is_held(lock)))

    with claim(lock, wait=False):
        thread = threading.Thread(target=waits)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert got == []
    thread.join()
    assert got == [(True, True)]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_removed_after_it_was_opened_is_no_lock(tmp_path, monkeypatch):
    lock, real, removed = tmp_path / "lock", fcntl.flock, []

    def flock(descriptor, how):
        if not removed and lock.exists():
            lock.unlink()
            removed.append(lock)
        real(descriptor, how)

    assert locks_work(tmp_path)
    monkeypatch.setattr(fcntl, "flock", flock)
    with claim(lock, wait=False) as free:
        assert free
        assert removed
        assert is_held(lock)
        with claim(lock, wait=False) as second:
            assert not second


def next_descriptor():
    """The lowest that is free."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize("wait", [True, False])
def test_a_lock_that_was_taken_leaves_no_descriptor_open(tmp_path, wait):
    with claim(tmp_path / "first", wait=wait):
        pass
    before = next_descriptor()
    for _ in range(3):
        with claim(tmp_path / "lock", wait=wait), claim(tmp_path / "lock", wait=False) as free:
            assert not free
    assert next_descriptor() == before


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with claim(tmp_path / "lock", wait=False) as free:
        assert free
    assert (tmp_path / "precious").read_text() == "kept"

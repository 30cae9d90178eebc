"""Locks save work. Where a file system has none, nobody waits for what nobody holds."""

import errno
import os

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

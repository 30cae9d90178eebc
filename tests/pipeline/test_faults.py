"""Every file operation of a run may fail: nothing is lost, and the next run completes."""

import errno
import os
import time

import pytest

from mepipe.cache import disk
from mepipe.errors import SystemProblemError
from mepipe.pipeline.cache_admin import verify

STRESS = bool(os.environ.get("MEPIPE_STRESS"))
NUMBERS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES, "EINTR": errno.EINTR}


class Failing:
    """Lets the n-th file operation fail, before or after it was done."""

    def __init__(self, nth, number, *, lasting=False):
        self.nth, self.number, self.lasting = nth, number, lasting
        self.count = 0
        self.hit = ""

    def __call__(self, operation, *args, **kwargs):
        self.count += 1
        if self.count == self.nth or (self.lasting and self.count > self.nth):
            self.hit = self.hit or operation.__name__
            raise OSError(self.number, os.strerror(self.number))
        return operation(*args, **kwargs)


@pytest.fixture
def data(toy_data):
    return toy_data(2)


@pytest.fixture
def expected(toy_run, data, tmp_path):
    toy_run(data, cache=tmp_path / "quiet", out=tmp_path / "quiet-out").execute()
    return (tmp_path / "quiet-out" / "features.h5").read_bytes()


def empty_files(folder):
    # Where even removing fails, a partial file stays under its temporary name, until it is swept.
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part")
    return [path for path in files if path.stat().st_size == 0]


def one_fault(toy_run, data, tmp_path, monkeypatch, fault, expected, tag):
    """Run with a fault, then without; return whether the fault came to pass."""
    cache, out = tmp_path / f"cache-{tag}", tmp_path / f"out-{tag}"
    with monkeypatch.context() as patch:
        patch.setattr(disk, "call", fault)
        # Anything but a message is a crash, and fails the test here.
        told = None
        try:
            toy_run(data, cache=cache, out=out).execute()
        except SystemProblemError as error:
            told = error
    if told is not None:
        assert os.strerror(fault.number) in told.message
        assert told.remedy
    planned = toy_run(data, cache=cache, out=out)
    assert verify(planned.context.store, fix=False)[1] == [], (tag, fault.hit)
    report = planned.execute()
    assert report.usable == 2
    assert not report.failures
    assert (out / "features.h5").read_bytes() == expected, (tag, fault.hit)
    assert verify(planned.context.store, fix=False)[1] == []
    assert empty_files(out) == []
    return bool(fault.hit)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.slow
def test_any_file_operation_may_fail_once(toy_run, data, tmp_path, monkeypatch, expected, name):
    # In the ordinary suite one number goes through every position, the others through some.
    step = 1 if STRESS else 4 if name == "ENOSPC" else 16
    nth, positions = 1, 0
    while one_fault(
        toy_run, data, tmp_path, monkeypatch, Failing(nth, NUMBERS[name]), expected, nth
    ):
        nth += step
        positions += 1
    assert positions > 100 // step
    print(f"{name}: {positions} positions")


def test_a_disk_that_stays_full_ends_the_run_with_a_message(
    toy_run, data, tmp_path, monkeypatch, expected
):
    for nth in range(1, 200, 1 if STRESS else 17):
        fault = Failing(nth, errno.ENOSPC, lasting=True)
        if not one_fault(toy_run, data, tmp_path, monkeypatch, fault, expected, nth):
            break


def test_what_a_killed_run_left_in_the_output_folder_is_swept(toy_run, data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    old, young = (
        out / ".features.h5.0123012301230123.part",
        out / ".features.h5.4567456745674567.part",
    )
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    toy_run(data).execute()
    assert not old.exists()
    assert young.exists()  # another run may be writing it


def test_a_write_may_be_cut_short(toy_run, data, tmp_path, monkeypatch, expected):
    """The system may take fewer bytes than it was given."""

    def call(operation, *args, **kwargs):
        if operation is os.write:
            descriptor, content = args
            return os.write(descriptor, content[: max(1, len(content) // 2)])
        return operation(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "call", call)
        toy_run(data).execute()
    assert (tmp_path / "out" / "features.h5").read_bytes() == expected


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_cache_that_can_only_be_read_serves_a_warm_run(
    toy_run, data, tmp_path, monkeypatch, number
):
    toy_run(data).execute()
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "cache").rglob("*"))

    def call(operation, *args, **kwargs):
        writing = operation.__name__ in {"replace", "unlink", "mkdir", "write", "utime"}
        if operation is os.access:
            return False
        if writing or (operation is os.open and args[1] & os.O_CREAT):
            raise OSError(number, os.strerror(number))
        return operation(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "call", call)
        patch.setattr(disk, "make_folder", _make_out_folder(tmp_path / "out", disk.make_folder))
        report = toy_run(data).execute()
        assert sum(report.computed.values()) == 0
        assert report.usable == 2
        with pytest.raises(SystemProblemError, match=r"cannot be written|cannot create") as caught:
            toy_run(data, settings=["tensor.size=14"]).execute()
        assert "--cache" in caught.value.remedy
    after = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "cache").rglob("*"))
    assert [path for path, _ in after] == [path for path, _ in before]


def _make_out_folder(out, make_folder):
    return lambda path: None if path == out else make_folder(path)


def test_a_clock_that_goes_backwards(toy_run, data, tmp_path, monkeypatch, expected):
    toy_run(data).execute()
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() - 1e7)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() - 10**16)
    (tmp_path / "toy" / "s00" / "c0000" / "002.jpg").write_bytes(b"written before the past")
    report = toy_run(data).execute()
    assert report.computed["face"] == 1
    os.utime(tmp_path / "toy" / "s00" / "c0000" / "002.jpg", (1, 1))
    (tmp_path / "toy" / "s00" / "c0000" / "002.jpg").write_bytes(b"0 2")
    assert toy_run(data).execute().computed["face"] == 0
    assert (tmp_path / "out" / "features.h5").read_bytes() == expected


def test_an_output_folder_on_another_file_system(toy_run, data, tmp_path, monkeypatch, expected):
    """No file is moved between the cache and the output: the system would refuse."""

    def call(operation, *args, **kwargs):
        if operation.__name__ == "replace":
            source, target = operation.__self__, args[0]
            mine = [tmp_path / "cache" in path.parents for path in (source, target)]
            if mine[0] != mine[1]:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return operation(*args, **kwargs)

    monkeypatch.setattr(disk, "call", call)
    toy_run(data).execute()
    assert (tmp_path / "out" / "features.h5").read_bytes() == expected

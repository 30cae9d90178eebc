"""The benchmark of a Dask cluster starts one, measures it, and leaves nothing of it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

import pytest
from click.testing import CliRunner

pytest.importorskip("distributed")

from mepipe.bench import cluster as bench
from mepipe.bench import started_cluster as room
from mepipe.cli import main
from mepipe.errors import SystemProblemError

psutil = pytest.importorskip("psutil", reason="Dask brings it")

# What Dask says when its processes are killed is no fault of mepipe's.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def started(monkeypatch):
    """The processes of Dask that are started."""
    processes = []
    real = subprocess.Popen

    def note(*words, **how):
        processes.append(real(*words, **how))
        return processes[-1]

    monkeypatch.setattr(room.subprocess, "Popen", note)
    return processes


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_a_run_on_each_number_of_workers_has_a_line(scratch):
    words = ["--clips", "12", "--workers", "2", "--workers", "1", "--local", "--size", "32"]
    done = CliRunner().invoke(main, ["bench", "cluster", *words])
    assert done.exit_code == 0, done.output
    head, *rows = rows_of(done.stdout)
    assert [row[:2] for row in rows] == [
        ["12", "1 Dask"], ["12", "1 --jobs"], ["12", "2 Dask"], ["12", "2 --jobs"],
    ]  # fmt: skip
    assert {len(row) for row in rows} == {len(head)}
    for row in rows:
        assert float(row[2]) > 0  # clips a second
        assert float(row[3]) > 0  # CPU of the parent
        assert float(row[6]) > 20  # MB
    # The scheduler and the workers are Dask's.
    assert all(float(cell) > 0 for row in rows[::2] for cell in row[4:6])
    assert [row[4:6] for row in rows[1::2]] == [["-", "-"]] * 2
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_real_stages_are_computed_by_the_workers(scratch):
    pytest.importorskip("skimage", reason="the faces are of a photograph of scikit-image")
    (found,) = bench.measure(10, [1], real=True)
    assert found.clips == 10
    assert found.workers_cpu_s > found.computing.cpu_s
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_an_error_leaves_no_process_and_no_file(scratch, started, monkeypatch):
    def fail(told):
        assert told["address"].startswith("tcp://127.0.0.1:")
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "_child", fail)
    with pytest.raises(KeyboardInterrupt):
        next(bench.measure(10, [1]))
    assert [one.returncode for one in started] == [-signal.SIGKILL] * 2
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_benchmark_that_is_ended_takes_its_processes_with_it(scratch, tmp_path, number):
    command = [sys.executable, "-m", "mepipe", "bench", "cluster"]
    with (tmp_path / "said").open("w") as said:
        one = subprocess.Popen(
            [*command, "--clips", "1500", "--workers", "1"], stdout=said, stderr=said
        )
    others = []
    try:
        # Scheduler, worker and the run that is measured, which takes minutes.
        until = time.monotonic() + 300
        while len(others) < 3 or not list(scratch.glob("*/*/cache of data/objects")):
            assert one.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < until
            others = psutil.Process(one.pid).children(recursive=True)
            time.sleep(0.05)
        one.send_signal(number)
        one.wait(60)
        _, alive = psutil.wait_procs(others, timeout=60)
        assert alive == []
    finally:
        for process in [one, *others]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        one.wait()
    if number != signal.SIGKILL:
        assert list(scratch.iterdir()) == []
        assert "Nothing of it is left." in (tmp_path / "said").read_text()


def test_a_scheduler_that_does_not_start_is_named_with_what_it_said(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_DASK", "raise SystemExit('no address is free')")
    with (
        pytest.raises(SystemProblemError, match="scheduler ended at once: no address is free"),
        room.started_cluster(tmp_path, 1),
    ):
        pass


def test_a_run_that_fails_is_named_with_what_it_said(tmp_path):
    with pytest.raises(SystemProblemError, match="no-such-folder"):
        bench._child(
            {
                "data": str(tmp_path / "no-such-folder"), "first": str(tmp_path / "no-such-folder"),
                "work": str(tmp_path), "jobs": 1, "size": 32,
            }
        )  # fmt: skip

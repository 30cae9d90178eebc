"""A real Dask cluster of two workers on this machine."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mepipe.errors import SystemProblemError, UsageError
from mepipe.execution.processes import WorkerDied

distributed = pytest.importorskip("distributed")

# What Dask and its server say when workers are killed is no fault of mepipe's.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def scheduler():
    import dask

    config = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.comm.timeouts.connect": "600s",
        # Warnings are errors in these tests, not in the workers.
        "distributed.nanny.pre-spawn-environ.PYTHONWARNINGS": "ignore",
        "distributed.nanny.pre-spawn-environ.PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        ),
    }
    with (
        dask.config.set(config),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        yield cluster.scheduler_address


def pids(address):
    with distributed.Client(address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


@pytest.mark.slow
def test_cluster_gives_the_same_bytes_if_a_worker_is_killed(
    scheduler, run, make_run, sample, tmp_path
):
    run(sample)
    expected = (tmp_path / "out" / "features.h5").read_bytes()
    victim = pids(scheduler)[0]
    cache, out = tmp_path / "cache2", tmp_path / "out2"

    def kill_half_way():
        while len(list((cache / "objects").rglob("*.h5"))) < 5 and not stopped.is_set():
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)

    stopped = threading.Event()
    killer = threading.Thread(target=kill_half_way, daemon=True)
    killer.start()
    try:
        report = make_run(sample, cache=cache, out=out, scheduler=scheduler).execute()
    finally:
        stopped.set()
    killer.join()
    assert not report.failures
    assert report.computed["tensor"] + report.reused["tensor"] == 4
    assert (out / "features.h5").read_bytes() == expected
    assert sorted(path.name for path in (cache / "objects").rglob("*.h5")) == sorted(
        path.name for path in (tmp_path / "cache" / "objects").rglob("*.h5")
    )
    # The killed worker may leave a partial file, never under a final name; no probe stays.
    assert all(path.suffix == ".part" for path in (cache / "tmp").iterdir())


def square_or_die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(0.01)
    return number * number


@pytest.mark.slow
def test_cluster_reports_a_task_that_kills_its_worker(scheduler, tmp_path):
    from mepipe.execution.cluster import cluster

    with cluster(scheduler, tmp_path, [tmp_path], ["numpy"]) as workers:
        answers = dict(workers.run_tasks(square_or_die, list(range(8))))
    assert isinstance(answers.pop(3), WorkerDied)
    assert answers == {number: number * number for number in range(8) if number != 3}


def fail(number):
    raise SystemProblemError(f"no space for {number}", "Make some.")


def test_cluster_keeps_the_type_of_an_exception(scheduler, tmp_path):
    from mepipe.execution.cluster import cluster

    with (
        cluster(scheduler, tmp_path, [], ["numpy"]) as workers,
        pytest.raises(SystemProblemError, match="no space for"),
    ):
        list(workers.run_tasks(fail, [1, 2]))
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.slow
def test_cluster_refuses_workers_without_shared_storage(scheduler, tmp_path, monkeypatch):
    from mepipe.execution import cluster as room

    nowhere = [tmp_path / "nowhere"]
    with (
        pytest.raises(UsageError, match=r"does not see .*nowhere") as caught,
        room.cluster(scheduler, tmp_path, nowhere, ["numpy"]),
    ):
        pass
    assert "share" in caught.value.remedy
    real = room.versions
    monkeypatch.setattr(room, "versions", lambda names: {**real(names), "numpy": "99"})
    with (
        pytest.raises(UsageError, match="instead of 99"),
        room.cluster(scheduler, tmp_path, [], ["numpy"]),
    ):
        pass


def test_worker_refuses_a_task_without_the_probe_file(tmp_path):
    from mepipe.execution.cluster import _with_probe

    with pytest.raises(SystemProblemError, match="does not see the cache"):
        _with_probe(abs, -1, tmp_path / "cache" / "tmp" / "probe-1")


def test_cluster_without_scheduler_is_a_usage_error(tmp_path, monkeypatch):
    from mepipe.execution import cluster as room

    monkeypatch.setattr(room, "_TIMEOUT_S", 1)
    with (
        pytest.raises(UsageError, match="no Dask scheduler"),
        room.cluster("tcp://127.0.0.1:9", tmp_path, [], ["numpy"]),
    ):
        pass

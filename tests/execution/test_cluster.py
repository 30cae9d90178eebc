"""A real Dask cluster of two workers on this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mepipe.errors import SystemProblemError, UsageError
from mepipe.execution.processes import WorkerDied

distributed = pytest.importorskip("distributed")

# What Dask and its server say when workers are killed is no fault of mepipe's.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


@pytest.fixture(scope="module")
def scheduler():
    import dask

    config = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.comm.timeouts.connect": "600s",
        # Warnings are errors in these tests, not in the workers.
        "distributed.nanny.pre-spawn-environ.PYTHONWARNINGS": "ignore",
        # No empty part: it would be the current folder, here and in what other tests start.
        "distributed.nanny.pre-spawn-environ.PYTHONPATH": os.pathsep.join(
            filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
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


def nap(number):
    time.sleep(0.1)
    return number


def test_each_task_looks_at_its_own_worker_first(scheduler, tmp_path, caplog):
    """A worker that lost the storage, or joined without it, computes nothing."""
    from mepipe.execution.cluster import cluster

    with cluster(scheduler, tmp_path, [], ["numpy"]) as workers:
        (probe,) = (tmp_path / "tmp").iterdir()
        away = workers._demands["probe"] = str(probe.with_name("probe-of-another"))
        with pytest.raises(UsageError, match=r"does not see .*, and there is no other"):
            list(workers.run_tasks(nap, [1, 2, 3]))
    assert not Path(away).exists()
    assert "is not used: does not see" in caplog.text


def test_the_scheduler_is_not_asked_for_its_workers_with_each_task(
    scheduler, tmp_path, monkeypatch
):
    from mepipe.execution.cluster import cluster

    asked = []
    with cluster(scheduler, tmp_path, [], ["numpy"]) as workers:
        real = workers._client.nthreads
        monkeypatch.setattr(workers._client, "nthreads", lambda: asked.append(1) or real())
        answers = dict(workers.run_tasks(str, list(range(60))))
    assert answers == {number: str(number) for number in range(60)}
    assert len(asked) < 30


@pytest.fixture
def started(tmp_path):
    """Start Dask's commands as users do. They are stopped at the end."""
    running = []

    def start(*words, **more):
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", **more}
        place = [str(Path(__file__).parent), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [more.get("FIRST"), *place]))
        with (tmp_path / f"log-{len(running)}").open("w") as log:
            one = subprocess.Popen(
                [sys.executable, "-m", "dask", *words], stdout=log, stderr=log,
                cwd=tmp_path, env=environment,
            )  # fmt: skip
        running.append(one)
        return one

    yield start
    for one in reversed(running):
        one.kill()
        one.wait()


@pytest.fixture
def small(started):
    """A scheduler and a worker of their own: (address, scheduler, worker, how to start more)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = started("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")

    def worker(**more):
        return started("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **more)

    first = worker()
    with distributed.Client(address, set_as_default=False, timeout=600) as client:
        client.wait_for_workers(1, timeout=600)
    return address, scheduler, first, worker


@pytest.mark.slow
def test_a_worker_of_another_mepipe_that_joins_late_gets_no_task(small, tmp_path, caplog):
    from mepipe.execution.cluster import cluster

    address, _, _, worker = small
    other = tmp_path / "other" / "mepipe"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text('__version__ = "0.0.1"\n')
    with cluster(address, tmp_path, [tmp_path], ["numpy"]) as workers:
        worker(FIRST=str(other.parent))
        workers._client.wait_for_workers(2, timeout=600)
        answers = dict(workers.run_tasks(nap, list(range(20))))
    assert answers == {number: number for number in range(20)}
    assert "has other versions: mepipe 0.0.1 instead of" in caplog.text


def ended_half_way(workers, victim):
    """Give the cluster more than it can finish, and kill a process of it."""
    for number, _ in enumerate(workers.run_tasks(nap, list(range(10_000)))):
        if number == 3:
            victim.kill()
            victim.wait()


def test_a_scheduler_that_dies_is_told_and_the_next_call_works(small, tmp_path):
    from mepipe.execution.cluster import cluster

    address, scheduler, _, _ = small
    with (
        pytest.raises(SystemProblemError, match=f"the Dask scheduler {address} is gone") as caught,
        cluster(address, tmp_path, [], ["numpy"]) as workers,
    ):
        ended_half_way(workers, scheduler)
    assert "finished work is kept" in caught.value.remedy
    assert not list((tmp_path / "tmp").iterdir())


def test_workers_that_all_die_are_told(small, tmp_path, monkeypatch):
    from mepipe.execution import cluster as room

    monkeypatch.setattr(room, "_WITHOUT_WORKERS_S", 2)
    address, _, first, _ = small
    with (
        pytest.raises(SystemProblemError, match="has no workers any more"),
        room.cluster(address, tmp_path, [], ["numpy"]) as workers,
    ):
        ended_half_way(workers, first)


@pytest.mark.slow
def test_folds_on_a_cluster_are_those_of_this_machine_bit_for_bit(scheduler, tmp_path):
    import numpy as np

    from mepipe.evaluation.api import evaluate
    from mepipe.features import demo_features

    features = demo_features(tmp_path / "features.h5", subjects=6)
    quick = ["train.epochs=1", "train.members=1", "model.width=4"]

    def call(cache, **more):
        return evaluate(
            features, "spp", seeds=1, settings=quick, device="cpu", cache=tmp_path / cache, **more
        )

    here, far = call("here"), call("far", scheduler=scheduler)
    assert (here.computed, far.computed) == (6, 6)
    one, other = (done.predictions.select_dtypes("number").to_numpy() for done in (here, far))
    np.testing.assert_array_equal(one, other)
    assert call("far").computed == 0, "finished folds lie in the shared cache"
    again = call("far", scheduler="tcp://127.0.0.1:9")
    assert again.computed == 0, "and then no cluster is needed"


SVM = ["model.name=svm", "train.seeds=1"]


def test_a_run_trains_on_the_cluster_too(scheduler, make_run, sample, tmp_path, monkeypatch):
    from mepipe.execution import runner

    here = make_run(sample, settings=SVM, until="classify").execute()
    assert here.computed["classify"] > 1, here.no_results

    def not_here(*_):
        raise AssertionError("a task stayed on this machine")

    monkeypatch.setattr(runner, "run_tasks", not_here)
    cache, out = tmp_path / "far", tmp_path / "far-out"
    far = make_run(
        sample, settings=SVM, until="classify", cache=cache, out=out, scheduler=scheduler
    ).execute()
    assert far.computed["classify"] == here.computed["classify"]
    predictions = [(place / "predictions.csv").read_bytes() for place in (out, tmp_path / "out")]
    assert predictions[0] == predictions[1]


def test_a_run_trains_here_where_the_cluster_does_not_see_its_features(
    scheduler, make_run, sample, tmp_path, monkeypatch, caplog
):
    from mepipe.evaluation import fold_cache

    real = fold_cache.task_runner

    def without_the_folder(context, roots, libraries):
        gone = [tmp_path / "nowhere" / root.name for root in roots]
        return real(context, gone if context.scheduler else roots, libraries)

    monkeypatch.setattr(fold_cache, "task_runner", without_the_folder)
    result = make_run(sample, settings=SVM, until="classify", scheduler=scheduler).execute()
    assert result.computed["classify"] > 1
    assert result.results is not None
    (told,) = [one for one in caplog.messages if "trained on this machine" in one]
    assert "does not see" in told
    assert "features.h5" in told


def test_folds_are_not_sent_to_a_cluster_for_a_gpu(tmp_path, monkeypatch):
    from dataclasses import replace

    from mepipe.evaluation import evaluate as room
    from mepipe.evaluation.api import evaluate
    from mepipe.features import demo_features

    features = demo_features(tmp_path / "features.h5", subjects=3)

    def on_a_gpu(work, _):
        return replace(work, jobs=[replace(job, device="cuda") for job in work.jobs])

    monkeypatch.setattr(room, "on_device", on_a_gpu)
    with pytest.raises(UsageError, match="trained on CPUs"):
        evaluate(features, "svm", seeds=1, cache=tmp_path, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_recordings_on_a_cluster_are_those_of_this_machine(scheduler, sample, tmp_path):
    from mepipe.recordings.spot import spot

    folder = sample / "s01" / "c01"
    here = spot(folder, fps=200, cache=tmp_path / "here")
    far = spot(folder, fps=200, cache=tmp_path / "far", scheduler=scheduler)
    assert not far.failures
    assert repr(here.recordings[0].events) == repr(far.recordings[0].events)
    assert sorted(path.name for path in (tmp_path / "far" / "objects").rglob("*.h5")) == sorted(
        path.name for path in (tmp_path / "here" / "objects").rglob("*.h5")
    )


@pytest.mark.parametrize("problem", ["refused", "no route", "silent"])
def test_cluster_without_scheduler_is_a_usage_error(tmp_path, monkeypatch, problem):
    from mepipe.execution import cluster_start as room
    from mepipe.execution.cluster import cluster

    monkeypatch.setattr(room, "TIMEOUT_S", 1)
    address = "tcp://127.0.0.1:9"
    with socket.socket() as other:
        if problem == "no route":

            def unreachable(*_, **__):
                raise OSError(113, "No route to host")

            monkeypatch.setattr(room.socket, "create_connection", unreachable)
        if problem == "silent":  # a server that is no scheduler
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        with (
            pytest.raises(UsageError, match=f"no Dask scheduler at {address}"),
            cluster(address, tmp_path, [], ["numpy"]),
        ):
            pass


def test_half_of_the_options_is_refused_by_every_command(tmp_path):
    from click.testing import CliRunner

    from mepipe.cli import main

    for words in (["run", "x"], ["evaluate", "x"], ["ablate", "x"], ["spot", "x"]):
        for half in (["--backend", "dask"], ["--scheduler", "tcp://127.0.0.1:9"]):
            answer = CliRunner().invoke(main, [*words, *half])
            assert answer.exit_code == 2
            assert "must be given together" in answer.stderr, words

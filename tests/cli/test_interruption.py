"""Runs that are interrupted, terminated or killed lose nothing that was finished."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from quick import QUICK

from mepipe.cache.store import Store

# A suite that was started in the background hands on that Ctrl-C is ignored.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from mepipe.cli import main
main()
"""
STAGES = ("face", "spot", "flow", "tensor")


def start(folder, data, jobs):
    return subprocess.Popen(
        [
            sys.executable, "-c", PROGRAM, "run", str(data), "--until", "pack",
            "--jobs", str(jobs), "--cache", str(folder / "cache"), "--out", str(folder / "out"),
            *QUICK,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )  # fmt: skip


def objects(folder):
    return {path.name for path in (folder / "cache" / "objects").rglob("*.h5")}


def wait_for_objects(folder, number, process):
    while len(objects(folder)) < number and process.poll() is None:
        time.sleep(0.01)


@pytest.fixture(scope="session")
def small_sample(made_sample):
    return made_sample(2, 2)


@pytest.fixture(scope="session")
def undisturbed(small_sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    process = start(folder, small_sample, 1)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_so_and_is_continued(
    small_sample, undisturbed, tmp_path, number, code, jobs
):
    process = start(tmp_path, small_sample, jobs)
    wait_for_objects(tmp_path, 3, process)
    # As a terminal does: to the whole group for Ctrl-C, to the process for a polite kill.
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == code, errors
    assert "Finished work is kept" in errors
    assert "Traceback" not in errors
    kept = objects(tmp_path)
    assert kept
    process = start(tmp_path, small_sample, jobs)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert kept <= objects(tmp_path)
    assert features(tmp_path) == features(undisturbed)


def features(folder):
    return (folder / "out" / "features.h5").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_random_moments_nothing_finished_is_lost(
    small_sample, undisturbed, tmp_path, jobs
):
    moments = random.Random(jobs)
    kills = 0
    for _ in range(5):
        before = objects(tmp_path)
        process = start(tmp_path, small_sample, jobs)
        wait_for_objects(tmp_path, len(before) + moments.choice([1, 2, 5]), process)
        time.sleep(moments.uniform(0, 0.05))
        finished = process.poll() is not None
        if not finished:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if finished:
            break
        kills += 1
        assert before <= objects(tmp_path), "a finished object was lost"
    assert kills >= 2
    process = start(tmp_path, small_sample, jobs)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert features(tmp_path) == features(undisturbed)
    assert objects(tmp_path) == objects(undisturbed)
    store = Store(tmp_path / "cache")
    for stage in STAGES:
        for name in store.listing(stage).values():
            assert store.read(name).stage == stage

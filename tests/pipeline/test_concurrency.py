"""Runs beside each other, and runs that are killed, on one cache."""

import ast
import multiprocessing
import os
import random
import signal
import time

import pytest
from toy_stages import QUICK, real_process, toy_process

from mepipe.cache.locks import claim, is_held
from mepipe.pipeline.cache_admin import verify

STRESS = bool(os.environ.get("MEPIPE_STRESS"))
STAGES = ("face", "spot", "flow", "tensor")


@pytest.fixture(scope="session")
def start():
    """Start a function in a process that has everything imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["toy_stages", "cv2", "dlib", "mepipe.flow.engine"])

    def begin(function, *arguments, **options):
        process = context.Process(target=function, args=arguments, kwargs=options)
        process.start()
        return process

    return begin


def objects(cache):
    return {path.name for path in (cache / "objects").rglob("*.h5")}


def work(*files):
    """How often each step was computed, over the runs that left these files."""
    runs = [ast.literal_eval(file.read_text()) for file in files]
    return {stage: sum(one.get(stage, 0) for one in runs) for stage in STAGES}


@pytest.mark.slow
@pytest.mark.parametrize("round_number", range(20 if STRESS else 3))
def test_two_runs_at_once_share_the_work_and_give_the_same_bytes(
    start, toy_data, tmp_path, round_number
):
    data, cache = toy_data(6), tmp_path / "cache"
    seconds = random.Random(round_number).choice([0.0, 0.005, 0.02])
    names = ("a", "b")
    running = [
        start(toy_process, data, cache, tmp_path / one, tmp_path / f"{one}.txt", seconds)
        for one in names
    ]
    for process in running:
        process.join()
        assert process.exitcode == 0
    files = [(tmp_path / one / "features.h5").read_bytes() for one in names]
    assert files[0] == files[1]
    assert work(*(tmp_path / f"{one}.txt" for one in names)) == dict.fromkeys(STAGES, 6)
    assert len(objects(cache)) == 24
    alone = start(toy_process, data, tmp_path / "c", tmp_path / "c", tmp_path / "c.txt")
    alone.join()
    assert (tmp_path / "c" / "features.h5").read_bytes() == files[0]
    assert objects(tmp_path / "c") == objects(cache)
    assert not list((cache / "locks").iterdir())


@pytest.mark.slow
def test_runs_with_different_settings_do_not_disturb_each_other(start, toy_data, tmp_path):
    data, cache = toy_data(4), tmp_path / "cache"
    sizes = {"a": 14, "b": 28, "c": 56}
    running = [
        start(
            toy_process, data, cache, tmp_path / one, tmp_path / f"{one}.txt", 0.005,
            settings=[f"tensor.size={size}"],
        )
        for one, size in sizes.items()
    ]  # fmt: skip
    for process in running:
        process.join()
        assert process.exitcode == 0
    done = work(*(tmp_path / f"{one}.txt" for one in sizes))
    assert done == {"face": 4, "spot": 4, "flow": 4, "tensor": 12}


def test_a_run_that_waits_says_so(toy_run, toy_data, tmp_path):
    planned = toy_run(toy_data(2))
    titles = []
    first = planned.inputs.clips[0]
    from mepipe.pipeline.outcome import ClipOutcome
    from mepipe.pipeline.walk import keyed
    from mepipe.stages import STAGES as stages

    key, _ = keyed(first.input, planned.config, ClipOutcome("x"), stages[0])
    held = claim(planned.context.store.lock(key), wait=False)
    with held as free:
        assert free
        assert is_held(planned.context.store.lock(key))

        def begin(title, total):
            titles.append((title, total))
            if "waiting" in title:
                held.__exit__(None, None, None)

        planned.context.progress.begin = begin
        report = planned.execute()
    assert report.usable == 2
    assert titles == [("clips", 2), ("waiting for clips that another run is computing", 1)]


def test_without_locks_everybody_goes_on(toy_run, toy_data, monkeypatch):
    from filelock import FileLock

    def acquire(*_, **__):
        raise NotImplementedError("no flock here")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    assert toy_run(toy_data(2)).execute().usable == 2


def test_readers_are_never_blocked(toy_run, toy_data, tmp_path):
    data = toy_data(2)
    planned = toy_run(data)
    planned.execute()
    for name in planned.context.store.every("face"):
        with claim(planned.context.store.lock(name.key), wait=False):
            assert planned.context.store.read(name).key == name.key
            assert sum(toy_run(data).execute().computed.values()) == 0


def killed(start, function, arguments, moment, cache):
    """Run and kill at a moment; return whether it was killed at work.

    A moment is how many more objects there are, and how long after the last of them.
    """
    before = objects(cache)
    more, after = moment
    process = start(function, *arguments)
    while len(objects(cache)) < len(before) + more and process.is_alive():
        time.sleep(0.001)
    process.join(after)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        done = False
    else:
        assert process.exitcode == 0
        done = True
    assert before <= objects(cache), "a finished object was lost"
    return not done


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_damaged(start, toy_data, toy_run, tmp_path):
    data = toy_data(6)
    quiet = start(toy_process, data, tmp_path / "q", tmp_path / "q", tmp_path / "q.txt")
    quiet.join()
    expected = (tmp_path / "q" / "features.h5").read_bytes()
    moments, kills = random.Random(3), 0
    for number in range(400 if STRESS else 16):
        cache, out = tmp_path / f"cache{number // 4}", tmp_path / f"out{number // 4}"
        arguments = (data, cache, out, tmp_path / "k.txt", 0.002)
        moment = moments.choice([0, 0, 1, 2, 4, 7]), moments.uniform(0, 0.02)
        kills += killed(start, toy_process, arguments, moment, cache)
        if number % 4 == 3:
            finish = start(toy_process, *arguments)
            finish.join()
            assert finish.exitcode == 0
            assert (out / "features.h5").read_bytes() == expected
            assert verify(toy_run(data, cache=cache).context.store, fix=False)[1] == []
            assert objects(cache) == objects(tmp_path / "q")
    print(f"{kills} kills of toy runs")
    assert kills > 4


@pytest.mark.skipif(not STRESS, reason="takes minutes: make stress")
def test_two_hundred_kills_of_real_runs(start, tmp_path):
    pytest.importorskip("skimage")
    from mepipe.flow.engine import compile_all
    from mepipe.sample import write

    compile_all()
    data = tmp_path / "sample"
    write(data, subjects=3, clips=2, seed=4)
    quiet = start(real_process, data, tmp_path / "q", tmp_path / "q", QUICK)
    quiet.join()
    assert quiet.exitcode == 0
    expected = (tmp_path / "q" / "features.h5").read_bytes()
    moments, kills, rounds = random.Random(5), 0, 0
    while kills < 200 and rounds < 200:
        cache, out = tmp_path / f"cache{rounds}", tmp_path / f"out{rounds}"
        rounds += 1
        for _ in range(4):
            moment = moments.choice([0, 0, 1, 2, 4, 7]), moments.uniform(0, 0.2)
            kills += killed(start, real_process, (data, cache, out, QUICK), moment, cache)
        finish = start(real_process, data, cache, out, QUICK)
        finish.join()
        assert finish.exitcode == 0
        assert (out / "features.h5").read_bytes() == expected
        assert objects(cache) == objects(tmp_path / "q")
    print(f"{kills} kills of real runs, {rounds} caches")
    assert kills >= 200


def test_that_the_cache_has_no_locks_is_said_once(toy_run, toy_data, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")
    import errno

    from mepipe.cache.locks import locks_work

    def flock(*_):
        raise OSError(errno.ENOSYS, "")

    monkeypatch.setattr(fcntl, "flock", flock)
    locks_work.cache_clear()
    try:
        assert toy_run(toy_data(2)).execute().usable == 2
    finally:
        locks_work.cache_clear()
    said = [one.getMessage() for one in caplog.records if "no locks" in one.getMessage()]
    assert len(said) == 1
    assert "twice" in said[0]

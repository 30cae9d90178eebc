"""Many clips: planning is linear, and a run holds one clip at a time."""

import cProfile
import os
import tracemalloc
from functools import partial

import pytest

import mepipe
from mepipe.bench.cache import make_clips, planning, warm_run
from mepipe.bench.planning import plan_made, store_made
from mepipe.cache.store import open_store
from mepipe.pipeline.cache_admin import collect_garbage, status

STRESS = bool(os.environ.get("MEPIPE_STRESS"))


def calls(function, *arguments):
    """How many functions are called: a measure of work that a busy machine does not change."""
    profile = cProfile.Profile(builtins=True)
    profile.runcall(function, *arguments)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.slow
def test_planning_a_warm_run_and_looking_after_the_cache_are_linear(tmp_path):
    planned, warm, told, swept = {}, {}, {}, {}
    for count in (50, 400):
        folder = tmp_path / str(count)
        make_clips(folder / "data", count)
        store_made(folder / "data", folder / "cache")

        def run(folder=folder):
            return mepipe.run(
                folder / "data", out=folder / "out", cache=folder / "cache", until="pack", jobs=1,
                settings=["flow.engine=opencv", "report.enabled=false"],
            )  # fmt: skip

        assert plan_made(folder / "data", folder / "cache") == 0  # what is imported once is now
        planned[count] = calls(plan_made, folder / "data", folder / "cache")
        run()
        warm[count] = calls(run)
        store = open_store(folder / "cache")
        told[count] = calls(status, store)
        swept[count] = calls(partial(collect_garbage, store, keep_days=30, dry_run=True))
    for found in (planned, warm, told, swept):
        assert found[400] < 1.1 * 8 * found[50]
    # Measured: 2,010 and 2,295.
    assert planned[400] / 400 < 3000
    assert warm[400] / 400 < 3500


@pytest.mark.slow
def test_planning_and_a_warm_run_take_little_memory():
    assert planning(10_000 if STRESS else 400).peak_mb < 500
    _, _, peak = warm_run(1000 if STRESS else 100)
    assert peak < 500


@pytest.mark.slow
def test_the_memory_of_a_run_does_not_grow_with_its_tensors(toy_run, toy_data, tmp_path):
    """What stays of a clip in memory is small beside its tensor of 192 kB."""
    from mepipe.stages import STAGES, Result

    tensor = STAGES[-1]
    small = tensor.compute

    def large(clip, config, upstream):
        import numpy as np

        x = small(clip, config, upstream).arrays["x"]
        return Result({}, {"x": np.tile(x, (1, 16, 16))})

    object.__setattr__(tensor, "compute", large)
    peaks = []
    for count in (10, 40):
        data = toy_data(count, name=f"toy{count}")
        planned = toy_run(data, cache=tmp_path / f"c{count}", out=tmp_path / f"o{count}")
        tracemalloc.start()
        planned.execute()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 30 < 96_000


@pytest.mark.slow
def test_a_cold_run_is_linear(toy_run, toy_data, tmp_path):
    found = {}
    for count in (2, 20, 80):  # the first loads what is imported once
        planned = toy_run(
            toy_data(count, name=f"toy{count}"), cache=tmp_path / f"c{count}",
            out=tmp_path / f"o{count}", until="tensor",
        )  # fmt: skip
        found[count] = calls(planned.execute)
    assert found[80] < 1.1 * 4 * found[20]


def test_a_cold_run_opens_no_object_that_it_has_just_stored(toy_run, toy_data, monkeypatch):
    from mepipe.cache.store import Store

    opened, real = [], Store.check

    def check(store, name, declared=None):
        opened.append(name)
        return real(store, name, declared)

    monkeypatch.setattr(Store, "check", check)
    result = toy_run(toy_data(4), until="tensor").execute()
    assert result.computed["tensor"] == 4
    assert opened == []


def test_a_cold_run_looks_for_each_object_under_its_lock_alone(toy_run, toy_data, monkeypatch):
    """A look lists a folder, which is long in a large cache. A clip's first stage takes two."""
    from collections import Counter

    from mepipe.cache.store import Store

    looked, real = Counter(), Store.find

    def find(store, stage, key):
        looked[stage] += 1
        return real(store, stage, key)

    monkeypatch.setattr(Store, "find", find)
    result = toy_run(toy_data(4), until="tensor").execute()
    assert result.computed["tensor"] == 4
    assert sorted(looked.values()) == [4] * (len(looked) - 1) + [8]


def test_what_a_later_stage_reads_is_laid_out_as_in_a_file(toy_run, toy_data, tmp_path):
    """So that a clip that goes on from the cache gets the same bits."""
    from mepipe.stages import STAGES, Result

    flow, tensor = (next(one for one in STAGES if one.name == name) for name in ("flow", "tensor"))
    usual, seen = flow.compute, []

    def turned(clip, config, upstream):
        result = usual(clip, config, upstream)
        return Result(result.values, {**result.arrays, "uv": result.arrays["uv"].swapaxes(1, 2)})

    def look(clip, config, upstream):
        seen.append(upstream.arrays("flow")["uv"])
        return Result({}, {"x": seen[-1][[0, 1, 1]]})

    object.__setattr__(flow, "compute", turned)
    object.__setattr__(tensor, "compute", look)
    data = toy_data(1)
    toy_run(data, until="tensor").execute()
    for path in (tmp_path / "cache" / "objects" / "tensor").rglob("*.h5"):
        path.unlink()
    toy_run(data, until="tensor").execute()
    fresh, stored = seen
    assert fresh.tobytes() == stored.tobytes()
    assert (fresh.strides, fresh.dtype) == (stored.strides, stored.dtype)


def test_finding_an_object_asks_for_no_other_files(tmp_path):
    store = open_store(tmp_path / "cache")
    folder = store.root / "objects" / "flow" / "ab"
    folder.mkdir(parents=True)
    keys = [f"ab{number:062x}" for number in range(300)]
    for key in keys:
        (folder / f"{key}.{'0' * 64}.h5").touch()
    profile = cProfile.Profile(builtins=True)
    found = profile.runcall(store.find, "flow", keys[150])
    asked = [e.callcount for e in profile.getstats() if "posix.stat" in str(e.code)]
    assert found is not None
    assert found.key == keys[150]
    assert asked == [1]

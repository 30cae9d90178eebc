"""Many clips: planning is quick and linear, and a run holds one clip at a time."""

import os
import tracemalloc

from mepipe.bench.cache import planning, warm_run

STRESS = bool(os.environ.get("MEPIPE_STRESS"))


def test_planning_is_linear_and_within_bounds():
    few, many = (planning(count) for count in ((2000, 10_000) if STRESS else (200, 800)))
    clips = many.clips / few.clips
    assert many.cpu_s < 1.5 * clips * few.cpu_s
    assert many.cpu_s < 3.0
    assert many.peak_mb < 500


def test_a_warm_run_over_a_thousand_clips():
    _, cpu, peak = warm_run(1000 if STRESS else 200)
    assert cpu < 2
    assert peak < 500


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

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.frames.stamps import read_times

steps = st.lists(st.floats(1, 200), min_size=12, max_size=80)


@settings(deadline=None)  # the machine may be busy
@given(steps, st.data())
def test_a_few_broken_stamps_change_no_other_time(steps, data):
    true = np.concatenate([[0.0], np.cumsum(steps)])
    broken = [float(stamp) for stamp in true]
    at = data.draw(st.integers(1, len(true) - 2))
    broken[at] = data.draw(st.sampled_from([None, broken[at - 1], -1e9, 1e15]))
    times = read_times(broken, 30.0)
    assert times.mended == 1
    others = [n for n in range(len(true)) if n != at]
    if times.times_ms is None:  # as regular as a constant rate
        kept = [step for n, step in enumerate(np.diff(true)) if at not in (n, n + 1)]
        assert max(kept) <= 1.25 * min(kept)
    else:
        found = np.array(times.times_ms)
        np.testing.assert_allclose(found[others], true[others], atol=0.002)
        assert (np.diff(found) > 0).all()


@settings(deadline=None)  # the machine may be busy
@given(st.floats(5, 2000), st.integers(3, 400))
def test_a_constant_rate_is_read_from_the_stamps_whatever_the_header_says(fps, count):
    stamps = [n * 1000 / fps for n in range(count)]
    times = read_times(stamps, None)
    assert times.times_ms is None
    assert times.fps == pytest.approx(fps, rel=1e-4)
    if stamps[-1] > 2:  # ms: shorter clips fit several rates, within a tick
        assert read_times(stamps, 2 * fps).fps == pytest.approx(fps, rel=1e-4)
    assert read_times(stamps, fps).fps == fps


def test_without_stamps_the_header_is_all_there_is():
    assert read_times([None] * 5, 30.0).fps == 30.0
    assert read_times([None] * 5, None).fps is None
    assert read_times([7.0], 25.0).fps == 25.0


@pytest.mark.parametrize(
    "stamps",
    [[0.0] * 20, [20.0 - n for n in range(20)], [0.0, 1e9], [float(n % 3) for n in range(30)]],
    ids=["equal", "backward", "eleven days", "cycles"],
)
def test_stamps_that_cannot_be_times_are_not_used(stamps):
    times = read_times(stamps, 30.0)
    assert times.unusable
    assert times.fps is None


def test_of_two_equal_stamps_the_second_is_the_copy():
    times = read_times([0, 10, 20, 50, 80, 80, 140, 170, 200, 230], None)
    assert times.times_ms == (0, 10, 20, 50, 80, 110, 140, 170, 200, 230)

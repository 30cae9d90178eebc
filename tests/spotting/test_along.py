"""Movements of a long stretch: their courses come back, whatever moves beside them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.spotting.along import KNOT_MS, Course, CourseSearch

NOISE = 5e-4
PATTERN = 0.01 * np.array([1.0, -0.6, 0.3, 0.8, 0.1, -0.2, 0.5, 0.0])


def times(seconds, fps):
    return np.arange(round(seconds * fps)) * 1000.0 / fps


def course(start, rise, hold, fall, left_over=0.0):
    """A movement as the search describes it, all ms; a fall of None: it stays."""
    full = start + rise
    down, end = (np.inf, np.inf) if fall is None else (full + hold, full + hold + fall)
    return Course(start, full, down, end, left_over, PATTERN, 0.0, 0.0)


def shown(t, *courses, pattern=PATTERN, seed=0):
    """The motion of a face at rest but for these."""
    made = NOISE * np.random.default_rng(seed).normal(size=(len(t), len(pattern)))
    for one in courses:
        made += np.outer(one.share(t), pattern)
    return made


def found_in(t, vectors, nuisance=None, threshold=2.2):
    nuisance = np.zeros((len(t), 0)) if nuisance is None else nuisance
    search = CourseSearch(vectors, t, nuisance)
    return sorted(search.find(threshold), key=lambda one: one.start_ms)


def whole(found):
    """Return the movements without weaker ones that are parts of a stronger one."""
    kept = []
    for one in sorted(found, key=lambda one: -one.strength):
        begin, end = one.start_ms, min(one.end_ms, one.full_ms)
        if not any(begin < k.end_ms + 200 and end > k.start_ms - 200 for k in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start_ms)


def assert_is(found, true, within):
    for name in ("start_ms", "full_ms", "fall_ms", "end_ms"):
        one, other = getattr(found, name), getattr(true, name)
        assert one == other or abs(one - other) <= within, (name, one, other)


@pytest.mark.parametrize("fps", [25, 30, 60, 200])
def test_a_movement_comes_back_at_any_rate(fps):
    t = times(8, fps)
    true = course(3010.0, 180.0, 50.0, 210.0)
    (found,) = found_in(t, shown(t, true))
    knot = max(KNOT_MS, 1000 / fps)
    assert abs(found.start_ms - true.start_ms) <= knot
    assert abs(found.end_ms - true.end_ms) <= knot
    middle = (found.full_ms + found.fall_ms) / 2
    assert abs(middle - (true.full_ms + true.fall_ms) / 2) <= knot
    np.testing.assert_allclose(found.pattern, PATTERN, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("hold", [60.0, 900.0, 2900.0])
def test_a_long_movement_comes_back(hold):
    t = times(15, 30)
    true = course(4500.0, 500.0, hold, 700.0)
    (found,) = whole(found_in(t, shown(t, true, pattern=2 * PATTERN)))
    assert_is(found, true, 0.08 * (true.end_ms - true.start_ms))


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    start=st.floats(1200, 3500), rise=st.floats(90, 300), hold=st.floats(0, 120),
    ratio=st.floats(0.6, 1.8), sign=st.sampled_from((-1.0, 1.0)), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_short_movement_comes_back(start, rise, hold, ratio, sign, seed):
    t = times(6, 50)
    true = course(start, rise, hold, ratio * rise)
    every = found_in(t, shown(t, true, pattern=sign * PATTERN, seed=seed))
    found = max(every, key=lambda one: one.strength)  # others may be parts that it left over
    assert abs(found.start_ms - true.start_ms) <= 80
    assert abs(found.end_ms - true.end_ms) <= 100
    for one in every:
        assert one.start_ms < true.end_ms + 200
        assert min(one.end_ms, one.full_ms) > true.start_ms - 200
    assert found.pattern @ (sign * PATTERN) > 0.7 * float(PATTERN @ PATTERN)


def test_two_movements_half_a_second_apart_are_two():
    t = times(8, 30)
    one, other = course(2000.0, 150.0, 0.0, 150.0), course(2800.0, 200.0, 100.0, 200.0)
    first, second = whole(found_in(t, shown(t, one, other)))
    assert abs(first.start_ms - 2000) <= 40
    assert abs(first.end_ms - 2300) <= 40
    assert abs(second.start_ms - 2800) <= 40
    assert abs(second.end_ms - 3300) <= 50


def test_a_movement_on_top_of_drift_is_found_and_drift_is_none():
    t = times(20, 30)
    drift = np.outer(np.sin(2 * np.pi * t / 15000), 2 * PATTERN[::-1])
    assert found_in(t, shown(t) + drift) == []
    true = course(9000.0, 200.0, 0.0, 200.0)
    (found,) = found_in(t, shown(t, true) + drift)
    assert_is(found, true, 60)


def test_what_follows_the_head_is_no_movement_and_a_movement_beside_it_is():
    t = times(10, 30)
    nod = course(4000.0, 250.0, 0.0, 250.0).share(t)
    beside = np.outer(nod, PATTERN)
    known = 2 * 0.01 * nod[:, None]
    assert len(found_in(t, shown(t) + beside)) == 1  # without knowing of the head
    assert found_in(t, shown(t) + beside, known) == []
    true = course(7000.0, 150.0, 50.0, 150.0)
    (found,) = found_in(t, shown(t, true) + beside, known)
    assert_is(found, true, 60)


@pytest.mark.slow
def test_noise_alone_is_no_movement():
    t = times(25, 30)
    for seed in range(3):
        assert found_in(t, shown(t, seed=seed)) == []


def test_times_may_be_irregular():
    rng = np.random.default_rng(4)
    t = np.cumsum(rng.uniform(15, 55, 300))
    t = np.delete(t, slice(200, 212))  # half a second is missing
    true = course(3000.0, 180.0, 40.0, 220.0)
    (found,) = found_in(t, shown(t, true))
    assert_is(found, true, 60)


@pytest.mark.slow
@pytest.mark.parametrize(("hold", "gap"), [(300.0, 400.0), (1000.0, 1000.0)])
def test_rest_between_two_large_movements_is_not_one(hold, gap):
    t = times(14, 30)
    one = course(3000.0, 300.0, hold, 300.0)
    other = course(one.end_ms + gap, 300.0, hold, 300.0)
    first, second = whole(found_in(t, shown(t, one, other, pattern=4 * PATTERN)))
    for found, true in ((first, one), (second, other)):
        assert abs(found.start_ms - true.start_ms) <= 100
        assert abs(found.end_ms - true.end_ms) <= 100
    for found in (first, second):
        assert found.pattern @ PATTERN > 0  # rest would go the other way


def test_a_change_that_stays_has_no_end():
    t = times(12, 30)
    true = course(5000.0, 300.0, 0.0, None)
    (found,) = whole(found_in(t, shown(t, true, pattern=2 * PATTERN)))
    assert found.stays
    assert abs(found.start_ms - 5000) <= 60
    assert abs(found.full_ms - 5300) <= 60
    assert found.share(np.array([0.0, 20_000.0])).tolist() == [0.0, 1.0]


def test_the_size_of_what_is_found_grows_with_the_motion():
    t, true = times(8, 30), course(3000.0, 180.0, 50.0, 210.0)
    strengths = [
        max(one.strength for one in found_in(t, shown(t, true, pattern=k * PATTERN)))
        for k in (0.5, 1, 2, 4)
    ]
    assert strengths == sorted(strengths)


@pytest.mark.parametrize("count", [8, 9, 20])
def test_a_short_stretch_can_be_searched(count):
    t = times(1, 30)[:count]
    assert found_in(t, shown(t)) == []


@settings(deadline=None, max_examples=100)
@given(
    start=st.floats(-1e4, 1e4), rise=st.floats(20, 2000), hold=st.floats(0, 3000),
    fall=st.none() | st.floats(20, 2000), left=st.floats(0, 0.9),
)  # fmt: skip
def test_a_course_rises_and_falls_once(start, rise, hold, fall, left):
    one = course(start, rise, hold, fall, left)
    t = np.linspace(start - 100, start + rise + hold + (fall or 0) + 100, 400)
    share = one.share(t)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-9
    assert share[0] == 0
    assert share[-1] == pytest.approx(1 if fall is None else left)
    turns = np.diff(np.sign(np.diff(share)[np.abs(np.diff(share)) > 1e-9]))
    assert np.count_nonzero(turns) == (0 if fall is None else 1)
    assert one.in_order(19.9)  # 20 less what rounding takes
    assert not one.in_order(rise + 1)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.assets import template
from mepipe.sample.movement import ACTION_UNITS, EXPRESSIONS, MIRROR, course, displacement


@given(st.integers(0, 10_000))
def test_a_course_has_one_apex_and_marks_at_a_tenth(seed):
    timing = course(np.random.default_rng(seed))
    share = timing.share
    assert 60 <= len(share) <= 145
    assert share[timing.apex] == 1
    assert np.count_nonzero(share == 1) == 1
    assert share.min() >= 0
    assert 0 <= timing.onset < timing.apex < timing.offset < len(share)
    assert share[timing.onset] >= 0.1
    assert timing.onset == 0 or share[: timing.onset].max() < 0.1
    assert share[timing.offset + 1 :].max(initial=0) < 0.1
    assert share[0] == 0  # the reference frame is at rest


def test_rises_cover_the_range_of_real_clips():
    rises = []
    for seed in range(300):
        timing = course(np.random.default_rng(seed))
        rises.append(timing.apex - timing.onset)
    low, high = np.percentile(rises, [5, 95])
    assert 8 <= low <= 20
    assert 40 <= high <= 66


@pytest.mark.parametrize(
    ("units", "landmark", "axis", "sign"),
    [
        (("1", "2"), 19, 1, -1),  # brows rise
        (("4",), 21, 1, 1),  # brows come down
        (("4",), 21, 0, 1),  # and together
        (("12",), 48, 1, -1),  # lip corners rise
        (("12",), 48, 0, -1),  # and part
        (("15",), 48, 1, 1),  # lip corners fall
        (("9",), 31, 1, -1),  # nose wings rise
        (("26",), 57, 1, 1),  # the jaw drops
    ],
)
def test_action_units_move_the_skin_their_way(units, landmark, axis, sign):
    expression = EXPRESSIONS["positive"][0]
    expression = type(expression)("x", "y", dict.fromkeys(units, 1.0), "I")
    points = template().points * 200 + 30
    field = displacement(expression, points, (280, 260))
    assert np.hypot(field[..., 0], field[..., 1]).max() == pytest.approx(1, abs=1e-5)
    x, y = np.rint(points[landmark]).astype(int)
    assert sign * field[y, x, axis] > 0.2
    x, y = np.rint(points[MIRROR[landmark]]).astype(int)
    assert sign * field[y, x, axis] * (-1 if axis == 0 else 1) > 0.2
    assert np.abs(field[30, 130]).max() < 0.05  # the hair stays


def test_every_expression_uses_known_units_in_ascending_order():
    assert set(EXPRESSIONS) == {"negative", "positive", "surprise"}
    for choices in EXPRESSIONS.values():
        for expression in choices:
            units = [int(unit) for unit in expression.shares]
            assert units == sorted(units)
            assert set(expression.shares) <= set(ACTION_UNITS)


def test_mirroring_twice_is_nothing():
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(68))
    points = template().points
    np.testing.assert_allclose(points[MIRROR] * [-1, 1] + [1, 0], points, atol=1e-9)

import numpy as np
import pytest
from faces import INTER_OCULAR, crops, polygons
from hypothesis import given
from hypothesis import strategies as st

from mepipe.smoothing import gaussian_mean
from mepipe.spotting import middle, visible_run
from mepipe.spotting.curve import along_peak, bridge_blinks, less_line


def full_mean(values, times, sigma):
    """The definition, with every weight."""
    weights = np.exp(-0.5 * ((times[:, None] - times[None, :]) / sigma) ** 2)
    return np.tensordot(weights / weights.sum(axis=1, keepdims=True), values, axes=1)


@given(
    steps=st.lists(st.floats(0.5, 80), min_size=1, max_size=40),
    sigma=st.floats(1, 200),
    seed=st.integers(0, 99),
)
def test_the_mean_over_time_is_the_gaussians(steps, sigma, seed):
    times = np.cumsum(steps)
    values = np.random.default_rng(seed).normal(size=(len(times), 2, 3))
    # What is left out beyond four sigma weighs next to nothing.
    np.testing.assert_allclose(
        gaussian_mean(values, times, sigma), full_mean(values, times, sigma), atol=2e-3
    )


def test_the_mean_of_a_constant_is_the_constant():
    values = np.full((9, 2), 3.25)
    np.testing.assert_allclose(gaussian_mean(values, np.arange(9.0), 2.0), 3.25)


@given(slope=st.floats(-1, 1), start=st.floats(-5, 5))
def test_a_straight_drift_leaves_nothing(slope, start):
    times = np.arange(50) * 5.0
    vectors = np.repeat((start + slope * times)[:, None, None], 2, axis=2) * np.ones((1, 3, 1))
    left = less_line(vectors, times, 0, 49)
    # The ends of the line are means over the first and the last frames.
    assert np.abs(left[5:-5]).max() < 1e-9
    assert np.abs(left).max() <= abs(slope) * 25 + 1e-9


def test_the_pattern_of_the_peak_is_followed_and_opposite_motion_is_negative():
    times = np.arange(60) * 5.0
    share = np.exp(-(((times - 150) / 40) ** 2))
    pattern = np.array([[0.0, -1.0], [0.5, 0.5], [0.0, 0.0]])
    curve, rest = along_peak(share[:, None, None] * pattern, times, slice(1, 59), None)
    assert int(np.argmax(curve)) == 30
    assert curve[30] == pytest.approx(1.0)  # of the region that moves most
    assert rest == pytest.approx(0, abs=1e-9)
    opposite, _ = along_peak(-share[:, None, None] * pattern, times, slice(1, 59), 30)
    np.testing.assert_allclose(opposite, curve)
    both = (share - 0.4 * np.roll(share, 20))[:, None, None] * pattern
    curve, _ = along_peak(both, times, slice(1, 59), None)
    assert curve[50] < 0


def test_a_blink_is_bridged_in_the_brows_and_nowhere_else():
    regions = polygons()
    names = [region.name for region in regions]
    times = np.arange(80) * 5.0
    vectors = np.zeros((80, len(regions), 2))
    vectors[:, :, 1] = 0.002 * times[:, None]
    blink = slice(35, 45)
    for name in ("left_eye", "right_eye", "left_inner_brow"):
        vectors[blink, names.index(name), 1] += 3.0
    bridged = bridge_blinks(vectors, times, regions, INTER_OCULAR)
    brow = bridged[:, names.index("left_inner_brow"), 1]
    np.testing.assert_allclose(brow, 0.002 * times, atol=1e-9)
    chin = names.index("chin")
    np.testing.assert_array_equal(bridged[:, chin], vectors[:, chin])


def test_a_clip_that_is_mostly_blink_is_left_as_it_is():
    regions = polygons()
    eyes = [k for k, region in enumerate(regions) if region.role == "eye"]
    vectors = np.zeros((40, len(regions), 2))
    vectors[::3, eyes, 1] = 3.0
    times = np.arange(40) * 5.0
    assert bridge_blinks(vectors, times, regions, INTER_OCULAR) is vectors


@given(
    count=st.integers(1, 300),
    marks=st.lists(st.integers(0, 299), min_size=0, max_size=3, unique=True),
)
def test_the_middle_keeps_marks_and_the_order(count, marks):
    marks = sorted(mark for mark in marks if mark < count)
    given_marks = dict(zip(("onset", "apex", "offset"), marks, strict=False))
    found = middle(count, **given_marks)
    assert 0 <= found.onset <= found.apex <= found.offset < count
    for name, value in given_marks.items():
        assert getattr(found, name) == value
        assert getattr(found, f"{name}_confidence") == 1.0


def test_the_middle_of_an_empty_clip_is_refused():
    with pytest.raises(ValueError, match="without frames"):
        middle(0)


def test_the_stretch_with_the_same_face(texture):
    face = crops(np.zeros(10), texture)
    other = crops(np.zeros(4), texture, seed=9)
    clip = np.concatenate([other, face, other])
    assert visible_run(clip, 6) == (4, 14)
    assert visible_run(face, 0) == (0, 10)
    assert visible_run(np.zeros((3, 160, 160), np.uint8), 1) == (1, 2)

import numpy as np
import pytest
from faces import crops
from hypothesis import given
from hypothesis import strategies as st

from mepipe.smoothing import gaussian_mean
from mepipe.spotting import midpoint, visible_span


def full_mean(values, times, sigma):
    """The definition, with every weight."""
    weights = np.exp(-0.5 * ((times[:, None] - times[None, :]) / sigma) ** 2)
    return np.tensordot(weights / weights.sum(axis=1, keepdims=True), values, axes=1)


@given(
    steps=st.lists(st.floats(0.5, 80), min_size=1, max_size=40),
    sigma=st.floats(1, 200),
    seed=st.integers(0, 99),
)
def test_gaussian_mean_equals_the_weighted_mean(steps, sigma, seed):
    times = np.cumsum(steps)
    values = np.random.default_rng(seed).normal(size=(len(times), 2, 3))
    # What is left out beyond four sigma weighs next to nothing.
    np.testing.assert_allclose(
        gaussian_mean(values, times, sigma), full_mean(values, times, sigma), atol=2e-3
    )


def test_gaussian_mean_of_a_constant_is_the_constant():
    values = np.full((9, 2), 3.25)
    np.testing.assert_allclose(gaussian_mean(values, np.arange(9.0), 2.0), 3.25)


@given(
    count=st.integers(1, 300),
    marks=st.lists(st.integers(0, 299), min_size=0, max_size=3, unique=True),
)
def test_midpoint_keeps_annotated_positions_and_the_order(count, marks):
    marks = sorted(mark for mark in marks if mark < count)
    given_marks = dict(zip(("onset", "apex", "offset"), marks, strict=False))
    found = midpoint(count, **given_marks)
    assert 0 <= found.onset <= found.apex <= found.offset < count
    for name, value in given_marks.items():
        assert getattr(found, name) == value
        assert getattr(found, f"{name}_confidence") == 1.0


def test_midpoint_refuses_an_empty_clip():
    with pytest.raises(ValueError, match="without frames"):
        midpoint(0)


def test_visible_span_is_the_run_with_the_same_face(texture):
    face = crops(np.zeros(10), texture)
    other = crops(np.zeros(4), texture, seed=9)
    clip = np.concatenate([other, face, other])
    assert visible_span(clip, 6) == (4, 14)
    assert visible_span(face, 0) == (0, 10)
    assert visible_span(np.zeros((3, 160, 160), np.uint8), 1) == (1, 2)

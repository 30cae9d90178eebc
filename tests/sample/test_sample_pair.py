import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.sample import exact_pair


def waves(height=48, width=64):
    """A smooth image that is known between its pixels, too."""

    def at(x, y):
        return 100 + 40 * np.sin(0.31 * x + 0.17 * y) + 30 * np.cos(0.23 * y - 0.11 * x)

    ys, xs = np.mgrid[:height, :width].astype(float)
    return at, xs, ys


def test_the_reference_is_the_image_read_where_the_flow_points():
    at, xs, ys = waves()
    d = np.stack([0.8 * np.sin(ys / 9), 1.3 * np.cos(xs / 11)], axis=-1)
    reference, moving, flow = exact_pair(at(xs, ys), d)
    expected = at(xs + d[..., 0], ys + d[..., 1])
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(reference - expected)[inner].max() < 0.005  # of an amplitude of 70
    np.testing.assert_array_equal(moving, at(xs, ys))
    np.testing.assert_array_equal(flow, d.astype(np.float32))


def test_a_whole_pixel_is_exact_and_keeps_the_dtype():
    image = np.arange(30 * 40).reshape(30, 40).astype(np.uint8)
    d = np.zeros((30, 40, 2))
    d[..., 0] = 2
    reference, moving, _ = exact_pair(image, d)
    assert reference.dtype == moving.dtype == np.uint8
    np.testing.assert_array_equal(reference[:, :-2], image[:, 2:])


@settings(max_examples=20, deadline=None)
@given(x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_a_constant_image_stays_constant_whatever_moves(x, y):
    reference, _, _ = exact_pair(np.full((20, 30), 7.5), np.full((20, 30, 2), (x, y)))
    np.testing.assert_allclose(reference, 7.5)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="do not fit"):
        exact_pair(np.zeros((4, 5)), np.zeros((5, 4, 2)))

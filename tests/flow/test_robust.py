"""What alignment computes in a shorter way has the bits of the plain one."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mepipe.errors import BadDataError
from mepipe.face.head_motion import face_relief, head_columns
from mepipe.flow.head import _Square
from mepipe.flow.robust import TUKEY, RobustFit, median, tukey_weights
from mepipe.flow.stabilise import _Region

finite = st.floats(-1e6, 1e6)


@given(arrays(np.float64, st.integers(1, 40), elements=finite))
def test_the_median_is_that_of_numpy(values):
    assert median(values) == np.median(values)


@given(arrays(np.float64, 9, elements=finite), st.floats(1e-9, 1e6))
def test_the_weights_are_those_of_the_formula(distance, scale):
    expected = np.clip(1 - (distance / (TUKEY * scale)) ** 2, 0, None) ** 2
    np.testing.assert_array_equal(tukey_weights(distance, scale), expected)


def plain_fit(matrix, values):
    weights = np.ones_like(values)
    for _ in range(3):
        weighted = matrix * weights[:, None]
        normal = weighted.T @ matrix
        if np.linalg.cond(normal) > 1e14:
            raise BadDataError("singular", "")
        solution = np.linalg.solve(normal, weighted.T @ values)
        residual = values - matrix @ solution
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-9
        weights = np.clip(1 - (residual / (TUKEY * scale)) ** 2, 0, None) ** 2
    return solution


@pytest.mark.parametrize("columns", [4, 6])
@pytest.mark.parametrize("rows", [30, 501, 2646])
def test_the_fit_is_that_of_the_plain_rounds(rows, columns):
    rng = np.random.default_rng(rows)
    matrix = rng.normal(size=(rows, columns)) * 10.0 ** np.arange(columns)
    fit = RobustFit(matrix)
    for _ in range(5):
        values = matrix @ rng.normal(size=columns) + rng.standard_cauchy(rows)
        assert fit.solution(values).tobytes() == plain_fit(matrix, values).tobytes()


@settings(max_examples=200)
@given(st.integers(2, 6), st.integers(0, 10**6), st.floats(-9, 0), st.floats(-4, 4))
def test_a_fit_is_refused_where_the_condition_is_too_large(columns, seed, dependence, size):
    """From independent columns to the same one twice."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(40, columns)) * 10.0**size
    matrix[:, -1] = matrix[:, 0] + matrix[:, -1] * 10.0**dependence
    normal = matrix.copy().T @ matrix
    values = rng.normal(size=40)
    if np.linalg.cond(normal) > 1e14:
        with pytest.raises(BadDataError, match="no texture to follow"):
            RobustFit(matrix).solution(values)
    else:
        solution = np.linalg.solve(normal, matrix.copy().T @ values)
        assert np.isfinite(solution).all()
        try:
            plain = plain_fit(matrix, values)
        except BadDataError:  # in a later round
            with pytest.raises(BadDataError):
                RobustFit(matrix).solution(values)
        else:
            assert RobustFit(matrix).solution(values).tobytes() == plain.tobytes()


@pytest.mark.parametrize("rows", [(0, 9), (5, 40), (30, 64), (0, 64), (63, 64)])
@pytest.mark.parametrize("sigma", [4.0, 2.0, 1.0])
def test_a_region_is_blurred_and_derived_as_the_whole_image(rows, sigma):
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (64, 64)).astype(np.float32)
    mask = np.zeros((64, 64), bool)
    mask[slice(*rows)] = rng.random((rows[1] - rows[0], 64)) < 0.5
    mask[rows[0], [0, 63]] = True
    region = _Region.of(mask)
    blurred = region.blurred(image, sigma)
    whole = cv2.GaussianBlur(image, (0, 0), sigma)
    np.testing.assert_array_equal(region.values(blurred), whole[mask].astype(np.float64))
    dy, dx = np.gradient(whole.astype(np.float64))
    across, down = region.derivatives(blurred)
    np.testing.assert_array_equal(across, dx[mask])
    np.testing.assert_array_equal(down, dy[mask])


@settings(max_examples=50)
@given(arrays(np.float64, 6, elements=st.floats(-0.1, 0.1)))
def test_the_motion_of_a_square_is_the_sum_of_the_columns(head):
    square = _Square.at(np.arange(20.0), np.array([9.0, 7.0]), 8.0)
    x, y = np.meshgrid(square.x, square.y)
    columns = head_columns(x, y, face_relief(x, y)).transpose(3, 2, 0, 1)
    expected = sum(column * value for column, value in zip(columns, head, strict=True))
    np.testing.assert_array_equal(square.motion(head), expected.astype(np.float32))

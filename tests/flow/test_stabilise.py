import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.errors import BadDataError
from mepipe.flow import estimate_motion

SIZE = 160
Y, X = np.mgrid[:SIZE, :SIZE]
MASK = ((X - 80) ** 2 + (Y - 70) ** 2 < 40**2) | (np.abs(Y - 70) < 12)


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(3)
    noise = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)), (0, 0), 3)
    noise -= noise.min()
    return noise * (200 / noise.max()) + 20


def similarity(dx=0.0, dy=0.0, degrees=0.0, scale=1.0):
    matrix = cv2.getRotationMatrix2D((80, 70), degrees, scale)
    matrix[:, 2] += (dx, dy)
    return matrix


def moved(image, matrix):
    return cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT)


def error_px(found, truth):
    points = np.column_stack([X[MASK], Y[MASK]])
    return np.abs(
        points @ found[:, :2].T + found[:, 2] - points @ truth[:, :2].T - truth[:, 2]
    ).max()


def to_8_bit(image, seed=0, noise=2.0):
    rng = np.random.default_rng(seed)
    return np.clip(image + rng.normal(0, noise, image.shape), 0, 255).round().astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-1.5, 1.5), st.floats(0.99, 1.01))
def test_estimate_motion_recovers_a_known_head_motion(image, dx, dy, degrees, scale):
    truth = similarity(dx, dy, degrees, scale)
    found = estimate_motion(
        to_8_bit(image, 1), to_8_bit(moved(image, truth), 2), MASK, "similarity"
    )
    assert error_px(found, truth) < 0.15


@pytest.mark.parametrize(("gain", "offset"), [(0.8, 10), (1.15, -12)])
def test_estimate_motion_ignores_gain_and_offset(image, gain, offset):
    truth = similarity(0.6, -0.4)
    found = estimate_motion(
        to_8_bit(image, 1), to_8_bit(moved(image, truth) * gain + offset, 2), MASK
    )
    assert error_px(found, truth) < 0.15


def test_estimate_motion_weights_down_a_blink_in_the_mask(image):
    truth = similarity(0.5, 0.3)
    other = moved(image, truth)
    other[60:75, 60:80] = 40
    found = estimate_motion(to_8_bit(image, 1), to_8_bit(other, 2), MASK)
    assert error_px(found, truth) < 0.25


def test_estimate_motion_ignores_changes_outside_the_mask(image):
    other = image.copy()
    other[120:] = 255 - other[120:]
    found = estimate_motion(to_8_bit(image, noise=0), to_8_bit(other, noise=0), MASK)
    assert error_px(found, np.eye(2, 3)) < 0.05


def test_estimate_motion_translation_has_no_rotation_or_scale(image):
    found = estimate_motion(
        to_8_bit(image, 1), to_8_bit(moved(image, similarity(1.2, -0.8)), 2), MASK, "translation"
    )
    np.testing.assert_array_equal(found[:, :2], np.eye(2))
    np.testing.assert_allclose(found[:, 2], [1.2, -0.8], atol=0.05)


def test_estimate_motion_of_identical_images_is_exactly_the_identity(image):
    frame = to_8_bit(image)
    np.testing.assert_array_equal(estimate_motion(frame, frame, MASK), np.eye(2, 3))


def test_estimate_motion_refuses_a_face_without_texture():
    flat = np.full((SIZE, SIZE), 90, np.uint8)
    other = flat.copy()
    other[0, 0] = 91
    with pytest.raises(BadDataError, match="no texture"):
        estimate_motion(flat, other, MASK)


def test_estimate_motion_of_different_pictures_is_refused_or_bounded(image):
    # There is no right answer; a transform that turns the face inside out is a wrong one.
    other = to_8_bit(np.rot90(image).copy())
    try:
        found = estimate_motion(to_8_bit(image), other, MASK)
    except BadDataError:
        return
    corners = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]])
    assert np.abs(corners @ found[:, :2].T + found[:, 2] - corners).max() <= SIZE / 4

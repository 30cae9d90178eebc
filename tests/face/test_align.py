import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.errors import BadDataError
from mepipe.face import fit_similarity, smooth_transforms, warp_face
from mepipe.face.align import compose, invert

coordinates = st.floats(-500, 500)


def matrix(scale, angle, x, y):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


similarities = st.builds(
    matrix, st.floats(0.05, 20), st.floats(-3.1, 3.1), coordinates, coordinates
)


@given(similarities, st.integers(0, 1000))
def test_fit_similarity_recovers_a_known_similarity(truth, seed):
    points = np.random.default_rng(seed).uniform(-100, 100, (11, 2))
    found = fit_similarity(points, points @ truth[:, :2].T + truth[:, 2])
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-6)


@given(similarities)
def test_compose_with_the_inverse_is_the_identity(transform):
    np.testing.assert_allclose(compose(transform, invert(transform)), np.eye(2, 3), atol=1e-6)


def test_fit_similarity_never_reflects():
    points = np.array([[0, 0], [1, 0], [0, 1], [2, 3.0]])
    found = fit_similarity(points, points * [-1, 1])
    assert np.linalg.det(found[:, :2]) > 0


def test_fit_similarity_refuses_coinciding_points():
    with pytest.raises(BadDataError, match="coincide"):
        fit_similarity(np.ones((5, 2)), np.arange(10.0).reshape(5, 2))


def test_smooth_transforms_keeps_a_still_face_and_reduces_jitter():
    times = np.arange(60) * 5.0
    still = np.tile(matrix(0.01, 0.1, 0.2, 0.3), (60, 1, 1))
    np.testing.assert_allclose(smooth_transforms(still, times, 100.0), still, atol=1e-12)
    rng = np.random.default_rng(0)
    jittering = still + rng.normal(0, 0.01, still.shape)
    calm = smooth_transforms(jittering, times, 100.0)
    assert calm.std(axis=0).max() < 0.3 * jittering.std(axis=0).max()


def test_warp_face_maps_a_point_by_the_transform():
    image = np.zeros((200, 300), np.uint8)
    image[110:113, 150:153] = 255  # centre at (151, 111)
    # Pixel centres lie at whole numbers: (151, 111) goes to the middle of the face.
    transform = matrix(1 / 100, 0, 0.5 - 1.51, 0.5 - 1.11)
    face = warp_face(image, transform, 101).astype(float)
    y, x = np.mgrid[:101, :101]
    assert (x * face).sum() / face.sum() == pytest.approx(50, abs=0.05)
    assert (y * face).sum() / face.sum() == pytest.approx(50, abs=0.05)


def test_warp_face_is_exact_for_sub_pixel_shifts():
    # A rounded interpolation grid would add a jitter as large as a faint expression.
    image = np.tile(np.arange(0, 255, 5), (51, 1)).astype(np.uint8)
    base = warp_face(image, matrix(1 / 51, 0, 0.5 / 51, 0.5 / 51), 51).astype(float)
    np.testing.assert_array_equal(base, image)
    for shift in (0.2, 0.4, 0.8):
        face = warp_face(image, matrix(1 / 51, 0, (0.5 - shift) / 51, 0.5 / 51), 51)
        np.testing.assert_array_equal(face[:, 1:-1] - base[:, 1:-1], 5 * shift)


def test_warp_face_undoes_the_motion_in_the_same_step(texture):
    image = texture(240, sigma=4).astype(np.uint8)
    transform = matrix(1 / 200, 0, -0.1, -0.1)
    head = matrix(1.0, 0.01, 1.3, -0.7)
    to_px = transform * 160
    to_px[:, 2] -= 0.5
    in_frame = compose(compose(invert(to_px), head), to_px)
    moved = cv2.warpAffine(image, in_frame, (240, 240), borderMode=cv2.BORDER_REFLECT)
    still, undone = warp_face(image, transform, 160), warp_face(moved, transform, 160, head)
    kept = warp_face(moved, transform, 160)
    inner = np.s_[20:-20, 20:-20]
    difference = np.abs(still[inner].astype(float) - undone[inner]).mean()
    assert difference < 0.2 * np.abs(still[inner].astype(float) - kept[inner]).mean()


def test_warp_face_smooths_a_large_frame_before_it_is_reduced():
    # Stripes finer than a pixel of the face must become grey, not other stripes.
    image = np.zeros((2000, 2000), np.uint8)
    image[:, ::2] = 255
    face = warp_face(image, matrix(1 / 2000, 0, 0, 0), 100)
    assert face.std() < 3
    assert face.mean() == pytest.approx(127, abs=3)


def test_warp_face_repeats_the_nearest_pixel_outside_the_frame():
    image = np.full((50, 50), 77, np.uint8)
    assert (warp_face(image, matrix(1 / 100, 0, 0.4, 0.4), 64) == 77).all()


def test_warp_face_turns_colour_into_grey():
    image = np.zeros((60, 60, 3), np.uint8)
    image[..., 1] = 100
    assert (warp_face(image, matrix(1 / 60, 0, 0, 0), 60) == round(0.587 * 100)).all()

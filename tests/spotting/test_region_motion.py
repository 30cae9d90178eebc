"""The motion of the regions is measured through windows around the cells."""

import cv2
import numpy as np
import pytest
from faces import INTER_OCULAR, course, crops, polygons

from mepipe.spotting import RegionPolygon
from mepipe.spotting.motion import WINDOW_SHARE, _window_means, face_motion


@pytest.mark.parametrize(("size", "side"), [(160, 20), (96, 20), (30, 15)])
def test_windows_are_a_blur_and_the_mean_over_each_cell(size, side):
    field = np.random.default_rng(size).normal(size=(size, size)).astype(np.float32)
    means = _window_means(size, side)
    blurred = cv2.GaussianBlur(field, (0, 0), WINDOW_SHARE * size)
    expected = cv2.resize(blurred, (side, side), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(means @ field @ means.T, expected, atol=2e-6)


def test_a_constant_is_its_own_windowed_mean():
    np.testing.assert_allclose(_window_means(160, 20).sum(axis=1), 1, atol=1e-5)


def test_without_eye_regions_nothing_is_said_of_the_eyes(texture):
    frames = crops(course()[::4], texture)
    with_eyes = face_motion(frames, polygons(), inter_ocular=INTER_OCULAR, reference=slice(0, 2))
    assert with_eyes.eyes.shape == (15, 2)
    blind = [RegionPolygon(p.name, p.role, p.vertices) for p in polygons() if p.role != "eye"]
    found = face_motion(frames, blind, inter_ocular=INTER_OCULAR, reference=slice(0, 2))
    assert found.eyes.shape == (15, 0)
    assert np.isfinite(found.regions).all()


def test_from_the_middle_outward_a_face_that_starts_far_away_is_found(texture):
    """Each frame starts from its neighbour's motion, so far from the reference all are near."""
    count, reference = 41, slice(20, 21)
    drift = np.stack([0.9 * (np.arange(count) - 20.0), np.zeros(count)], axis=1)
    made = crops(np.zeros(count), texture, drift=drift, noise=0.5)
    far, near = (
        face_motion(
            made, polygons(), inter_ocular=INTER_OCULAR, reference=reference, outward=outward
        )
        for outward in (False, True)
    )
    true = drift[:, 0] / INTER_OCULAR
    assert abs(near.head[0, 0] - true[0]) < 0.01
    assert abs(far.head[0, 0] - true[0]) > 0.03
    np.testing.assert_allclose(near.head[:, 0], true, atol=0.01)


def test_outward_from_the_first_frame_is_from_the_first_to_the_last(texture):
    made = crops(course(24, 4, 10, 18), texture)
    one, other = (
        face_motion(
            made, polygons(), inter_ocular=INTER_OCULAR, reference=slice(0, 1), outward=outward
        )
        for outward in (False, True)
    )
    np.testing.assert_array_equal(one.regions, other.regions)
    np.testing.assert_array_equal(one.eyes, other.eyes)

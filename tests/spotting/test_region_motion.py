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

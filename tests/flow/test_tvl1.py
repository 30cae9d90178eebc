import cv2
import numpy as np
import pytest

from mepipe.errors import UsageError
from mepipe.flow import tvl1


def moved(image, dx, dy):
    matrix = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float64)
    return cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REFLECT)


def test_a_known_translation_is_found(texture):
    image = texture(96).astype(np.uint8)
    flow = tvl1(image, moved(image, 1.0, -0.5))
    assert flow.shape == (2, 96, 96)
    assert flow.dtype == np.float32
    inner = flow[:, 16:-16, 16:-16]
    assert inner[0].mean() == pytest.approx(1.0, abs=0.1)
    assert inner[1].mean() == pytest.approx(-0.5, abs=0.1)


def test_identical_images_give_exactly_zero(texture):
    image = texture(64).astype(np.uint8)
    np.testing.assert_array_equal(tvl1(image, image), 0)


def test_settings_reach_the_solver(texture):
    image = texture(64).astype(np.uint8)
    other = moved(image, 0.7, 0.2)
    flows = [tvl1(image, other), tvl1(image, other, lambda_=0.05), tvl1(image, other, median=1)]
    assert not np.array_equal(flows[0], flows[1])
    assert not np.array_equal(flows[0], flows[2])


def test_an_opencv_without_its_contributed_modules_is_named(monkeypatch, texture):
    monkeypatch.delattr(cv2, "optflow")
    image = texture(32).astype(np.uint8)
    with pytest.raises(UsageError, match="contrib") as caught:
        tvl1(image, image)
    assert "mepipe doctor" in caught.value.remedy

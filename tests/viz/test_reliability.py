import cv2
import numpy as np
import pytest

from mepipe.viz import ReliabilityBins, reliability_png

NAN = np.nan
SURE = ReliabilityBins(np.array([0, 4, 6]), np.array([NAN, 0.5, 0.9]), np.array([NAN, 0.25, 0.5]))


def test_the_picture_is_a_png_and_the_same_each_time():
    one = reliability_png({"as trained": SURE, "calibrated": SURE}, title="made clips")
    assert one == reliability_png({"as trained": SURE, "calibrated": SURE}, title="made clips")
    image = cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR)
    assert min(image.shape[:2]) > 500
    assert one != reliability_png({"as trained": SURE}, title="made clips")


def test_empty_bins_weigh_nothing():
    assert SURE.error == pytest.approx((4 * 0.25 + 6 * 0.4) / 10)


def test_curves_with_other_bins_or_none_are_refused():
    two = ReliabilityBins(np.array([1]), np.array([0.5]), np.array([1.0]))
    for curves in ({}, {"a": SURE, "b": two}):
        with pytest.raises(ValueError, match="same number of bins"):
            reliability_png(curves)

import numpy as np
import pytest
from faces import course, crops, polygons

from mepipe.spotting import lbp_divide
from mepipe.spotting.lbp_divide import correlation_distance, divide_and_conquer, lbp_features

TIMES = np.arange(60) * 5.0


def test_lbp_divide_finds_the_apex_of_a_large_movement(texture):
    frames = crops(course(), texture, peak=(0.0, -3.0))
    found = lbp_divide(frames, TIMES, polygons())
    assert abs(found.apex - 28) <= 5
    assert found.onset < found.apex < found.offset
    assert found.movement
    kept = lbp_divide(frames, TIMES, polygons(), onset=10, apex=20, offset=50)
    assert (kept.onset, kept.apex, kept.offset) == (10, 20, 50)


def test_divide_and_conquer_keeps_the_half_with_the_larger_sum_of_peaks():
    curve = np.zeros(40)
    curve[5] = 1.0  # the highest alone
    curve[[25, 30, 35]] = 0.8, 0.9, 0.7
    # The right half sums up to more; of it, 21 to 29 to less than 30 to 39.
    assert divide_and_conquer(curve, 0, 39) == 30
    assert divide_and_conquer(np.arange(10.0), 0, 9) == 9  # no peak at all: the maximum


def test_equal_frames_do_not_differ_and_light_changes_nothing(texture):
    frame = texture(160, 2.5, 0).astype(np.uint8) // 2
    boxes = [(10, 10, 60, 50), (70, 80, 130, 140)]
    features = np.stack([lbp_features(f, boxes) for f in (frame, frame, frame + 40)])
    np.testing.assert_allclose(correlation_distance(features, 0), 0, atol=1e-12)


def test_lbp_divide_names_missing_regions():
    with pytest.raises(ValueError, match="right_eye"):
        lbp_divide(np.zeros((3, 160, 160), np.uint8), TIMES[:3], polygons()[:1])

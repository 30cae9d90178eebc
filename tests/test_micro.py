"""What is longer or larger than a micro-expression is named; what is unknown is not guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe import schema
from mepipe.flow import tensor as flow_tensors
from mepipe.micro import LARGEST_MICRO, Extent, length_s, moved_px

FIXED = {"scale": "fixed", "limit": "soft", "displacement_range": 0.03}


def test_a_long_or_a_large_movement_is_not_a_micro_expression():
    assert Extent(1.8, 13.0, 89.6).text == (
        "1.80 s, 13.0 px: not a micro-expression; the classes do not apply"
    )
    assert Extent(0.2, 13.0, 89.6).micro is False
    assert Extent(1.8, 0.5, 89.6).micro is False
    assert Extent(0.2, 0.5, 89.6).micro is True
    assert Extent(0.2, 0.5, 89.6).text == ""


def test_without_offset_or_rate_only_the_size_can_tell():
    assert length_s(3, None, 200.0) is None
    assert length_s(3, -1, 200.0) is None
    assert length_s(3, 40, None) is None
    assert length_s(3, 40, float("nan")) is None
    assert length_s(0, 100, 200.0) == 0.5
    assert Extent(None, 1.0, 89.6).micro is None
    assert Extent(None, None).micro is None
    assert Extent(None, 13.0, 89.6).text.startswith("13.0 px: not a micro-expression")
    assert Extent(1.8, None).text.startswith("1.80 s: not a micro-expression")


def test_the_bounds_are_those_of_the_field_and_of_the_face():
    most = LARGEST_MICRO * 89.6
    assert Extent(schema.LONGEST_MICRO_S, most, 89.6).micro is True
    assert Extent(schema.LONGEST_MICRO_S + 0.01, most, 89.6).long
    assert Extent(schema.LONGEST_MICRO_S, most + 0.01, 89.6).large
    assert f"{most:.1f} px" in Extent(1.8, 13.0, 89.6).limits


@given(st.floats(0, 50), st.floats(0, 6.28))
def test_the_size_of_a_movement_is_read_from_its_tensor(px, direction):
    flow = np.zeros((2, 56, 56), np.float32)
    flow[:, 20:30, 20:30] = px * np.array([np.cos(direction), np.sin(direction)])[:, None, None]
    x = flow_tensors.flow_tensor(flow, size=28, inter_ocular=89.6)
    found = moved_px(x[None], FIXED, 89.6)
    assert found.shape == (1,)
    # The bend keeps fewer digits of what is far beyond the range.
    assert found[0] == pytest.approx(px, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"scale": "clip"}, {"scale": "minmax"}, {}, {"scale": "fixed", "displacement_range": 0.03}],
)
def test_what_a_scale_has_lost_is_unknown(settings):
    # Without a limit in the settings, values were cut at 1.
    assert np.isnan(moved_px(np.ones((2, 3, 4, 4), np.float32), settings, 89.6)).all()


def test_unscaled_flow_is_its_own_size_and_no_clips_are_none():
    x = np.zeros((1, 3, 4, 4), np.float32)
    x[0, :2, 1, 1] = 3, 4
    assert moved_px(x, {"scale": "none"}, None) == [5]
    assert moved_px(x[:0], FIXED, 89.6).shape == (0,)
    assert np.isnan(moved_px(x, FIXED, None)).all()


def test_the_bend_is_that_of_the_tensor():
    from mepipe import micro

    assert micro._KNEE == flow_tensors.KNEE

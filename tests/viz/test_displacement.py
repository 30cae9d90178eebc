"""A flow as small data: what a browser reads back is the flow."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.viz.displacement import displacement_map, flow_grid


def read_back(png, largest):
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    levels = image[..., ::-1].astype(float)
    assert not levels[..., 2].any()
    return np.stack([levels[..., 0] - 128, levels[..., 1] - 128]) * largest / 127


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 50), st.sampled_from([16, 32, 48]))
def test_a_map_holds_the_mean_flow_of_each_cell(seed, scale, side):
    uv = np.random.default_rng(seed).normal(0, scale, (2, 96, 96)).astype(np.float32)
    png, largest = displacement_map(uv, side)
    cell = 96 // side
    mean = uv.reshape(2, side, cell, side, cell).mean(axis=(2, 4), dtype=np.float64)
    assert read_back(png, largest) == pytest.approx(mean, abs=largest / 127)
    assert largest == pytest.approx(np.abs(mean).max(), abs=1e-4)


def test_a_map_is_never_larger_than_its_flow():
    png, _ = displacement_map(np.ones((2, 20, 20), np.float32), 64)
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).shape == (20, 20, 3)


def test_no_motion_is_one_level_everywhere():
    png, largest = displacement_map(np.zeros((2, 64, 64), np.float32))
    assert largest == 0
    assert not read_back(png, 1.0).any()


def test_arrows_have_the_signs_of_the_flow():
    uv = np.zeros((2, 64, 64), np.float32)
    uv[0, :32] = -4.0
    uv[1, 32:] = 2.0
    grid, largest = flow_grid(uv, 2)
    assert largest == 4
    u, v = np.frombuffer(grid, np.int8).reshape(2, 2, 2)
    assert u.tolist() == [[-127, -127], [0, 0]]
    assert v.tolist() == [[0, 0], [64, 64]]

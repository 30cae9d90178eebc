import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.flow import flow_tensor, sequence_tensor
from mepipe.flow.tensor import KNEE, limited_share


def stretch(strength=0.05, size=224):
    _y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.stack([strength * (x - size / 2), np.zeros_like(x)])


def test_flow_tensor_has_three_channels_of_the_given_size():
    assert flow_tensor(stretch(), inter_ocular=90.0).shape == (3, 28, 28)
    assert flow_tensor(stretch(), size=56, inter_ocular=90.0).dtype == np.float32


def test_scale_none_is_px_averaged_over_areas():
    x = flow_tensor(stretch(0.05), scale="none", inter_ocular=90.0)
    cells = 0.05 * (np.arange(28) * 8 + 3.5 - 112)
    np.testing.assert_allclose(x[0], np.tile(cells, (28, 1)), atol=1e-5)
    np.testing.assert_allclose(x[1], 0)
    np.testing.assert_allclose(x[2], 0.05, atol=1e-5)


def test_the_hard_scale_is_one_at_full_scale_and_cut():
    flow = np.zeros((2, 56, 56), np.float32)
    flow[0], flow[1] = 1.5, -100
    x = flow_tensor(flow, inter_ocular=100.0, displacement_range=0.03, limit="hard")
    np.testing.assert_allclose(x[0], 0.5, rtol=1e-6)
    np.testing.assert_allclose(x[1], -1)
    np.testing.assert_allclose(x[2], 0)


def bump(peak, size=224):
    """Return a motion with its peak on a brow, and a third of it sideways."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    top = np.exp(-((x - 70) ** 2 + (y - 50) ** 2) / (2 * 12**2))
    return peak * np.stack([0.3 * top, -0.95 * top]).astype(np.float32)


@pytest.mark.parametrize("peak", [0.3, 1.2, 2.0])
def test_a_micro_expression_keeps_its_bytes_whatever_the_limit(peak):
    cut, soft = (
        flow_tensor(bump(peak), inter_ocular=89.6, strain_sigma=6.0, limit=limit)
        for limit in ("hard", "soft")
    )
    assert cut.tobytes() == soft.tobytes()
    assert limited_share(soft) == [0, 0, 0]


def test_two_large_motions_stay_different_and_are_counted():
    flows = [bump(peak) for peak in (6.0, 12.0)]
    cut = [flow_tensor(flow, inter_ocular=89.6, limit="hard") for flow in flows]
    one, two = (flow_tensor(flow, inter_ocular=89.6) for flow in flows)
    top = np.s_[1, 6, 8]
    assert cut[0][top] == cut[1][top] == -1
    assert two[top] < one[top] - 0.01
    assert np.abs(two).max() < 1
    shares = limited_share(two)
    assert all(0 < share < 0.2 for share in shares)
    assert shares == limited_share(np.stack([two, two]))
    assert limited_share(np.stack([two, np.zeros_like(two)]))[1] == pytest.approx(
        shares[1] / 2, abs=1e-4
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 60, width=32), min_size=2, max_size=20, unique=True))
def test_the_soft_scale_rises_with_the_motion_and_is_odd(motions):
    flows = np.zeros((2, len(motions), 1, 8, 8), np.float32)
    flows[0, :, 0], flows[1, :, 0] = (
        sign * np.array(motions, np.float32)[:, None, None] for sign in (1, -1)
    )
    x, mirrored = (
        sequence_tensor(np.repeat(one, 2, axis=1), size=4, inter_ocular=100.0)[:, 0, 0, 0]
        for one in flows
    )
    np.testing.assert_array_equal(x, -mirrored)
    order = np.argsort(motions)
    assert (np.diff(x[order]) >= 0).all()
    assert x.max() < 1
    # The slope does not jump at the knee: no value lies above the straight line.
    assert (x <= np.array(motions, np.float32) / np.float32(3) + 1e-6).all()
    linear = np.array(motions) / 3 < KNEE - 1e-6
    np.testing.assert_array_equal(
        x[linear], (np.array(motions, np.float32) / np.float32(3))[linear]
    )


@settings(deadline=None)
@given(st.floats(0.1, 3))
def test_only_none_and_fixed_keep_the_amplitude(gain):
    flow = np.stack([stretch()[0] ** 2, 0.3 * stretch()[0].T])
    plain = flow_tensor(flow, scale="none", inter_ocular=90.0)
    louder = flow_tensor(flow * np.float32(gain), scale="none", inter_ocular=90.0)
    np.testing.assert_allclose(louder, plain * gain, rtol=1e-3, atol=1e-4)
    for scale in ("clip", "minmax"):
        np.testing.assert_allclose(
            flow_tensor(flow * np.float32(gain), scale=scale, inter_ocular=90.0),
            flow_tensor(flow, scale=scale, inter_ocular=90.0),
            atol=1e-3,
        )


def test_u_and_v_share_one_scale():
    flow = np.stack([stretch()[0], 0.25 * stretch()[0]])
    for scale in ("fixed", "clip", "none"):
        x = flow_tensor(flow, scale=scale, inter_ocular=900.0)
        np.testing.assert_allclose(x[1], 0.25 * x[0], atol=1e-5)


@pytest.mark.parametrize("scale", ["fixed", "clip", "minmax", "none"])
def test_flow_tensor_of_no_motion_is_zero(scale):
    x = flow_tensor(np.zeros((2, 64, 64), np.float32), scale=scale, inter_ocular=20.0)
    np.testing.assert_array_equal(x, 0)


def test_scale_minmax_fills_0_to_1():
    x = flow_tensor(stretch(), scale="minmax", inter_ocular=90.0)
    assert x[0].min() == 0
    assert x[0].max() == 1


@settings(deadline=None)
@given(st.lists(st.just(0.0) | st.floats(0.01, 4), min_size=1, max_size=5))
def test_the_maps_of_a_sequence_keep_their_amplitudes(gains):
    flows = np.stack([stretch(0.05, 56) * np.float32(gain) for gain in gains])
    for scale in ("clip", "none"):
        x = sequence_tensor(flows, scale=scale, inter_ocular=90.0)
        assert x.shape == (len(gains), 3, 28, 28)
        largest = np.abs(x[:, 0]).max(axis=(1, 2))
        unit = largest.max() / max(*gains, 1e-9)
        np.testing.assert_allclose(largest, np.array(gains) * unit, atol=1e-4)
    rising = sequence_tensor(flows, scale="minmax", inter_ocular=90.0)
    assert rising.min() >= 0
    assert rising.max() <= 1
    spans = np.ptp(rising[:, 0], axis=(1, 2))
    np.testing.assert_allclose(spans, np.array(gains) / max(*gains, 1e-9), atol=1e-3)


@pytest.mark.parametrize("scale", ["fixed", "clip", "minmax", "none"])
def test_a_sequence_of_one_is_the_tensor(scale):
    flow = np.stack([stretch(0.05, 56)[0] ** 2, 0.3 * stretch(0.05, 56)[0].T])
    one = sequence_tensor(flow[None], scale=scale, inter_ocular=20.0)
    assert one[0].tobytes() == flow_tensor(flow, scale=scale, inter_ocular=20.0).tobytes()

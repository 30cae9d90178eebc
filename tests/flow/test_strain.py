import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.flow import optical_strain

unit = st.floats(-0.5, 0.5)


def affine(a, b, c, d, e=0.0, f=0.0, height=20, width=31):
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return np.stack([a * x + b * y + e, c * x + d * y + f]).astype(np.float32)


sigmas = st.sampled_from([0.0, 0.7, 3.0, 6.0])


@given(unit, unit, unit, unit, st.floats(-5, 5), st.floats(-5, 5), sigmas)
def test_strain_of_an_affine_field_is_exact_up_to_the_border(a, b, c, d, e, f, sigma):
    expected = np.sqrt(a**2 + d**2 + (b + c) ** 2 / 2)
    found = optical_strain(affine(a, b, c, d, e, f), sigma)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (affine(0.1, 0, 0, 0), 0.1),  # pure stretch
        (affine(0, 0, 0, -0.2), 0.2),
        (affine(0, 0.1, 0.1, 0), np.sqrt(0.02)),  # pure shear
        (affine(0, -0.1, 0.1, 0), 0.0),  # infinitesimal rotation
        (affine(0, 0, 0, 0, 3, -2), 0.0),  # translation
    ],
)
@pytest.mark.parametrize("sigma", [0.0, 3.0, 6.0])
def test_strain_of_stretch_shear_and_rotation(field, expected, sigma):
    np.testing.assert_allclose(optical_strain(field, sigma), expected, atol=1e-6)


def test_smoothing_takes_the_strain_of_noise_and_leaves_that_of_a_motion():
    y, x = np.mgrid[:224, :224].astype(np.float32)
    bump = 0.5 * np.exp(-((x - 90) ** 2 + (y - 120) ** 2) / (2 * 20**2))
    true = np.stack([np.zeros_like(bump), bump])
    noise = np.random.default_rng(0).normal(0, 0.02, true.shape).astype(np.float32)
    plain, smooth = (optical_strain(true + noise, sigma) for sigma in (0, 6))
    exact = optical_strain(true)
    assert np.corrcoef(plain.ravel(), exact.ravel())[0, 1] < 0.5
    assert np.corrcoef(smooth.ravel(), exact.ravel())[0, 1] > 0.95
    assert smooth.max() > 0.85 * exact.max()


def test_a_negative_width_is_refused():
    with pytest.raises(ValueError, match="sigma is -1"):
        optical_strain(affine(0, 0, 0, 0), -1)


@pytest.mark.parametrize("angle", [0.01, 0.3, 1.0])
def test_a_finite_rotation_leaves_what_the_infinitesimal_measure_must(angle):
    c, s = np.cos(angle), np.sin(angle)
    field = affine(c - 1, -s, s, c - 1)
    np.testing.assert_allclose(optical_strain(field), np.sqrt(2) * (1 - np.cos(angle)), atol=1e-5)


def test_strain_takes_u_along_columns_and_v_along_rows():
    # Exchanged axes, a well-known mistake, would find a stretch here.
    y, _x = np.mgrid[:30, :30].astype(np.float32)
    bent = np.stack([y**2 / 100, np.zeros_like(y)])
    expected = np.abs(2 * y / 100) / np.sqrt(2)
    np.testing.assert_allclose(optical_strain(bent)[1:-1], expected[1:-1], atol=1e-4)


def test_strain_is_not_shifted_against_the_motion():
    # One-sided differences would move it by half a pixel.
    y, x = np.mgrid[:41, :41].astype(np.float32)
    bump = np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / 30)
    strain = optical_strain(np.stack([bump, bump]))
    np.testing.assert_allclose(strain, strain[::-1, ::-1], atol=1e-6)


def plain_strain(flow, sigma):
    """The formula as it stands in the docstring, with the tools of numpy."""

    def smoothed(field):
        if sigma == 0:
            return field
        reach = int(np.ceil(4 * sigma))
        wide = np.pad(field, reach, mode="reflect", reflect_type="odd")
        smooth = cv2.GaussianBlur(wide, (2 * reach + 1, 2 * reach + 1), sigma)
        return smooth[reach:-reach, reach:-reach]

    u, v = (smoothed(part) for part in flow.astype(np.float64))
    (uy, ux), (vy, vx) = np.gradient(u), np.gradient(v)
    return np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 2), (3, 50), (13, 12), (40, 61)])
@pytest.mark.parametrize("sigma", [0.0, 0.7, 3.0, 6.0])
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e4])
def test_the_bits_are_those_of_the_formula(shape, sigma, size):
    rng = np.random.default_rng(7)
    flow = (rng.normal(size=(2, *shape)) * size).astype(np.float32)
    flow[rng.random(flow.shape) < 0.3] = 0
    found = optical_strain(flow, sigma)
    assert found.tobytes() == plain_strain(flow, sigma).tobytes()


@pytest.mark.parametrize("shape", [(2, 1, 9), (2, 9, 1), (3, 9, 9)])
def test_a_flow_without_neighbours_or_of_other_components_is_refused(shape):
    with pytest.raises(ValueError):
        optical_strain(np.zeros(shape, np.float32))

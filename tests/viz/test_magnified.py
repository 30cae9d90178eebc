"""The magnified film of a movement."""

import io

import numpy as np
import pytest

from mepipe.viz.magnified import magnified_gif, magnify, suited_factor


def flow_of(lift, side=96):
    y, x = np.mgrid[:side, :side]
    bump = lift * np.exp(-((x - 48) ** 2 + (y - 60) ** 2) / (2 * 14**2))
    return np.stack([np.zeros_like(bump), -bump]).astype(np.float32)


def test_the_face_moves_by_the_factor_and_only_where_flow_is(texture):
    face = texture(96, 3.0).astype(np.uint8)
    moved = magnify(face, flow_of(0.5), 8.0)
    # 4 px up in the middle of the movement, nothing far from it.
    np.testing.assert_allclose(
        moved[50:60, 44:52].astype(float), face[54:64, 44:52].astype(float), atol=25
    )
    np.testing.assert_array_equal(moved[:15, :15], face[:15, :15])
    np.testing.assert_array_equal(magnify(face, flow_of(0.5), 0.0), face)
    np.testing.assert_array_equal(magnify(face, flow_of(0.0), 8.0), face)


def test_magnifying_undoes_what_flow_says(texture):
    """A pixel of the face is found where the flow carries it, for any of them."""
    import cv2

    face = texture(96, 3.0).astype(np.uint8)
    flow = flow_of(1.0)
    moved = magnify(face, flow, 4.0)
    y, x = np.mgrid[:96, :96].astype(np.float32)
    smooth = [cv2.GaussianBlur(one, (0, 0), 0.012 * 96) for one in flow]
    back = cv2.remap(moved, x + 4 * smooth[0], y + 4 * smooth[1], cv2.INTER_CUBIC)
    assert np.abs(back[8:-8, 8:-8].astype(int) - face[8:-8, 8:-8]).mean() < 1.5


def test_large_movements_are_magnified_less():
    assert suited_factor(np.stack([flow_of(0.0), flow_of(0.5)])) == 8.0
    assert suited_factor(np.stack([flow_of(0.0), flow_of(2.0)])) == pytest.approx(3.5, abs=0.5)
    assert suited_factor(np.stack([flow_of(0.0), flow_of(50.0)])) == 1.0
    assert suited_factor(np.zeros((1, 2, 96, 96), np.float32), most=3.0) == 3.0


def test_a_film_has_every_frame_loops_and_says_its_factor(texture):
    from PIL import Image

    faces = np.stack([texture(96, 3.0, seed).astype(np.uint8) for seed in (0, 1, 2)])
    flows = np.stack([flow_of(lift) for lift in (0.0, 0.5, 0.2)])
    times = np.array([0.0, 5.0, 10.0])

    def film(**how):
        data = magnified_gif(
            faces, flows, [3, 4, 5], times_ms=times, marks={"onset": 3, "apex": 4}, **how
        )
        return data, Image.open(io.BytesIO(data))

    data, picture = film()
    assert picture.n_frames == 3
    assert picture.info["loop"] == 0
    assert picture.size[0] > 2 * 200
    assert data != film(factor=3.0)[0]
    assert data == film(factor=8.0)[0]
    with pytest.raises(ValueError, match="positions"):
        magnified_gif(faces, flows, [3, 4])

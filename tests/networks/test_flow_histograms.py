import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.errors import UsageError
from mepipe.networks.classical import by_region
from mepipe.networks.flow_histograms import hoof, mdmo, region_names, region_weights

NAMES = region_names()
# Where each region's mirror image stands.
EXCHANGED = [
    NAMES.index(name.replace("left", "@").replace("right", "left").replace("@", "right"))
    for name in NAMES
]


def translation(u, v, size=28):
    x = np.zeros((1, 2, size, size), dtype=np.float32)
    x[:, 0], x[:, 1] = u, v
    return x


def mirrored(x):
    x = x[..., ::-1].copy()
    x[:, 0] *= -1
    return x


def field(seed, size=28):
    return np.random.default_rng(seed).normal(size=(3, 3, size, size)).astype(np.float32)


@pytest.mark.parametrize("size", [28, 56, 112])
def test_regions_cover_what_their_polygons_do(size):
    """Whatever the size, a region has the same share of the face, in the same place."""
    weights, fine = region_weights(size), region_weights(224)
    assert weights.shape == (len(NAMES), size, size)
    assert weights.min() == 0
    assert weights.max() == 1
    np.testing.assert_allclose(weights.mean(axis=(1, 2)), fine.mean(axis=(1, 2)), rtol=0.03)
    rows = np.arange(size)[:, None] / size
    height = (weights * rows).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))
    assert height[NAMES.index("chin")] > height[NAMES.index("upper_lip")]
    assert height[NAMES.index("upper_lip")] > height[NAMES.index("glabella")]
    across = (weights * rows.T).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))
    # The subject's right is on the image's left.
    assert across[NAMES.index("right_cheek")] < 0.5 < across[NAMES.index("left_cheek")]


def test_regions_mirror_each_other():
    weights = region_weights(28)
    np.testing.assert_allclose(weights[EXCHANGED], weights[:, :, ::-1], atol=0.02)


def test_regions_leave_out_blinks_and_what_only_the_head_moves():
    assert "right_eye" not in NAMES
    assert "nose_bridge" not in NAMES
    assert {"left_cheek", "upper_lip", "glabella"} <= set(NAMES)


def test_features_without_flow_are_refused():
    with pytest.raises(UsageError, match="u and v first"):
        hoof(np.zeros((2, 1, 28, 28), dtype=np.float32))


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0, {0: 1}),
        (90, {2: 1}),
        (180, {4: 1}),
        (-45, {7: 1}),
        (22.5, {0: 0.5, 1: 0.5}),
        (-11.25, {0: 0.75, 7: 0.25}),
    ],
)
def test_hoof_of_a_translation_is_its_direction_in_every_region(angle, expected):
    x = translation(0.3 * np.cos(np.radians(angle)), 0.3 * np.sin(np.radians(angle)))
    one = np.zeros(8)
    for place, share in expected.items():
        one[place] = share
    np.testing.assert_allclose(hoof(x)[0], np.tile(one, (len(NAMES), 1)), atol=1e-5)


def test_hoof_keeps_how_much_a_region_moves_and_not_how_much_the_face_does():
    x = translation(0.2, 0)
    x[:, :, 14:] *= 3  # the lower half moves more
    sums = hoof(x)[0].sum(axis=1)
    assert sums[NAMES.index("chin")] == pytest.approx(3 * sums[NAMES.index("glabella")], rel=1e-4)
    np.testing.assert_allclose(hoof(5 * x), hoof(x), rtol=1e-4, atol=1e-6)
    assert sums.mean() == pytest.approx(1, rel=1e-5)


def test_still_clips_are_zero():
    x = np.zeros((2, 3, 28, 28), dtype=np.float32)
    assert not hoof(x).any()
    assert not mdmo(x)[1].any()
    assert not by_region(x.reshape(2, -1), flow="mdmo", channels=3, size=28).any()


@pytest.mark.parametrize("angle", [0, 20, 90, 170, -135])
def test_mdmo_of_a_translation_is_the_vector_itself(angle):
    u, v = 0.7 * np.cos(np.radians(angle)), 0.7 * np.sin(np.radians(angle))
    bins, vectors = mdmo(translation(u, v))
    assert (bins == round(angle / 45) % 8).all()
    np.testing.assert_allclose(vectors[0], np.tile([u, v], (len(NAMES), 1)), atol=1e-5)


def test_mdmo_leaves_out_what_goes_another_way():
    """Most of each region moves down by 1, every fourth column to the right by 9."""
    x = translation(0, 1, size=56)
    x[:, 0, :, ::4], x[:, 1, :, ::4] = 9, 0
    bins, vectors = mdmo(x)
    assert (bins == 2).all()
    np.testing.assert_allclose(vectors[0], np.tile([0, 1], (len(NAMES), 1)), atol=1e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_mirror_exchanges_regions_and_directions(seed):
    x = field(seed)
    # Regions as wide as their polygons: exact but for points on an edge.
    opposite = [(4 - b) % 8 for b in range(8)]
    np.testing.assert_allclose(
        hoof(mirrored(x)), hoof(x)[:, EXCHANGED][:, :, opposite], rtol=0, atol=0.02
    )


@pytest.mark.parametrize("seed", range(3))
def test_mdmo_mirrors_too(seed):
    smooth = np.random.default_rng(seed).normal(size=(20, 2, 1, 1)).astype(np.float32)
    x = smooth + 0.1 * np.random.default_rng(seed).normal(size=(20, 2, 28, 28)).astype(np.float32)
    ways = np.abs(np.mod(np.degrees(np.arctan2(smooth[:, 1], smooth[:, 0])) + 22.5, 45) - 22.5)
    clear = ways.ravel() < 10  # a main direction that is no matter of a few cells
    assert clear.sum() > 3
    x = x[clear]
    bins, vectors = mdmo(x)
    bins_, vectors_ = mdmo(mirrored(x))
    assert np.array_equal(bins_, (4 - bins[:, EXCHANGED]) % 8)
    np.testing.assert_allclose(vectors_, vectors[:, EXCHANGED] * [-1, 1], atol=0.02)


def test_the_models_rows_are_the_functions():
    x = field(0)
    flat = x.reshape(3, -1)
    np.testing.assert_array_equal(
        by_region(flat, flow="hoof", channels=3, size=28), hoof(x).reshape(3, -1)
    )
    rows = by_region(flat, flow="mdmo", channels=3, size=28)
    lengths = np.hypot(rows[:, 0::2], rows[:, 1::2])
    np.testing.assert_allclose(lengths.max(axis=1), 1, rtol=1e-5)

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_features import MODEL, TRAINING, made_features

from mepipe.evaluation.network_training import (
    augmented,
    fit,
    mirrored,
)
from mepipe.evaluation.normalisation import Normalisation
from mepipe.evaluation.targets import class_weights


def fit_predict(x, y, others, **options):
    return fit(x, y, **options).predict(others)


PLAIN = {"classes": 3, "model": MODEL, "training": TRAINING}


def test_it_learns_and_the_same_seed_gives_the_same_bits():
    made = made_features(6)
    long = {**PLAIN, "training": {**TRAINING, "epochs": 15}}
    test = made.group == "set/s00"
    first = fit_predict(made.x[~test], made.y[~test], made.x[test], **long, seed=5)
    again = fit_predict(made.x[~test], made.y[~test], made.x[test], **long, seed=5)
    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.float32
    assert first.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert first.argmax(axis=1).tolist() == [0, 1, 2]
    other = fit_predict(made.x[~test], made.y[~test], made.x[test], **long, seed=6)
    assert other.tobytes() != first.tobytes()


def test_the_callers_random_state_threads_and_strictness_are_left_alone():
    made = made_features(2)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    np.random.seed(4)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit_predict(made.x, made.y, made.x, **PLAIN)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_number_of_threads_does_not_change_a_bit():
    made = made_features(3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = fit_predict(made.x, made.y, made.x, **PLAIN)
        torch.set_num_threads(2)
        two = fit_predict(made.x, made.y, made.x, **PLAIN)
    finally:
        torch.set_num_threads(threads)
    assert one.tobytes() == two.tobytes()


def test_predictions_do_not_depend_on_batch_mates():
    made = made_features(3)
    trained = fit(made.x, made.y, **PLAIN)
    together = trained.predict(made.x)
    alone = np.concatenate([trained.predict(made.x[n : n + 1]) for n in range(len(made.x))])
    backwards = trained.predict(made.x[::-1].copy())[::-1]
    assert together.tobytes() == alone.tobytes() == backwards.tobytes()
    assert trained.predict(made.x[:0]).shape == (0, 3)


def test_a_face_and_its_mirror_image_get_the_same_prediction():
    made = made_features(3)
    trained = fit(made.x, made.y, **PLAIN)
    flipped = made.x[..., ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None]
    assert trained.predict(flipped) == pytest.approx(trained.predict(made.x), abs=1e-6)


def test_a_class_without_training_clips_is_never_predicted():
    made = made_features(3)
    kept = made.y != 1
    probabilities = fit_predict(made.x[kept], made.y[kept], made.x, **PLAIN)
    assert (probabilities[:, 1] == 0).all()
    assert np.isfinite(probabilities).all()
    only = fit_predict(made.x[made.y == 2], made.y[made.y == 2], made.x, **PLAIN)
    assert (only == [0, 0, 1]).all()


def test_one_training_clip_is_enough_to_run():
    made = made_features(2)
    assert (fit_predict(made.x[:1], made.y[:1], made.x, **PLAIN) == [1, 0, 0]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [0, 1, 3]}, "y must be 0 to 2, not 0 to 3"),
        ({"y": [0, -1, 2]}, "not -1 to 2"),
        ({"y": [0, 1]}, "N labels"),
        ({"x": np.full((3, 3, 28, 28), np.nan, np.float32)}, "NaN"),
        ({"x": np.zeros((3, 28, 28, 3), np.float32)}, "must be"),
    ],
)
def test_bad_arrays_are_refused(change, words):
    x = change.get("x", np.zeros((3, 3, 28, 28), np.float32))
    with pytest.raises(ValueError, match=words):
        fit(x, np.array(change.get("y", [0, 1, 2])), **PLAIN)


def test_features_without_any_motion_train_without_nan():
    still = np.zeros((4, 3, 28, 28), np.float32)
    probabilities = fit_predict(still, np.array([0, 1, 2, 0]), still, **PLAIN)
    assert np.isfinite(probabilities).all()


def test_normalisation_keeps_the_direction_of_motion_and_sees_each_clip_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (5, 3, 4, 4)).astype(np.float32) * np.array([2, 1, 9])[:, None, None]
    x = x.astype(np.float32)
    normalise = Normalisation.of(x, recentre=False)
    assert normalise.scale[0] == normalise.scale[1]
    out = normalise(x)
    assert np.mean(np.square(out[:, :2])) == pytest.approx(1, rel=1e-4)
    assert np.mean(np.square(out[:, 2])) == pytest.approx(1, rel=1e-4)
    assert np.array_equal(normalise(x[2:3]), out[2:3])
    tiny = Normalisation.of(x * np.float32(1e-3), recentre=False)
    assert tiny(x * np.float32(1e-3)) == pytest.approx(out, rel=1e-4)


def test_per_clip_the_size_of_a_movement_says_nothing_and_its_direction_stays():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (4, 3, 6, 6)) * np.array([2, 1, 9])[:, None, None]
    x[3] = 0
    x[2, 2] = 0
    x = x.astype(np.float32)
    sizes = np.array([1, 1e-6, 40, 7], np.float32)[:, None, None, None]
    normalise = Normalisation.of(x, recentre=False, per_clip=True)
    out = normalise(x)
    assert normalise(x * sizes) == pytest.approx(out, rel=1e-5)
    ratio = x[:2, 0] / x[:2, 1]
    assert out[:2, 0] / out[:2, 1] == pytest.approx(ratio, rel=1e-4)
    assert np.mean(np.square(out[:2, :2]), axis=(1, 2, 3)) == pytest.approx(
        np.square(normalise.scale[0]), rel=1e-4
    )
    assert not out[3].any()
    assert not out[2, 2].any()
    assert np.array_equal(normalise(x[1:2]), out[1:2])
    assert normalise(x[:0]).shape == (0, 3, 6, 6)


def test_per_clip_min_max_scaled_features_differ_from_the_flow_by_the_strain_alone():
    flow = made_features(3).x
    channels = flow[:, :2]
    # Zero motion is the median here, and one factor scales u and v.
    channels -= np.median(channels, axis=(2, 3), keepdims=True)
    low = channels.min(axis=(1, 2, 3), keepdims=True)
    scaled = flow.copy()
    scaled[:, :2] = (channels - low) / (channels.max(axis=(1, 2, 3), keepdims=True) - low)
    ones = np.ones(3, np.float32)
    one = Normalisation(recentre=False, scale=ones, per_clip=True)(flow)
    two = Normalisation(recentre=True, scale=ones, per_clip=True)(scaled)
    assert two == pytest.approx(one, abs=1e-4)


def test_a_network_trained_per_clip_answers_the_same_for_a_movement_of_any_size():
    made = made_features(3)
    plan = {**PLAIN, "training": {**TRAINING, "per_clip": True}}
    trained = fit(made.x, made.y, **plan)
    assert trained.normalise.per_clip
    assert trained.predict(made.x * 8) == pytest.approx(trained.predict(made.x), abs=1e-5)
    other = fit(made.x, made.y, **PLAIN)
    assert not np.allclose(other.predict(made.x * 8), other.predict(made.x), atol=1e-3)


def test_a_higher_temperature_makes_every_probability_less_certain_and_1_changes_nothing():
    made = made_features(3)
    trained = replace(fit(made.x, made.y, **PLAIN), mirror=False)
    plain = trained.predict(made.x)
    assert replace(trained, temperature=1.0).predict(made.x).tobytes() == plain.tobytes()
    warm = replace(trained, temperature=2.5).predict(made.x)
    expected = plain ** (1 / 2.5)
    assert warm == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)
    assert (warm.max(axis=1) < plain.max(axis=1)).all()


def test_a_sequence_of_one_map_trains_as_the_map():
    made = made_features(3)
    one = fit_predict(made.x, made.y, made.x, **PLAIN, seed=3)
    several = fit_predict(made.x[:, None], made.y, made.x[:, None], **PLAIN, seed=3)
    assert one.tobytes() == several.tobytes()


def test_a_sequence_is_learnt_and_each_clip_is_predicted_alone():
    made = made_features(6)
    # What tells the classes is in the second map only.
    x = np.stack([made.x[::-1] * 0, made.x], axis=1)
    long = {**PLAIN, "training": {**TRAINING, "epochs": 15}}
    test = made.group == "set/s00"
    trained = fit(x[~test], made.y[~test], **long, seed=5)
    given = trained.predict(x[test])
    assert given.argmax(axis=1).tolist() == [0, 1, 2]
    alone = np.concatenate([trained.predict(x[n : n + 1]) for n in np.flatnonzero(test)])
    assert given.tobytes() == alone.tobytes()
    flipped = x[test][..., ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None]
    assert trained.predict(flipped) == pytest.approx(given, abs=1e-6)


def test_the_maps_of_a_clip_are_augmented_alike():
    rng = np.random.default_rng(0)
    one, two = (torch.from_numpy(rng.normal(size=(4, 6, 6, 3)).astype(np.float32)) for _ in "ab")
    mirror = torch.tensor([True, False, True, False])
    amplitude = torch.tensor([1.2, 0.8, 1.0, 1.1])
    moves = torch.tensor([[0, 4], [2, 2], [3, 1], [1, 0]])
    both = augmented(torch.cat([one, two], dim=-1), mirror, amplitude, moves, 2, maps=2)
    for part, alone in zip(both.split(3, dim=-1), (one, two), strict=True):
        assert torch.equal(part, augmented(alone, mirror, amplitude, moves, 2))
    turned = mirrored(torch.stack([one[0], two[0]]).permute(0, 3, 1, 2))
    assert torch.equal(turned[1], mirrored(two[0].permute(2, 0, 1)))


def test_maps_have_one_scale_and_each_its_own_zero():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (5, 2, 3, 4, 4)).astype(np.float32)
    x[:, 1] *= 3
    normalise = Normalisation.of(x, recentre=False)
    assert normalise.scale.shape == (3,)
    out = normalise(x)
    np.testing.assert_allclose(out[:, 1] / out[:, 0], x[:, 1] / x[:, 0], rtol=1e-5)
    assert np.mean(np.square(out[:, :, 2])) == pytest.approx(1, rel=1e-4)
    offset = np.array([[0.5, -1, 0], [2, 0.25, 0]], np.float32)[..., None, None]
    moved, at_zero = (Normalisation.of(one, recentre=True)(one) for one in (x + offset, x))
    np.testing.assert_allclose(moved, at_zero, atol=1e-5)


def test_the_scale_is_that_of_all_training_clips():
    made = made_features(2)
    scale = fit(made.x, made.y, **PLAIN).normalise.scale
    assert np.array_equal(scale, Normalisation.of(made.x, recentre=False).scale)
    assert not np.array_equal(scale, Normalisation.of(made.x[:1], recentre=False).scale)


def test_recentring_removes_the_median_of_the_flow_only():
    x = np.full((1, 3, 4, 4), 0.5, np.float32)
    x[0, :, 0, 0] = 0.75
    given = x.copy()
    out = Normalisation(recentre=True, scale=np.ones(3, np.float32))(x)
    assert out[0, :2, 1:].max() == 0
    assert (out[0, :2, 0, 0] == 0.25).all()
    assert (out[0, 2] == x[0, 2]).all()
    assert np.array_equal(x, given)


def test_mirroring_negates_u():
    x = torch.arange(3 * 2 * 2.0).reshape(3, 2, 2)
    out = mirrored(x)
    assert out[0].tolist() == [[-1, 0], [-3, -2]]
    assert out[1].tolist() == [[5, 4], [7, 6]]
    assert out[2].tolist() == [[9, 8], [11, 10]]


def test_augmentation_moves_mirrors_and_scales_what_it_should():
    x = torch.zeros(4, 5, 5, 3)
    x[:, 1, 2] = torch.tensor([1.0, 2.0, 3.0])
    out = augmented(
        x,
        torch.tensor([False, True, False, True]),
        torch.tensor([1.0, 1.0, 0.5, 2.0]),
        torch.tensor([[2, 2], [2, 2], [1, 4], [2, 1]]),
        2,
    )
    found = [(i.tolist(), o[tuple(i)].tolist()) for o in out for i in o[..., 1].nonzero()]
    assert found == [
        ([1, 2], [1.0, 2.0, 3.0]),
        ([1, 2], [-1.0, 2.0, 3.0]),
        ([2, 0], [0.5, 1.0, 1.5]),
        ([1, 1], [-2.0, 4.0, 6.0]),
    ]


def test_augmentation_agrees_with_mirrored():
    x = torch.randn(2, 3, 6, 6)
    still = torch.full((2, 2), 1)
    out = augmented(x.permute(0, 2, 3, 1), torch.tensor([True, True]), torch.ones(2), still, 1)
    assert torch.equal(out.permute(0, 3, 1, 2), torch.stack([mirrored(clip) for clip in x]))


def test_class_weights():
    y = np.array([0, 0, 0, 2])
    weights = class_weights(y, 4, balance=True)
    assert weights * np.bincount(y, minlength=4) == pytest.approx([2, 0, 2, 0])
    assert class_weights(y, 4, balance=False).tolist() == [1, 0, 1, 0]

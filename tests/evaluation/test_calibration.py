from dataclasses import replace

import numpy as np
import pytest
from made_features import MODEL, TRAINING, made_features

from mepipe.evaluation.calibration import (
    calibrated,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    probabilities_at,
    reliability,
)
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.saved_model import encode_model, load_model

MADE = made_features(6)


@pytest.fixture(scope="module")
def ensemble():
    training = {**TRAINING, "members": 2, "epochs": 3}
    return fit(MADE.x[:9], MADE.y[:9], classes=3, model=MODEL, training=training)


def drawn(temperature, clips=4000, seed=0):
    """Logits (1, N, 1, 3), and labels that are drawn with them divided by ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (1, clips, 1, 3))
    shares = probabilities_at(logits, temperature)
    y = (rng.random((clips, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return logits, y


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found_and_calibrates(temperature):
    logits, y = drawn(temperature)
    found = fit_temperature(logits, y)
    assert found == pytest.approx(temperature, rel=0.08)
    assert expected_calibration_error(probabilities_at(logits, found), y) < 0.02
    if temperature != 1:
        assert expected_calibration_error(probabilities_at(logits, 1.0), y) > 0.06


def test_no_other_temperature_is_more_likely(ensemble):
    logits, y = ensemble.logits(MADE.x[9:]), MADE.y[9:]
    found = fit_temperature(logits, y)
    best = negative_log_likelihood(probabilities_at(logits, found), y)
    others = np.geomspace(0.05, 20, 200)
    costs = [negative_log_likelihood(probabilities_at(logits, t), y) for t in others]
    assert best <= min(costs) + 1e-6


def test_what_is_fitted_is_what_predicts_over_views_and_members(ensemble):
    for temperature in (1.0, 1.7):
        warm = ensemble.at_temperature(temperature)
        expected = probabilities_at(ensemble.logits(MADE.x), temperature)
        assert warm.predict(MADE.x) == pytest.approx(expected, abs=1e-6)
    # The mean of softmaxes is not the softmax of the mean.
    naive = probabilities_at(ensemble.logits(MADE.x).mean(axis=(0, 2))[None, :, None], 1.7)
    assert not np.allclose(naive, ensemble.at_temperature(1.7).predict(MADE.x), atol=1e-5)
    plain = replace(ensemble.members[0], mirror=False)
    assert plain.logits(MADE.x[:2]).shape == (2, 1, 3)
    assert plain.logits(MADE.x[:0]).shape == (0, 1, 3)


def test_a_calibrated_model_is_as_likely_or_more_and_is_saved_so(ensemble, tmp_path):
    x, y = MADE.x[9:], MADE.y[9:]
    warm = calibrated(ensemble, x, y)
    assert negative_log_likelihood(warm.predict(x), y) < negative_log_likelihood(
        ensemble.predict(x), y
    )
    assert calibrated(warm, x, y).members[0].temperature == warm.members[0].temperature
    card = {
        "model": MODEL,
        "classes": list("abc"),
        "features": {"shape": [3, 28, 28], "channels": ["u", "v", "strain"], "settings": {}},
    }
    path = tmp_path / "model.safetensors"
    path.write_bytes(encode_model(warm, card))
    assert load_model(path).predict(x).tobytes() == warm.predict(x).tobytes()


def test_a_model_that_is_always_right_or_knows_nothing_stays_within_bounds():
    y = np.array([0, 1, 2] * 5)
    right = 4.0 * np.eye(3)[y][None, :, None]
    assert fit_temperature(right, y) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(-right, y) == pytest.approx(20, rel=1e-3)
    assert 0.05 <= fit_temperature(np.zeros((2, 15, 2, 3)), y) <= 20


def test_what_cannot_be_calibrated_is_an_error():
    logits = np.zeros((1, 2, 1, 3))
    logits[..., 2] = -np.inf
    assert fit_temperature(logits, np.array([0, 1])) > 0
    with pytest.raises(ValueError, match="was not trained on"):
        fit_temperature(logits, np.array([0, 2]))
    with pytest.raises(ValueError, match="N labels"):
        fit_temperature(logits[:, :0], np.array([], dtype=int))
    with pytest.raises(ValueError, match="N labels"):
        reliability(np.ones((2, 3)) / 3, np.array([0]))
    with pytest.raises(ValueError, match="0 bins"):
        reliability(np.ones((1, 3)) / 3, np.array([0]), bins=0)


def test_bins_count_every_answer_once_and_the_error_is_their_mean_distance():
    p = np.array([[0.5, 0.5], [0.6, 0.4], [0.61, 0.39], [0.0, 1.0], [0.1, 0.9]])
    y = np.array([1, 0, 0, 1, 0])
    found = reliability(p, y)
    assert found.clips.tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 1, 1]  # an edge belongs below
    assert found.accuracy[[4, 5, 6, 8, 9]].tolist() == [0, 1, 1, 0, 1]
    assert np.isnan(found.accuracy[0])
    assert found.error == pytest.approx((0.5 + 0.4 + 0.39 + 0.9 + 0) / 5)
    assert expected_calibration_error(p, y, bins=1) == pytest.approx(abs(3 / 5 - p.max(1).mean()))
    perfect = np.eye(2)[y]
    assert expected_calibration_error(perfect, y) == 0
    assert negative_log_likelihood(perfect, y) == 0
    assert negative_log_likelihood(np.full((5, 2), 0.5), y) == pytest.approx(np.log(2))

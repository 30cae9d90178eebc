import numpy as np
import pytest
from made_features import MODEL, TRAINING, made_features

from mepipe.evaluation.estimators import fit_unit_estimators
from mepipe.evaluation.network_training import fit
from mepipe.evaluation.targets import check_targets, loss_of, unit_weights

torch = pytest.importorskip("torch")


def test_a_unit_weighs_as_much_with_it_as_without_it():
    y = np.array([[1, 0], [0, 0], [0, 0], [0, 1], [0, 1]])
    weights = unit_weights(y, balance=True)
    for unit in range(2):
        has = y[:, unit] == 1
        assert weights[1, unit] * has.sum() == pytest.approx(weights[0, unit] * (~has).sum())
    assert unit_weights(y, balance=False).tolist() == [[1, 1], [1, 1]]


def test_the_loss_of_units_by_hand():
    logits = torch.tensor([[0.5, -1.0], [2.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[1, 0], [0, 1]])
    weight = torch.tensor([[0.5, 1.0], [3.0, 2.0]], dtype=torch.float64)
    p = 1 / (1 + np.exp(-logits.numpy()))
    by_hand = np.mean(
        [
            -3 * np.log(p[0, 0]),
            -1 * np.log(1 - p[0, 1]),
            -0.5 * np.log(1 - p[1, 0]),
            -2 * np.log(p[1, 1]),
        ]
    )
    assert float(loss_of(logits, targets, weight, 0.0)) == pytest.approx(by_hand)


def test_smoothing_leaves_half_the_border_of_a_rare_unit():
    # One clip of ten has the unit, and they look alike: the best single answer is 0.5.
    targets = torch.tensor([[1]] + [[0]] * 9)
    weight = torch.from_numpy(unit_weights(targets.numpy(), balance=True))
    answers = torch.linspace(-3, 3, 121)
    losses = [float(loss_of(one.expand(10, 1), targets, weight, 0.1)) for one in answers]
    assert float(answers[int(np.argmin(losses))]) == pytest.approx(0, abs=1e-6)


def test_classes_are_as_they_were():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    targets, weight = torch.tensor([0, 1, 2, 1]), torch.tensor([1.0, 2.0, 0.5])
    expected = torch.nn.functional.cross_entropy(
        logits, targets, weight=weight, label_smoothing=0.1
    )
    assert torch.equal(loss_of(logits, targets, weight, 0.1), expected)


@pytest.mark.parametrize("y", [[[0, 2]], [[-1, 0]], [[0, 1, 1]]])
def test_units_are_0_or_1(y):
    with pytest.raises(ValueError, match="y must"):
        check_targets(np.array(y), 2)


def test_a_network_answers_each_unit_by_itself():
    made = made_features(3)
    y = np.stack([made.y == 0, made.y >= 1, np.zeros_like(made.y)], axis=1).astype(np.int64)
    training = {**TRAINING, "epochs": 30}
    trained = fit(made.x, y, classes=3, model=MODEL, training=training)
    probabilities = trained.predict(made.x)
    assert probabilities.shape == y.shape
    assert ((probabilities[:, :2] > 0.5) == y[:, :2]).mean() > 0.9
    assert (probabilities[:, 2] == 0).all()
    # They need not add up to 1.
    assert np.ptp(probabilities.sum(axis=1)) > 0


def test_an_estimator_of_each_unit_is_new():
    from sklearn.svm import SVC

    made = made_features(3)
    y = np.stack([made.y == 0, made.y == 2, np.zeros_like(made.y)], axis=1).astype(np.int64)
    made_ones = []

    def make():
        made_ones.append(SVC())
        return made_ones[-1]

    found = fit_unit_estimators(make, made.x, y, name="svm", recentre=False, seed=0)
    assert len(set(map(id, made_ones))) == 3
    predicted = found.predict(made.x)
    assert (predicted == y).mean() > 0.9
    assert (predicted[:, 2] == 0).all()

"""A batch of networks against the same networks trained one by one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_features import MODEL, TRAINING, made_features

from mepipe.errors import UsageError
from mepipe.evaluation.batched_training import Lot, _Shared, _trained, train_batch
from mepipe.evaluation.network_training import fit, reproducible
from mepipe.networks.registry import MODELS

pytestmark = pytest.mark.slow

NETWORKS = [name for name, entry in MODELS.items() if entry.kind == "network"]
SMALL = {**MODEL, "kernels": (2, 3), "dropout": 0.3}
PLAIN = {"classes": 3, "model": SMALL, "training": TRAINING}
MADE = made_features(5, size=12)


def lots_of(made):
    """One lot a person: batches of unequal size, one lot without a class, seeds of their own."""
    lots = []
    for number, person in enumerate(sorted(set(made.group))):
        train = np.flatnonzero(made.group != person)
        if number == 1:
            train = train[1:]
        if number == 2:
            train = np.concatenate([train[made.y[train] != 1], train[:1]])
        lots.append(Lot(train, np.flatnonzero(made.group == person), 7 + number))
    lots[3] = Lot(lots[3].train, lots[3].test[:1], 3)
    return lots


def one_by_one(made, lots, **options):
    return [
        fit(
            made.x[lot.train], made.y[lot.train], seed=lot.seed, weights=lot.weights, **options
        ).predict(made.x[lot.test])
        for lot in lots
    ]


def largest_difference(some, others):
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_predicts_what_each_network_predicts_alone(name):
    model = {**SMALL, "name": name} if "kernels" in MODELS[name].options else {"name": name}
    options = {**PLAIN, "model": model}
    lots = lots_of(MADE)[1:4]
    together = train_batch(MADE.x, MADE.y, lots, double=True, **options)
    alone = one_by_one(MADE, lots, double=True, **options)
    # In float64 they agree up to the rounding of the float32 that both return.
    assert largest_difference(together, alone) < 2e-7
    assert [one.shape for one in together] == [(len(lot.test), 3) for lot in lots]
    single = train_batch(MADE.x, MADE.y, lots, **options)
    assert largest_difference(single, alone) < 1e-3
    assert all(one.dtype == np.float32 for one in single)


def test_every_weight_and_statistic_agrees_in_float64():
    """Rounding grows with the steps: of probabilities after few of them, more would go unseen."""
    lots = lots_of(MADE)[1:4]
    shared = _Shared(3, SMALL, TRAINING, recentre=True, device="cpu", double=True)
    with reproducible():
        batch = _trained(MADE.x, MADE.y, lots, shared)
    for number, lot in enumerate(lots):
        alone = fit(
            MADE.x[lot.train],
            MADE.y[lot.train],
            seed=lot.seed,
            recentre=True,
            double=True,
            **PLAIN,
        ).network.state_dict()
        together = batch.networks.state_of(number)
        assert together.keys() == alone.keys()
        for name, weight in alone.items():
            torch.testing.assert_close(together[name], weight, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "change",
    [
        {"balance": False, "label_smoothing": 0.0},
        {"mirror": False, "amplitude": 0.0, "shift": 0},
        {"batch": 64, "epochs": 3},
        {"per_clip": True},
    ],
)
def test_every_setting_of_the_training_holds_in_a_batch(change):
    options = {**PLAIN, "training": {**TRAINING, **change}}
    lots = lots_of(MADE)[:3]
    together = train_batch(MADE.x, MADE.y, lots, double=True, recentre=True, **options)
    alone = one_by_one(MADE, lots, double=True, recentre=True, **options)
    assert largest_difference(together, alone) < 2e-7


@pytest.mark.parametrize("name", ["spp", "base"])
def test_several_maps_a_clip(name):
    later = MADE.x[:, :, ::-1] * np.linspace(0.5, 1.5, 12, dtype=np.float32)
    made = SimpleNamespace(**{**vars(MADE), "x": np.stack([MADE.x, later, -MADE.x], axis=1)})
    options = {**PLAIN, "model": {**SMALL, "name": name}, "recentre": True}
    lots = lots_of(made)[1:4]
    together = train_batch(made.x, made.y, lots, double=True, **options)
    assert largest_difference(together, one_by_one(made, lots, double=True, **options)) < 2e-7
    one_map = train_batch(MADE.x, MADE.y, lots, double=True, **options)
    assert largest_difference(together, one_map) > 1e-3


def test_networks_start_from_weights_of_their_own():
    first, second = (
        fit(MADE.x, MADE.y, seed=seed, **PLAIN).network.state_dict() for seed in (1, 2)
    )
    lots = [replace(lot, weights=w) for lot, w in zip(lots_of(MADE), (first, second), strict=False)]
    together = train_batch(MADE.x, MADE.y, lots, double=True, **PLAIN)
    assert largest_difference(together, one_by_one(MADE, lots, double=True, **PLAIN)) < 2e-7
    random = train_batch(MADE.x, MADE.y, lots_of(MADE)[:2], double=True, **PLAIN)
    assert largest_difference(together, random) > 1e-3
    with pytest.raises(UsageError, match="not those of the network base"):
        train_batch(
            MADE.x, MADE.y, lots, classes=3, model={**SMALL, "name": "base"}, training=TRAINING
        )


@pytest.mark.parametrize("dropout", [0.0, 1.0])
def test_no_dropout_and_nothing_but_dropout(dropout):
    options = {**PLAIN, "model": {**SMALL, "dropout": dropout}}
    lots = lots_of(MADE)[:2]
    together = train_batch(MADE.x, MADE.y, lots, double=True, **options)
    assert largest_difference(together, one_by_one(MADE, lots, double=True, **options)) < 2e-7


def test_a_class_without_clips_in_one_fold_is_never_predicted_there():
    lots = lots_of(MADE)
    lots[2] = Lot(lots[2].train[MADE.y[lots[2].train] != 1], lots[2].test, 1)
    lots[2] = Lot(np.concatenate([lots[2].train, lots[2].train[:4]]), lots[2].test, 1)
    together = train_batch(MADE.x, MADE.y, lots, double=True, **PLAIN)
    assert (together[2][:, 1] == 0).all()
    assert all((one > 0).all() for number, one in enumerate(together) if number != 2)
    assert largest_difference(together, one_by_one(MADE, lots, double=True, **PLAIN)) < 2e-7


@pytest.mark.parametrize("change", [{}, {"fuse": "sum"}, {"mode": "flat", "position": 5}])
def test_the_others_in_a_batch_do_not_change_a_bit(change):
    options = {**PLAIN, "model": {**SMALL, **change}}
    lots = lots_of(MADE)
    together = train_batch(MADE.x, MADE.y, lots, **options)
    again = train_batch(MADE.x, MADE.y, lots[::-1], **options)[::-1]
    alone = [train_batch(MADE.x, MADE.y, [lot], **options)[0] for lot in lots]
    assert [one.tobytes() for one in together] == [one.tobytes() for one in again]
    assert [one.tobytes() for one in together] == [one.tobytes() for one in alone]


def test_classes_of_clips_that_are_asked_about_are_not_read():
    lots = lots_of(MADE)[:1]
    before = train_batch(MADE.x, MADE.y, lots, **PLAIN)
    hidden = MADE.y.copy()
    hidden[lots[0].test] = np.roll(hidden[lots[0].test], 1)
    assert train_batch(MADE.x, hidden, lots, **PLAIN)[0].tobytes() == before[0].tobytes()


def test_lots_with_other_numbers_of_steps_are_refused():
    lots = lots_of(MADE)
    with pytest.raises(ValueError, match=r"differ in their number of steps an epoch: \[1, 2\]"):
        train_batch(MADE.x, MADE.y, [lots[0], Lot(lots[1].train[:5], lots[1].test, 0)], **PLAIN)

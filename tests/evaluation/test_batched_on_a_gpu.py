"""What a batch does on a GPU and not on a CPU, tried on a CPU."""

import numpy as np
import pytest
import torch
from made_features import MODEL, TRAINING, made_features
from torch.utils._python_dispatch import TorchDispatchMode

from mepipe.evaluation import batched_training
from mepipe.evaluation.batched_training import Lot, train_batch
from mepipe.evaluation.dropout_masks import Dropped, epoch_masks
from mepipe.evaluation.network_training import fit
from mepipe.networks import stacked

SMALL = {**MODEL, "kernels": (2, 3)}
MADE = made_features(4, size=12)
LOTS = [
    Lot(np.flatnonzero(MADE.group != person), np.flatnonzero(MADE.group == person), number)
    for number, person in enumerate(sorted(set(MADE.group)))
]


@pytest.fixture
def products(monkeypatch):
    """Convolve by matrix products, as on a GPU."""
    monkeypatch.setattr(stacked, "convolve_one_by_one", stacked.convolve_by_products)


def test_products_train_the_same_networks(products):
    options = {"classes": 3, "model": SMALL, "training": TRAINING, "double": True}
    together = train_batch(MADE.x, MADE.y, LOTS, **options)
    for lot, found in zip(LOTS, together, strict=True):
        trained = fit(MADE.x[lot.train], MADE.y[lot.train], seed=lot.seed, **options)
        assert found == pytest.approx(trained.predict(MADE.x[lot.test]), abs=2e-7)


class ReadBack(TorchDispatchMode):
    """Notes every operation for which a GPU's results would be waited for."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "_to_copy")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        moves = name == "_to_copy" and (kwargs or {}).get("device") is not None
        if name in self.WAITS and (name != "_to_copy" or moves):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_no_step_reads_a_number_back(products):
    shared = batched_training._Shared(
        3, SMALL, TRAINING, recentre=False, device="cpu", double=False
    )
    batch = batched_training._prepare(MADE.x, MADE.y, LOTS, 2, shared)
    batch.networks.train()
    masks = epoch_masks(
        batch.dropped, batch.generators, batch.rows, 8, torch.float32, as_torch=False
    )
    with ReadBack() as mode:
        for step, kept in enumerate(masks):
            batch.loss(0, step, kept).backward()
    assert mode.found == []
    with ReadBack() as mode:
        torch.ones(1).item()
    assert mode.found == ["_local_scalar_dense"]


def test_masks_drawn_for_an_epoch_are_each_network_s_own():
    dropped = [
        Dropped(0.25, (1, 500), torch.contiguous_format),
        Dropped(1.0, (1, 3), torch.contiguous_format),
    ]

    def masks(seeds, epochs=1):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        rows = np.full((3, len(seeds)), 4)
        return [
            [mask.clone() for mask in step]
            for _ in range(epochs)
            for step in epoch_masks(dropped, generators, rows, 4, torch.float32, as_torch=False)
        ]

    both, (first, *_) = masks([1, 2], epochs=2), masks([1])
    assert both[0][0].shape == (8, 500)
    assert both[0][0].unique().tolist() == [0, pytest.approx(1 / 0.75)]
    assert float(both[0][0].mean()) == pytest.approx(1, abs=0.05)
    assert (both[0][1] == 0).all()
    assert torch.equal(both[0][0][:4], first[0])
    assert len({step[0].numpy().tobytes() for step in both}) == 6, "every step has masks of its own"

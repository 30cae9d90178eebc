"""The contract that every built-in model keeps."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mepipe.errors import UsageError
from mepipe.networks.off_apexnet import OFFApexNet
from mepipe.networks.registry import MODELS, build, is_network
from mepipe.networks.ststnet import STSTNet

NETWORKS = [name for name, entry in MODELS.items() if entry.kind == "network"]
ESTIMATORS = [name for name, entry in MODELS.items() if entry.kind == "estimator"]
VARIANTS = [
    ("spp", {"mode": mode, "fuse": fuse, "pool": pool})
    for mode in ("upsample", "same", "bins")
    for fuse, pool in (("concat", "max"), ("concat-1x1", "average"), ("sum", "max"))
] + [("spp", {"mode": "flat", "position": 5, "pool": pool}) for pool in ("max", "average")]
EVERY = [(name, {}) for name in NETWORKS] + VARIANTS


@pytest.fixture(autouse=True)
def _strict():
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def gradients(network, x, y):
    torch.manual_seed(7)  # dropout
    network.zero_grad()
    logits = network(x)
    functional.cross_entropy(logits, y).backward()
    return logits, {name: p.grad.clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize(
    "size", [28, *(pytest.param(n, marks=pytest.mark.slow) for n in (56, 112))]
)
@pytest.mark.parametrize(("name", "options"), EVERY, ids=str)
def test_a_network_gives_logits_and_the_same_finite_gradients_twice(name, options, size):
    network = build(name, channels=3, size=size, classes=5, **options)
    assert is_network(network)
    x, y = torch.randn(2, 3, size, size), torch.tensor([0, 4])
    logits, first = gradients(network, x, y)
    assert logits.shape == (2, 5)
    for name_, gradient in first.items():
        assert torch.isfinite(gradient).all(), name_
    _, second = gradients(network, x, y)
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["spp", "base", "ststnet"])
def test_networks_work_at_224(name):
    network = build(name, channels=3, size=224, classes=3).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 3, 224, 224)).shape == (1, 3)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_other_channels_and_classes(name, channels):
    network = build(name, channels=channels, size=28, classes=2)
    assert network(torch.randn(2, channels, 28, 28)).shape == (2, 2)


@pytest.mark.parametrize(("name", "options"), EVERY, ids=str)
def test_a_clip_alone_gets_what_it_gets_in_a_batch(name, options):
    network = build(name, channels=3, size=28, classes=3, **options).eval()
    x = torch.randn(4, 3, 28, 28)
    with torch.inference_mode():
        together = network(x)
        alone = torch.cat([network(clip[None]) for clip in x])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_ststnet_has_1683_parameters():
    parameters = dict(STSTNet().named_parameters())
    count = sum(p.numel() for p in parameters.values())
    assert count == 1683
    assert sum(p.numel() for key, p in parameters.items() if key.startswith("streams")) == 448 + 32
    assert STSTNet().classify.in_features == 5 * 5 * 16


def test_off_apexnet_joins_two_streams_of_784():
    network = OFFApexNet()
    assert network.classify[0].in_features == 2 * 784
    # The count of the published network, 2.66 million.
    assert sum(p.numel() for p in network.parameters()) == 2_664_475
    x = torch.randn(1, 3, 28, 28)
    network.eval()
    assert torch.equal(network(x), network(torch.cat([x[:, :2], 9 * x[:, 2:]], dim=1)))
    assert not torch.equal(network(x), network(x.flip(1)))


@pytest.mark.parametrize("name", ["off-apexnet", *(n for n in ESTIMATORS if "-" in n)])
def test_what_needs_flow_refuses_one_channel(name):
    with pytest.raises(UsageError, match="1 channel") as error:
        build(name, channels=1, size=28, classes=3)
    assert "u and v" in error.value.remedy


@pytest.mark.parametrize("size", [28, 56])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_learns_where_the_face_moves(name, size):
    """Three classes that move other regions in other directions, and noise."""
    draw = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = draw.normal(0, 0.2, (60, 3, size, size)).astype(np.float32)
    third = size // 3
    x[y == 0, 0, 2 * third :] += 1
    x[y == 1, 1, 2 * third :] -= 1
    x[y == 2, 1, :third] -= 1
    flat = x.reshape(60, -1)
    model = build(name, channels=3, size=size, classes=3)
    assert not is_network(model)
    predicted = model.fit(flat[:36], y[:36]).predict(flat[36:])
    assert np.mean(predicted == y[36:]) > 0.9
    again = build(name, channels=3, size=size, classes=3).fit(flat[:36], y[:36])
    assert np.array_equal(again.predict(flat[36:]), predicted)
    # What a clip is predicted to be does not hang on its batch-mates.
    assert np.array_equal(
        np.concatenate([model.predict(row[None]) for row in flat[36:]]), predicted
    )


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n.endswith("svm")])
def test_an_svms_prediction_is_its_largest_decision_value(name):
    draw = np.random.default_rng(1)
    x = draw.normal(size=(40, 3 * 28 * 28)).astype(np.float32)
    y = np.arange(40) % 3
    model = build(name, channels=3, size=28, classes=3).fit(x, y)
    assert np.array_equal(model.decision_function(x).argmax(axis=1), model.predict(x))

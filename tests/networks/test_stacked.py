"""Stacked networks compute what each computes alone: logits, gradients and statistics."""

import pytest
import torch
from torch import nn

from mepipe.networks.registry import MODELS, build
from mepipe.networks.stacked import (
    StackedNetworks,
    can_stack,
    convolve_by_products,
    convolve_one_by_one,
)

NETWORKS = [name for name, entry in MODELS.items() if entry.kind == "network"]
SPP = {"kernels": (2, 3), "width": 4, "dropout": 0.0}
VARIANTS = [
    *({"mode": mode} for mode in ("upsample", "same", "bins")),
    *({"mode": mode, "pool": "average"} for mode in ("upsample", "same", "bins")),
    {"mode": "flat", "position": 5},
    {"fuse": "concat"},
    {"fuse": "sum"},
]  # fmt: skip


def made(name, number, **options):
    torch.manual_seed(number)
    network = build(name, channels=3, size=12, classes=3, **options).double()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def assert_same(networks, used):
    """Compare logits, gradients and statistics; ``used`` rows of each network of four count."""
    stacked = StackedNetworks(networks).train()
    x = torch.randn(len(networks), 4, 3, 12, 12, dtype=torch.float64)
    counts = torch.tensor([[float(row < most) for row in range(4)] for most in used]).double()
    together = stacked(x, counts)
    (together.square().sum(dim=2) * counts).sum().backward()
    for number, (network, most) in enumerate(zip(networks, used, strict=True)):
        alone = network.train()(x[number, :most])
        torch.testing.assert_close(together[number, :most], alone)
        alone.square().sum().backward()
        state = stacked.state_of(number)
        assert state.keys() == network.state_dict().keys()
        for name, value in network.state_dict().items():
            torch.testing.assert_close(state[name], value)
        slopes = dict(stacked.body.named_parameters())
        for name, weight in network.named_parameters():
            torch.testing.assert_close(slopes[name].grad[number], weight.grad)
    stacked.eval()
    for number, network in enumerate(networks):
        torch.testing.assert_close(stacked(x)[number], network.eval()(x[number]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_built_in_network_can_be_stacked(name):
    options = SPP if "kernels" in MODELS[name].options else {}
    networks = [made(name, number, **options) for number in range(2)]
    assert can_stack(networks[0])
    assert_same(networks, used=(4, 3))


@pytest.mark.slow
@pytest.mark.parametrize("change", VARIANTS, ids=lambda change: "-".join(map(str, change.values())))
def test_every_pyramid_can_be_stacked(change):
    assert_same([made("spp", number, **SPP | change) for number in range(2)], used=(3, 4))


@pytest.mark.parametrize(("size", "kernel", "stride"), [(9, 5, 1), (8, 3, 1), (9, 3, 2)])
def test_both_ways_to_convolve_agree(size, kernel, stride):
    x = torch.randn(2 * 3, 3, size, size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 4, 3, kernel, kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    found = []
    for way in (convolve_one_by_one, convolve_by_products):
        out = way(x, weight, bias, stride, kernel // 2)
        found.append((out, *torch.autograd.grad(out.square().sum(), (x, weight, bias))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_a_network_knows_nothing_of_the_others_nor_of_rows_that_fill_up():
    networks = [made("spp", number, **SPP) for number in range(3)]
    stacked = StackedNetworks(networks).train()
    x = torch.randn(3, 4, 3, 12, 12, dtype=torch.float64)
    counts = torch.ones(3, 4, dtype=torch.float64)
    counts[1, 3] = 0
    before = stacked(x, counts)[1, :3]
    other = x.clone()
    other[0] *= 100
    other[2] = 0
    other[1, 3] = -7
    assert torch.equal(StackedNetworks(networks).train()(other, counts)[1, :3], before)


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(3), nn.Dropout2d(), nn.Conv2d(4, 4, 3, groups=2), nn.LSTM(3, 3)]
)
def test_layers_that_cannot_be_stacked_are_refused(layer):
    with pytest.raises(ValueError, match="cannot be stacked"):
        StackedNetworks([nn.Sequential(layer)])


def test_no_network_is_refused():
    with pytest.raises(ValueError, match="no network"):
        StackedNetworks([])

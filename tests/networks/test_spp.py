import numpy as np
import pytest
import torch
from torch.nn import functional

from mepipe.networks.spp import PyramidPooling, SPPNet


@pytest.fixture(autouse=True)
def _strict():
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("size", [28, 56, 112])
@pytest.mark.parametrize("position", [1, 2, 5])
def test_shapes_and_gradients_at_every_size(size, position):
    kernels = (2, 3, 4, 5, 6)
    net = SPPNet(size=size, position=position, kernels=kernels, width=4, classes=5, channels=2)
    logits = net(torch.randn(2, 2, size, size))
    assert logits.shape == (2, 5)
    functional.cross_entropy(logits, torch.tensor([0, 4])).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("mode", ["upsample", "flat"])
def test_several_maps_share_the_layers_and_meet_in_the_classifier(mode):
    options = {"width": 4, "mode": mode, "position": 5 if mode == "flat" else 2}
    if mode == "flat":
        options["kernels"] = (2, 3)
    one, net = SPPNet(**options).eval(), SPPNet(maps=2, **options).eval()
    x = torch.randn(3, 2, 3, 28, 28)
    assert net(x).shape == (3, 3)
    last = {"classify.2.weight", "classify.2.bias"}
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    for name, value in one.state_dict().items():
        assert name in last or shapes[name] == tuple(value.shape)
    assert shapes["classify.2.weight"] == (3, 2 * one.classify[2].in_features)
    # The answer is the sum of what the classifier's two halves say of each map.
    halves = net.classify[2].weight.chunk(2, dim=1)
    one.load_state_dict({k: v for k, v in net.state_dict().items() if k not in last}, strict=False)
    expected = net.classify[2].bias.expand(3, 3).clone()
    for number, half in enumerate(halves):
        one.classify[2].weight.data, one.classify[2].bias.data = half, torch.zeros(3)
        expected += one(x[:, number])
    torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)


def windows(size, kernel, cells):
    """The centred windows of one axis, written out."""
    start = -((cells * kernel - size) // 2)
    return [
        range(max(0, start + n * kernel), min(size, start + (n + 1) * kernel)) for n in range(cells)
    ]


@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize(
    ("size", "cells", "counts"),
    [
        (7, "distinct", (4, 3, 2, 2, 2)),
        (14, "fewest", (7, 5, 4, 3, 3)),
        (14, "distinct", (7, 6, 5, 4, 3)),
        (15, "distinct", (8, 6, 5, 4, 3)),
    ],
)
def test_the_pyramid_is_pooling_upsampling_concatenation_and_a_1x1_convolution(
    pool, size, cells, counts
):
    """The fused computation against the definition, window by window."""
    kernels = (2, 3, 4, 5, 6)
    layer = PyramidPooling(3, size, kernels, pool, cells=cells).double().eval()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    reduce = torch.amax if pool == "max" else torch.mean
    parts = [x]
    for kernel, count in zip(kernels, counts, strict=True):
        branch = torch.empty_like(x)
        for rows in windows(size, kernel, count):
            for columns in windows(size, kernel, count):
                area = np.ix_([0, 1], [0, 1, 2], rows, columns)
                branch[area] = reduce(x[area], dim=(2, 3), keepdim=True)
        parts.append(branch)
    weight = layer.fuse.weight[:, :, None, None]
    expected = layer.after(functional.conv2d(torch.cat(parts, dim=1), weight))
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)


def test_centred_windows_are_the_same_in_a_mirror():
    layer = PyramidPooling(2, 14, (2, 3, 4, 5, 6)).double().eval()
    x = torch.randn(1, 2, 14, 14, dtype=torch.float64)
    torch.testing.assert_close(layer(x.flip(-1)), layer(x).flip(-1))


def test_without_kernels_there_is_no_pyramid_but_the_same_shape():
    net = SPPNet(kernels=(), width=4)
    assert net(torch.randn(1, 3, 28, 28)).shape == (1, 3)

"""Every mode, pooling and fusion against its definition, window by window."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mepipe.errors import UsageError
from mepipe.networks.pooling import PointwiseLayers, PyramidPooling
from mepipe.networks.pyramid import FUSIONS, nearest_window, windows
from mepipe.networks.spp import SPPNet, base


def by_hand(x, kernel, mode, pool):
    """The cells (B, C, n, n) of one branch, one window after the other."""
    reduce = torch.amax if pool == "max" else torch.mean
    size = x.shape[-1]
    if mode == "same":
        spans = [(max(0, i - kernel // 2), i - kernel // 2 + kernel) for i in range(size)]
    else:
        spans = [(i * size // kernel, -(-(i + 1) * size // kernel)) for i in range(kernel)]
    return torch.stack(
        [
            torch.stack([reduce(x[:, :, a:b, c:d], dim=(2, 3)) for c, d in spans], dim=2)
            for a, b in spans
        ],
        dim=2,
    )


@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize("size", [7, 14, 15])
@pytest.mark.parametrize("mode", ["same", "bins", "flat"])
def test_the_cells_of_a_branch_are_those_of_its_windows(mode, size, pool):
    kernels = (2, 3, 4, 5, 6, 7)
    layer = PyramidPooling(3, size, kernels, pool, mode).double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    for kernel in kernels:
        torch.testing.assert_close(layer.pooled(x, kernel), by_hand(x, kernel, mode, pool))


def test_bins_agree_with_adaptive_pooling():
    """Its windows are He's; it is only its backward that cannot be had."""
    x = torch.randn(2, 3, 14, 14)
    layer = PyramidPooling(3, 14, (1, 2, 3, 6), "max", "bins")
    for bins in (1, 2, 3, 6):
        assert torch.equal(layer.pooled(x, bins), functional.adaptive_max_pool2d(x, bins))


@pytest.mark.parametrize("mode", ["upsample", "same", "bins"])
@pytest.mark.parametrize("size", [14, 40])
def test_fusions_equal_their_definition(mode, size):
    """14 takes the one matrix product for all branches, 40 the products along the axes."""
    kernels = (2, 3, 5)
    x = torch.randn(2, 4, size, size, dtype=torch.float64)
    layers = {
        fuse: PyramidPooling(4, size, kernels, "max", mode, fuse).double().eval()
        for fuse in FUSIONS
    }
    parts = [x]
    for kernel in kernels:
        cells = layers["sum"].pooled(x, kernel)
        count = cells.shape[-1]
        along = range(size) if mode == "same" else nearest_window(size, kernel, mode, count)
        parts.append(cells[:, :, list(along)][:, :, :, list(along)])
    together = torch.cat(parts, dim=1)
    torch.testing.assert_close(layers["concat"](x), together)
    torch.testing.assert_close(layers["sum"](x), torch.stack(parts).sum(dim=0))
    whole = layers["concat-1x1"]
    expected = whole.after(functional.conv2d(together, whole.fuse.weight[:, :, None, None]))
    torch.testing.assert_close(whole(x), expected)


def test_flat_is_every_bin_of_every_branch():
    x = torch.randn(2, 3, 7, 7)
    layer = PyramidPooling(3, 7, (1, 2, 4), "max", "flat")
    parts = [functional.adaptive_max_pool2d(x, bins).flatten(1) for bins in (1, 2, 4)]
    assert torch.equal(layer(x), torch.cat(parts, dim=1))
    assert layer.outputs == 3 * (1 + 4 + 16)


@given(st.integers(2, 60), st.data())
@settings(max_examples=60, deadline=None)
def test_windows_cover_the_map_and_each_cell_takes_one_that_holds_it(size, data):
    kernel = data.draw(st.integers(2, size))
    counts = {"upsample": -(-size // kernel), "same": size, "bins": kernel}
    for mode, count in counts.items():
        spans = windows(size, kernel, mode, count)
        assert set(itertools.chain(*(range(*span) for span in spans))) == set(range(size))
        assert all(start < end for start, end in spans)
    for mode in ("upsample", "bins"):
        spans = windows(size, kernel, mode, counts[mode])
        for cell, window in enumerate(nearest_window(size, kernel, mode, counts[mode])):
            assert spans[window][0] <= cell < spans[window][1]


@pytest.mark.parametrize("position", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("fuse", FUSIONS)
def test_the_base_has_as_many_parameters_as_the_network(position, fuse):
    def count(net):
        return sum(p.numel() for p in net.parameters())

    settings = {"position": position, "fuse": fuse}
    assert count(SPPNet(**settings)) == count(base(**settings))
    assert count(SPPNet(**settings, mode="bins")) == count(base(**settings, mode="bins"))


def test_the_bases_layers_are_two_convolutions_with_something_between():
    layer = PointwiseLayers(16, 5, "concat-1x1")
    assert [tuple(p.shape) for p in layer.parameters()][:2] == [(48, 16, 1, 1), (16, 48, 1, 1)]
    assert sum(p.numel() for p in layer.parameters()) == 16 * 16 * 6 + 2 * 16
    # Two convolutions with nothing between would be one, and odd.
    x = torch.randn(1, 16, 3, 3)
    assert not torch.allclose(layer.layers[:3](-x), -layer.layers[:3](x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "flat"}, "flat with model.position = 2"),
        ({"mode": "flat", "position": 5, "fuse": "sum"}, "no sum"),
        ({"mode": "flat", "position": 5, "kernels": ()}, "nothing to classify"),
        ({"mode": "flat", "position": 5, "kernels": (8,)}, "8x8 bins are more"),
        ({"mode": "bins", "kernels": (2, 15)}, "15x15 bins are more"),
        ({"mode": "bins", "kernels": (0, 2)}, "at least 1"),
        ({"mode": "same", "kernels": (1, 2)}, "at least 2"),
        ({"mode": "same", "kernels": (15,)}, "does not fit"),
        ({"mode": "psp"}, "model.mode = psp"),
        ({"pool": "median"}, "model.pool = median"),
        ({"fuse": "add"}, "model.fuse = add"),
        ({"cells": "most"}, "model.cells = most"),
    ],
)
def test_pooling_refuses_impossible_combinations(options, words):
    with pytest.raises(UsageError, match=words) as error:
        SPPNet(**options)
    assert error.value.remedy


def test_base_refuses_mode_flat():
    with pytest.raises(UsageError, match="no base with equal parameters"):
        base(mode="flat", position=5)

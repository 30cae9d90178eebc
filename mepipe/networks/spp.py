"""The SPP network: a compact VGG-M with a spatial pyramid of pooling branches.

After Lim, Stofa, Koo and Zulkifley, "Micro Expression Recognition: Multi-scale
Approach to Automatic Emotion Recognition by using Spatial Pyramid Pooling
Module", IJACSA 12(12), 2021, on a base derived from VGG-M (Chatfield et al.,
"Return of the Devil in the Details", BMVC 2014).

From the paper: a base derived from VGG-M, three classes, and, as the best
configuration, five parallel pooling branches with kernels 2, 3, 4, 5 and 6
after the second layer. Its input size, widths, way of fusing, training and
scores are not known to us, so these are our choices:

- stride 1 in the convolutions of inputs below 112 (VGG-M's strides would leave
  2x2 cells of 28x28 at the pyramid), and kernels of 5 and 3 where VGG-M has 7
  and 5: at 28x28 a cell is as large as 8 pixels of VGG-M's input;
- narrow layers: a few hundred clips cannot feed 512 channels;
- batch normalisation for local response normalisation; pooling 2x2 for 3x3;
- the branches brought back to the size of the map (nearest cell), concatenated
  with it and fused by a 1x1 convolution;
- average pooling after layer 5 and one linear layer for VGG-M's three.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mepipe.networks import pyramid


class PyramidPooling(nn.Module):
    """Parallel pooling with kernel k and stride k, fused with the map itself.

    Parameters
    ----------
    channels
        Channels C of the map, in and out.
    size
        Side S of the map.
    kernels
        One branch each.
    pool
        "max" or "average"; the average leaves the padding out.
    """

    spread: Tensor

    def __init__(self, channels: int, size: int, kernels: Sequence[int], pool: str = "max") -> None:
        super().__init__()
        if pool not in ("max", "average"):
            raise ValueError(f"pool must be max or average, not {pool!r}")
        self.size = size
        self.kernels = tuple(kernels)
        self.pool = pool
        self.fuse = nn.Linear(channels * (1 + len(self.kernels)), channels, bias=False)
        self.after = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.register_buffer("spread", spread(size, self.kernels), persistent=False)

    def pooled(self, x: Tensor, kernel: int) -> Tensor:
        """Pool (B, C, S, S) with ``kernel`` to (B, cells * cells, C).

        The windows are centred on the map: the outer ones reach over its borders
        by the same amount, or one cell more on the far side.
        """
        before = overhang(self.size, kernel)
        if self.pool == "max":
            cells = functional.max_pool2d(x, kernel, padding=before, ceil_mode=True)
        else:
            cells = functional.avg_pool2d(
                x, kernel, padding=before, ceil_mode=True, count_include_pad=False
            )
        return cells.permute(0, 2, 3, 1).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, S, S) for (B, C, S, S)."""
        # The 1x1 convolution of a concatenation is the sum of 1x1 convolutions
        # of its parts, and these commute with bringing a branch back to the
        # size of the map: done on the few cells of a branch, it is the same
        # function at a third of the cost.
        channels = x.shape[1]
        own, *weights = torch.split(self.fuse.weight, channels, dim=1)  # each (C, C)
        branches = [
            functional.linear(self.pooled(x, kernel), weight)
            for kernel, weight in zip(self.kernels, weights, strict=True)
        ]
        fused = functional.linear(x.permute(0, 2, 3, 1), own)  # (B, S, S, C)
        if branches:
            back = self.spread @ torch.cat(branches, dim=1)  # (B, S * S, C)
            fused = fused + back.view_as(fused)
        out: Tensor = self.after(fused.permute(0, 3, 1, 2))
        return out


def overhang(size: int, kernel: int) -> int:
    """Return by how many cells centred windows reach over the map's first border."""
    return (-size % kernel) // 2


def spread(size: int, kernels: Sequence[int]) -> Tensor:
    """Return the matrix that gives every cell of the map its windows' values.

    (S * S, sum of cells * cells) of 0 and 1: nearest-neighbour upsampling of
    all branches, summed, as one fixed matrix product, whose backward is
    deterministic on every device (that of interpolation is not).
    """
    parts = []
    position = torch.arange(size)
    for kernel in kernels:
        cells = -(-size // kernel)
        window = (position + overhang(size, kernel)) // kernel  # (S,)
        one = functional.one_hot(window, cells).float()  # (S, cells)
        parts.append(torch.kron(one, one))  # rows and columns alike
    return torch.cat(parts, dim=1) if parts else torch.zeros(size * size, 0)


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU; "same" size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class SPPNet(nn.Module):
    """Five convolutional layers, a pyramid after one of them, a linear classifier.

    Shapes for the defaults (28x28, width 8) in `forward`.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        size: int = 28,
        classes: int = 3,
        kernels: Sequence[int] = (2, 3, 4, 5, 6),
        position: int = 2,
        pool: str = "max",
        width: int = 8,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.pyramid = pyramid.plan(size, kernels, position)
        first, second = pyramid.strides(size)
        widths = (width, 2 * width, 4 * width, 4 * width, 4 * width)
        self.layers = nn.ModuleList(
            [
                convolution(channels, widths[0], 5, first),
                convolution(widths[0], widths[1], 3, second),
                convolution(widths[1], widths[2], 3),
                convolution(widths[2], widths[3], 3),
                convolution(widths[3], widths[4], 3),
            ]
        )
        # Pooling follows layers 1, 2 and 5, as in VGG-M; ceil keeps every row.
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.spp = PyramidPooling(widths[position - 1], self.pyramid.size, kernels, pool)
        last = pyramid.map_sizes(size)[-1]
        self.final_pool = nn.AvgPool2d(2, ceil_mode=True)
        cells = -(-last // 2)
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[4] * cells * cells, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) for features (B, channels, size, size)."""
        # x                              (B, 3, 28, 28)
        # layer 1                        (B, 8, 28, 28), pooled to 14x14
        # layer 2, then the pyramid      (B, 16, 14, 14), pooled to 7x7
        # layers 3 to 5                  (B, 32, 7, 7), pooled to 4x4
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x)
            if number == self.pyramid.position:
                x = self.spp(x)
            if number <= 2:
                x = self.pool(x)
        logits: Tensor = self.classify(self.final_pool(x))
        return logits

"""The SPP network: a compact VGG-M with a spatial pyramid of pooling branches.

After Lim, Stofa, Koo and Zulkifley, "Micro Expression Recognition: Multi-scale
Approach to Automatic Emotion Recognition by using Spatial Pyramid Pooling
Module", IJACSA 12(12), 2021, on a base derived from VGG-M (Chatfield et al.,
"Return of the Devil in the Details", BMVC 2014).

From the paper: a base derived from VGG-M, three classes, and as the best
configuration five parallel pooling branches with kernels 2, 3, 4, 5 and 6 after
the second layer. Its input size, widths, fusion, training and scores are not
known to us. So these are our choices:

- stride 1 in the convolutions of inputs below 112 (VGG-M's strides would leave
  2x2 cells of 28x28 at the pyramid), and kernels of 5 and 3 where VGG-M has 7
  and 5: at 28x28 a cell is as large as 8 pixels of VGG-M's input;
- narrow layers: a few hundred clips cannot feed 512 channels;
- batch normalisation for local response normalisation; pooling 2x2 for 3x3;
- five branches that differ: on 14x14, kernels 5 and 6 both need 3x3 windows, so
  kernel 5 has 4x4 (`mepipe.networks.pyramid.cells_of`);
- the branches upsampled to the size of the map (nearest cell), concatenated with
  it and fused by a 1x1 convolution;
- other modes and fusions of `mepipe.networks.pooling`, by name, to compare;
- average pooling after layer 5 and one linear layer for VGG-M's three;
- several maps a clip (two phases, a sequence) pass through the same layers, one by
  one, and meet in the linear layer: so a filter is learnt from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mepipe.errors import UsageError
from mepipe.networks import pyramid
from mepipe.networks.pooling import PointwiseLayers, PyramidPooling


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return convolution and batch normalisation. At stride 1 the size is kept."""
    # No bias: batch normalisation subtracts the mean.
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class SPPNet(nn.Module):
    """Five convolutional layers, a pyramid after one of them, a linear classifier.

    Shapes for the defaults (28x28, width 8) in `forward`.

    Parameters
    ----------
    channels, size, classes
        The network takes (B, channels, size, size) and returns logits (B, classes).
    maps
        Of each clip: the network takes (B, maps, channels, size, size). None: one map, without
        that axis.
    kernels, position, mode, pool, fuse, cells
        Of the pyramid (`mepipe.networks.pyramid.plan`, `PyramidPooling`).
    width
        Channels of layer 1. Layer 2 has twice as many, layers 3 to 5 four times.
    dropout
        Share of the classifier's inputs that training drops, 0 to 1.
    pooled
        False replaces the pyramid by 1x1 convolutions (`base`).

    Raises
    ------
    UsageError
        If the pyramid is impossible (`mepipe.networks.pyramid.plan`).

    Examples
    --------
    >>> import torch
    >>> from mepipe.networks.spp import SPPNet
    >>> SPPNet()(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        size: int = 28,
        classes: int = 3,
        maps: int | None = None,
        kernels: Sequence[int] = (2, 3, 4, 5, 6),
        position: int = 2,
        mode: str = "upsample",
        pool: str = "max",
        fuse: str = "concat-1x1",
        cells: str = "distinct",
        width: int = 8,
        dropout: float = 0.5,
        pooled: bool = True,
    ) -> None:
        super().__init__()
        self.pyramid = pyramid.plan(size, kernels, position, mode, cells)
        first, second = pyramid.strides(size)
        widths = (width, 2 * width, 4 * width, 4 * width, 4 * width)
        here = widths[position - 1]
        # Input channels of each layer, and of the classifier.
        inputs = [channels, *widths]
        inputs[position] = pyramid.outputs(here, self.pyramid.kernels, mode, fuse)
        self.layers = nn.ModuleList(
            [
                convolution(inputs[0], widths[0], 5, first),
                convolution(inputs[1], widths[1], 3, second),
                convolution(inputs[2], widths[2], 3),
                convolution(inputs[3], widths[3], 3),
                convolution(inputs[4], widths[4], 3),
            ]
        )
        self.spp = (
            PyramidPooling(here, self.pyramid.size, kernels, pool, mode, fuse, cells)
            if pooled
            else PointwiseLayers(here, len(self.pyramid.kernels), fuse)
        )
        self.relu = nn.ReLU(inplace=True)
        # Pooling follows layers 1, 2 and 5, as in VGG-M; ceil keeps every row.
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.final_pool: nn.Module = nn.AvgPool2d(2, ceil_mode=True)
        last = -(-pyramid.map_sizes(size)[-1] // 2)
        features = inputs[5] * last * last
        if mode == "flat":
            self.final_pool, features = nn.Identity(), inputs[5]
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(features * (maps or 1), classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) for (B, channels, size, size), or several maps a clip."""
        if x.ndim == 5:
            # (B, M, 3, 28, 28) -> (B * M, 3, 28, 28) -> (B, M, 32, 4, 4) -> (B, 3)
            seen = self._seen(x.flatten(0, 1))
            x = seen.reshape(len(x), -1, *seen.shape[1:])
        else:
            x = self._seen(x)
        logits: Tensor = self.classify(x)
        return logits

    def _seen(self, x: Tensor) -> Tensor:
        """Return what the classifier gets of each map (B, channels, size, size)."""
        # x                              (B, 3, 28, 28)
        # layer 1                        (B, 8, 28, 28), pooled to 14x14
        # layer 2                        (B, 16, 14, 14)
        # pyramid, fused by 1x1          (B, 16, 14, 14), pooled to 7x7
        # layers 3 to 5                  (B, 32, 7, 7), pooled to 4x4
        # classifier, in `forward`       (B, 32 * 4 * 4) -> (B, 3)
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x)
            pools = number <= 2
            if number == self.pyramid.position:
                x = self.spp(self.relu(x))
                x = self.pool(x) if pools else x
            else:
                # The largest of rectified cells is the rectified largest, at a quarter of the work.
                x = self.relu(self.pool(x) if pools else x)
        seen: Tensor = self.final_pool(x)
        return seen


def base(*, mode: str = "upsample", **options: Any) -> SPPNet:
    """Return the network without the pyramid, with as many parameters as with it.

    It is the control of an ablation: two 1x1 convolutions replace the pyramid
    (`mepipe.networks.pooling.PointwiseLayers`).

    Parameters
    ----------
    mode, options
        Those of the `SPPNet` it is compared with.

    Raises
    ------
    UsageError
        If the pyramid is impossible, or ``mode`` is "flat": He's bins widen the
        classifier, and nothing without pooling has as many parameters.
    """
    if mode == "flat":
        raise UsageError(
            "model.mode = flat has no base with equal parameters",
            "Compare with the base of another model.mode.",
        )
    return SPPNet(mode=mode, pooled=False, **options)

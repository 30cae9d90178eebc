"""STSTNet: three shallow streams, one convolution deep.

Liong, Gan, See, Khor and Huang, "Shallow Triple Stream Three-dimensional CNN
(STSTNet) for Micro-expression Recognition", FG 2019 (arXiv 1902.03634).

The three streams differ in their number of filters, 3, 5 and 8. Each sees all
channels: the "three-dimensional" input is u, v and strain stacked. Only this
gives the published 1,683 trainable parameters at 28x28x3 with 3 classes, batch
normalisation included:

- 3x3x3 filters and their biases: (27 + 1) * (3 + 5 + 8) = 448;
- batch normalisation, scale and shift: 2 * 16 = 32;
- the fully connected layer on 5x5x16: 400 * 3 + 3 = 1,203.

One filter plane per stream would give 1,395; without batch normalisation there
are 1,651. Padding, batch normalisation and dropout are not in the part of the
paper that we have. They follow its public PyTorch ports, except that we pad the
convolution by 1 ("same") and they by 2. Both give 10x10 cells after the pooling.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FILTERS = (3, 5, 8)


class STSTNet(nn.Module):
    """Three parallel streams, average pooling and one fully connected layer.

    Parameters
    ----------
    channels, size, classes
        The network takes (B, channels, size, size) and returns logits (B, classes).
    dropout
        Share of each stream's outputs that training drops, 0 to 1.

    Examples
    --------
    >>> from mepipe.networks.ststnet import STSTNet
    >>> sum(p.numel() for p in STSTNet().parameters())
    1683
    """

    def __init__(
        self, *, channels: int = 3, size: int = 28, classes: int = 3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, filters, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(filters),
                nn.MaxPool2d(3, stride=3, padding=1),
                nn.Dropout(dropout),
            )
            for filters in FILTERS
        )
        self.pool = nn.AvgPool2d(2)
        cells = ((size - 1) // 3 + 1) // 2  # of the pooling by 3, then by 2
        self.classify = nn.Linear(sum(FILTERS) * cells * cells, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) for features (B, channels, size, size)."""
        # x            (B, 3, 28, 28)
        # streams      (B, 3 + 5 + 8, 10, 10): convolved to 28x28, max-pooled by 3
        # pooled       (B, 16, 5, 5): averaged by 2
        # classifier   (B, 400) -> (B, 3)
        streams = torch.cat([stream(x) for stream in self.streams], dim=1)
        logits: Tensor = self.classify(self.pool(streams).flatten(1))
        return logits

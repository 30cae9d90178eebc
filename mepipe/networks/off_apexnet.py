"""OFF-ApexNet: a stream for u, a stream for v, two wide layers.

Gan, Liong, Yau, Huang and Tan, "OFF-ApexNet on micro-expression recognition
system", Signal Processing: Image Communication 74, 2019. Strain is not used.
The padding is "same": without it a stream of 28x28 would not end in the paper's
784 values. Dropout before the classifier is our choice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mepipe.errors import UsageError
from mepipe.schema import FLOW_CHANNELS

UNITS = 1024


class OFFApexNet(nn.Module):
    """Two streams of two convolutions, joined by two fully connected layers.

    Parameters
    ----------
    channels, size, classes
        The network takes (B, channels, size, size) and returns logits (B, classes).
        Channels after u and v are ignored.
    dropout
        Share of each wide layer's outputs that training drops, 0 to 1.

    Raises
    ------
    UsageError
        If there are fewer than two channels.
    """

    def __init__(
        self, *, channels: int = 2, size: int = 28, classes: int = 3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        if channels < FLOW_CHANNELS:
            raise UsageError(
                f"off-apexnet needs u and v, and the features have {channels} channel",
                "Make features with u and v as their first channels.",
            )
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5, padding=2),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Flatten(),
            )
            for _ in range(FLOW_CHANNELS)
        )
        cells = size // 2 // 2
        self.classify = nn.Sequential(
            nn.Linear(FLOW_CHANNELS * 16 * cells * cells, UNITS),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(UNITS, UNITS),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(UNITS, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) for features (B, channels, size, size)."""
        # u and v        (B, 1, 28, 28) each
        # each stream    (B, 784): 16 maps of 7x7
        # joined         (B, 1568) -> (B, 1024) -> (B, 1024) -> (B, 3)
        parts = [stream(x[:, n : n + 1]) for n, stream in enumerate(self.streams)]
        logits: Tensor = self.classify(torch.cat(parts, dim=1))
        return logits

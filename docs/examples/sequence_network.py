"""A network over several frames of a clip, leaving one person out.

::

    mepipe sample S
    mepipe run S --out seq --until pack --set flow.targets=8 \\
        --set 'pack.include=["x", "sequence"]'
    python docs/examples/sequence_network.py seq/features.h5

A clip is eight maps of flow from the onset, to frames spread evenly up to the
offset: the movement comes and goes. A small convolution looks at each, a GRU
(Cho et al., EMNLP 2014) follows them over time. As in pytorch_loop.py nothing is
chosen on the held-out person.
"""

import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

import mepipe
from mepipe import metrics

EPOCHS = 20


class SequenceNetwork(nn.Module):
    """One convolution for every frame, then a GRU over the frames."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.frame = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.time = nn.GRU(8 * 4 * 4, 32, batch_first=True)
        self.classify = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) of sequences (B, K, 3, S, S)."""
        frames = self.frame(x.flatten(0, 1))  # (B * K, 128)
        over_time, _ = self.time(frames.unflatten(0, x.shape[:2]))  # (B, K, 32)
        logits: Tensor = self.classify(over_time.mean(dim=1))
        return logits


def answers(features: mepipe.Features, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Train on the clips ``train`` and return the classes predicted for ``test``."""
    torch.manual_seed(0)
    sequences = features.torch(of="sequence")
    loader = DataLoader(Subset(sequences, train.tolist()), batch_size=8, shuffle=True)
    model = SequenceNetwork(len(features.classes))
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for x, y in loader:  # (B, K, 3, S, S), (B,)
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
    with torch.no_grad():
        held_out = DataLoader(Subset(sequences, test.tolist()), batch_size=64)
        return torch.cat([model(x).argmax(1) for x, _ in held_out]).numpy()


features = mepipe.load(*sys.argv[1:]).labelled()
predicted = np.empty_like(features.y)
for train, test in features.loso():
    predicted[test] = answers(features, train, test)

counts = metrics.confusion(features.y, predicted, len(features.classes))
floor = metrics.largest_class(counts)
print(f"{len(features)} clips of {features.read('sequence', [0]).shape[1]} maps each")
print(f"UF1 {metrics.uf1(counts):.3f}, UAR {metrics.uar(counts):.3f}")
print(f"always the largest class: UF1 {metrics.uf1(floor):.3f}, UAR {metrics.uar(floor):.3f}")

"""A plain PyTorch loop: a network of your own, leaving one person out.

::

    mepipe sample S && mepipe run S --out out --until pack
    python docs/examples/pytorch_loop.py out/features.h5

Two DataLoader workers read the clips of a batch straight from the file. Nothing
is chosen on the held-out person: the number of epochs is fixed beforehand, the
last weights are used, and class weights come from the training clips.
"""

import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

import mepipe
from mepipe import metrics

EPOCHS = 20


def shifted(x: Tensor) -> Tensor:
    """Move a clip's maps (3, S, S) by up to one pixel, for training only."""
    down, right = torch.randint(-1, 2, (2,)).tolist()
    return x.roll((down, right), dims=(1, 2))


def network(classes: int) -> nn.Module:
    """Return a small network of (B, 3, S, S) for any S from 8 on."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(8),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(4),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(16 * 4 * 4, classes),
    )


def answers(features: mepipe.Features, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Train on the clips ``train`` and return the classes predicted for ``test``."""
    torch.manual_seed(0)
    loader = DataLoader(
        Subset(features.torch(shifted), train.tolist()),
        batch_size=8,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
    )
    seen = np.bincount(features.y[train], minlength=len(features.classes))
    weights = torch.tensor(len(train) / np.maximum(seen, 1), dtype=torch.float32)
    model = network(len(features.classes))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for x, y in loader:  # (B, 3, S, S), (B,)
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y, weights).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        held_out = DataLoader(Subset(features.torch(), test.tolist()), batch_size=64)
        return torch.cat([model(x).argmax(1) for x, _ in held_out]).numpy()


def main() -> None:
    """Hold out each person in turn and print the figures of all folds together."""
    features = mepipe.load(*sys.argv[1:]).labelled()
    predicted = np.empty_like(features.y)
    for train, test in features.loso():
        predicted[test] = answers(features, train, test)
        right = (predicted[test] == features.y[test]).sum()
        print(f"{features.group[test][0]}: {right} of {len(test)}")
    counts = metrics.confusion(features.y, predicted, len(features.classes))
    floor = metrics.largest_class(counts)
    print(f"UF1 {metrics.uf1(counts):.3f}, UAR {metrics.uar(counts):.3f}")
    print(f"always the largest class: UF1 {metrics.uf1(floor):.3f}, UAR {metrics.uar(floor):.3f}")


if __name__ == "__main__":  # workers import this file again where they are not forked
    main()

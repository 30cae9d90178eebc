"""What a network is trained to answer: one of several classes, or each of several action units.

Classes are numbers (N,), and the network says which one. Action units are 0 or 1 (N, U), and it
says of each, by a logit of its own, whether the clip has it. The number of dimensions tells
the two apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Ints = NDArray[np.int64]


def are_units(y: Ints) -> bool:
    """Return True for action units (N, U), False for classes (N,)."""
    return y.ndim == 2


def check_targets(y: Ints, outputs: int) -> None:
    """Raise ValueError unless y is (N,) of 0 to ``outputs`` - 1, or (N, ``outputs``) of 0 and 1."""
    if are_units(y) and y.shape[1] != outputs:
        raise ValueError(f"y must have {outputs} columns, one a unit, not {y.shape[1]}")
    most = 1 if are_units(y) else outputs - 1
    if y.min() < 0 or y.max() > most:
        raise ValueError(f"y must be 0 to {most}, not {y.min()} to {y.max()}")


def seen_targets(y: Ints, outputs: int) -> NDArray[np.bool_]:
    """Return whether each class, or action unit, has a training clip (``outputs``,)."""
    counts: Ints = y.sum(axis=0) if are_units(y) else np.bincount(y, minlength=outputs)
    return counts > 0


def weights_of(y: Ints, classes: int, *, balance: bool) -> NDArray[np.float32]:
    """Return the weights (K,) of classes or of action units in the loss."""
    if are_units(y):
        return unit_weights(y, balance=balance)
    return class_weights(y, classes, balance=balance)


def class_weights(y: Ints, classes: int, *, balance: bool) -> NDArray[np.float32]:
    """Return the weight (K,) of each class in the loss.

    With ``balance`` every class that has clips weighs the same in total; a class
    without any weighs nothing.
    """
    counts = np.bincount(y, minlength=classes)
    present = counts > 0
    even = len(y) / (present.sum() * np.maximum(counts, 1)) if balance else np.ones(classes)
    return np.where(present, even, 0.0).astype(np.float32)


def unit_weights(y: Ints, *, balance: bool) -> NDArray[np.float32]:
    """Return the weight in the loss of a clip without a unit and of one with it, (2, U).

    With ``balance`` the clips with a unit weigh as much in total as those without it.

    >>> unit_weights(np.array([[1, 0], [0, 0], [0, 1], [0, 1]]), balance=True).tolist()
    [[0.6666666865348816, 1.0], [2.0, 1.0]]
    """
    clips, units = y.shape
    if not balance:
        return np.ones((2, units), dtype=np.float32)
    counts = np.stack([(y == 0).sum(axis=0), (y == 1).sum(axis=0)])
    weights: NDArray[np.float32] = (clips / (2 * np.maximum(counts, 1))).astype(np.float32)
    return weights


def loss_of(logits: Tensor, targets: Tensor, weight: Tensor, label_smoothing: float) -> Tensor:
    """Return the loss of a batch: cross-entropy of classes, binary cross-entropy of units.

    Parameters
    ----------
    logits
        (B, K), or (B, U).
    targets
        (B,) class numbers, or (B, U) of 0 and 1.
    weight
        (K,) of each class, or (2, U) as of `unit_weights`.
    label_smoothing
        s: the share of a target that is spread over all classes; of a unit, 1 becomes
        1 - s / 2 and 0 becomes s / 2. The weight of a clip is that of its own target, so that
        0.5 stays the border.
    """
    from torch.nn import functional

    if targets.ndim == 1:
        return functional.cross_entropy(
            logits, targets, weight=weight, label_smoothing=label_smoothing
        )
    has = targets.to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(
        logits,
        has * (1 - label_smoothing) + label_smoothing / 2,
        weight=has * weight[1] + (1 - has) * weight[0],
    )

"""The arithmetic of the SPP network: map sizes and cells, without torch.

A plan can so refuse kernels that cannot fit before anything is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mepipe.errors import UsageError

LAYERS = 5
ORIGINAL_STRIDES_FROM = 112
"""Inputs of at least this side keep VGG-M's strides of 2 in layers 1 and 2."""


def strides(size: int) -> tuple[int, int]:
    """Return the strides of the first two convolutions for a ``size`` x ``size`` input.

    VGG-M's own strides (2, 2) leave 2x2 cells of a 28x28 input after layer 2,
    too few for any pyramid; small inputs therefore keep stride 1.
    """
    return (2, 2) if size >= ORIGINAL_STRIDES_FROM else (1, 1)


def map_sizes(size: int) -> tuple[int, ...]:
    """Return the side of the map after each of the five convolutional layers.

    Parameters
    ----------
    size
        Side of the input, in cells.

    Returns
    -------
    tuple of int
        One side per layer, before the pooling that follows the layer: 28 gives
        28, 14, 7, 7, 7; 112 gives 56, 14, 7, 7, 7.
    """
    first, second = strides(size)
    one = _halved(size, first)
    two = _halved(_halved(one, 2), second)
    three = _halved(two, 2)
    return (one, two, three, three, three)


def _halved(size: int, stride: int) -> int:
    return -(-size // stride)


@dataclass(frozen=True)
class Pyramid:
    """Where the pyramid stands and what its branches see.

    ``size`` is the side of the map in front of it, ``cells`` the number of
    cells a side of each branch, in the order of ``kernels``.
    """

    position: int
    size: int
    kernels: tuple[int, ...]
    cells: tuple[int, ...]

    @property
    def equal(self) -> tuple[tuple[int, ...], ...]:
        """Return the groups of kernels whose branches have the same number of cells."""
        groups: dict[int, list[int]] = {}
        for kernel, cells in zip(self.kernels, self.cells, strict=True):
            groups.setdefault(cells, []).append(kernel)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def describe(self) -> str:
        """Return the cells of each branch in a line, and a warning where two are equal."""
        if not self.kernels:
            return "no pyramid"
        branches = ", ".join(
            f"kernel {kernel}: {cells}x{cells}"
            for kernel, cells in zip(self.kernels, self.cells, strict=True)
        )
        text = f"pyramid after layer {self.position} on {self.size}x{self.size}: {branches}"
        for group in self.equal:
            names = " and ".join(str(kernel) for kernel in group)
            text += f"; warning: kernels {names} have the same number of cells"
        return text


def plan(size: int, kernels: Sequence[int], position: int) -> Pyramid:
    """Return the pyramid that ``kernels`` make of an input of ``size`` x ``size``.

    Windows stand side by side (stride = kernel) and cover the whole map, those
    at the border in part, so a branch has ceil(map / kernel) cells a side.

    Raises
    ------
    UsageError
        If there is no such layer, a kernel is repeated or below 2, or a kernel
        is larger than the map, where its branch would be a constant.
    """
    if not 1 <= position <= LAYERS:
        raise UsageError(
            f"model.position = {position}: the base has layers 1 to {LAYERS}", "Choose one of them."
        )
    kernels = tuple(kernels)
    side = map_sizes(size)[position - 1]
    if len(set(kernels)) < len(kernels) or any(kernel < 2 for kernel in kernels):
        raise UsageError(
            f"model.kernels = {list(kernels)}: kernels must differ and be at least 2",
            "Leave out what is repeated or below 2.",
        )
    too_large = [kernel for kernel in kernels if kernel > side]
    if too_large:
        raise UsageError(
            f"model.kernels = {list(kernels)}: the map after layer {position} is {side}x{side} "
            f"for an input of {size}x{size}, so kernel {too_large[0]} does not fit",
            f"Use kernels up to {side}, an earlier model.position, or a larger tensor.size.",
        )
    return Pyramid(position, side, kernels, tuple(-(-side // kernel) for kernel in kernels))

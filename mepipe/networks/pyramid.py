"""The arithmetic of the SPP network: sizes of maps and numbers of cells, without torch.

So impossible kernels are refused before anything is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mepipe.errors import UsageError

LAYERS = 5

Mode = Literal["upsample", "same", "bins", "flat"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""The modes of pooling (`plan` explains each)."""

Cells = Literal["distinct", "fewest"]
CELLS: tuple[Cells, ...] = get_args(Cells)
"""How many windows a side a branch has in the mode "upsample" (`cells_of`)."""

Pool = Literal["max", "average"]
POOLS: tuple[Pool, ...] = get_args(Pool)

Fusion = Literal["concat", "concat-1x1", "sum"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)
"""The ways to fuse branches and map (`mepipe.networks.pooling.PyramidPooling`)."""

ORIGINAL_STRIDES_FROM = 112
"""Inputs of at least this side keep VGG-M's strides of 2 in layers 1 and 2."""


def strides(size: int) -> tuple[int, int]:
    """Return the strides of the first two convolutions for a ``size`` x ``size`` input.

    VGG-M's own strides (2, 2) leave 2x2 cells of a 28x28 input after layer 2,
    too few for any pyramid. So small inputs keep stride 1.

    Examples
    --------
    >>> from mepipe.networks.pyramid import strides
    >>> strides(28), strides(224)
    ((1, 1), (2, 2))
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
        One side per layer, before the pooling that follows it.

    Examples
    --------
    >>> from mepipe.networks.pyramid import map_sizes
    >>> map_sizes(28)
    (28, 14, 7, 7, 7)
    >>> map_sizes(112)
    (56, 14, 7, 7, 7)
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
    """The position of the pyramid and the cells of its branches.

    ``size`` is the side of its input map. ``cells`` is the number of cells a side
    of each branch, in the order of ``kernels``.
    """

    position: int
    size: int
    kernels: tuple[int, ...]
    cells: tuple[int, ...]
    mode: str = "upsample"

    @property
    def equal(self) -> tuple[tuple[int, ...], ...]:
        """Return the groups of kernels whose branches have the same number of cells.

        With "same" all have, and differ in the windows of a cell. Then it is empty.
        """
        if self.mode == "same":
            return ()
        groups: dict[int, list[int]] = {}
        for kernel, cells in zip(self.kernels, self.cells, strict=True):
            groups.setdefault(cells, []).append(kernel)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def describe(self) -> str:
        """Return the cells of each branch as one line, with a warning where two are equal."""
        if not self.kernels:
            return "no pyramid"
        word = "bins" if self.mode in ("bins", "flat") else "kernel"
        branches = ", ".join(
            f"{word} {kernel}: {cells}x{cells}"
            for kernel, cells in zip(self.kernels, self.cells, strict=True)
        )
        way = "" if self.mode == "upsample" else f", mode {self.mode}"
        text = f"pyramid after layer {self.position} on {self.size}x{self.size}{way}: {branches}"
        for group in self.equal:
            names = " and ".join(str(kernel) for kernel in group)
            text += f"; warning: kernels {names} have the same number of cells"
        return text


def plan(
    size: int,
    kernels: Sequence[int],
    position: int,
    mode: str = "upsample",
    cells: str = "distinct",
) -> Pyramid:
    """Return the pyramid with these kernels for an input of ``size`` x ``size``.

    Parameters
    ----------
    size
        Side of the input, in cells.
    kernels
        Sides of the windows; for "bins" and "flat" the number of bins a side.
    position
        The layer that it follows, 1 to 5.
    mode
        "upsample": windows side by side (stride = kernel) that cover the whole
        map. A branch is upsampled to the size of the map.
        "same": a window around every cell (stride 1). A branch has the size of
        the map.
        "bins": kernel x kernel bins that divide the map as evenly as possible,
        upsampled to the size of the map (PSPNet).
        "flat": the same bins as one vector, input of the classifier (SPP-net).
    cells
        How many windows a side a branch has with "upsample": "distinct" or
        "fewest" (`cells_of`).

    Raises
    ------
    UsageError
        If there is no such layer, mode or choice of cells; if a kernel is
        repeated, too small or larger than the map (its branch would be constant);
        if there are more bins than cells; or if "flat" is not in front of the classifier.

    Examples
    --------
    >>> from mepipe.networks.pyramid import plan
    >>> plan(28, kernels=(2, 3, 4), position=2).cells
    (7, 5, 4)
    >>> plan(28, kernels=(2, 3, 4, 5, 6), position=2).cells
    (7, 6, 5, 4, 3)
    >>> plan(28, kernels=(2, 3, 4, 5, 6), position=2, cells="fewest").cells
    (7, 5, 4, 3, 3)
    """
    check_choice("mode", mode, MODES)
    if not 1 <= position <= LAYERS:
        raise UsageError(
            f"model.position = {position}: the base has layers 1 to {LAYERS}", "Choose one of them."
        )
    kernels = tuple(kernels)
    side = map_sizes(size)[position - 1]
    binned = mode in ("bins", "flat")
    least = 1 if binned else 2
    if len(set(kernels)) < len(kernels) or any(kernel < least for kernel in kernels):
        raise UsageError(
            f"model.kernels = {list(kernels)}: kernels must differ and be at least {least}",
            f"Leave out what is repeated or below {least}.",
        )
    if mode == "flat" and position != LAYERS:
        raise UsageError(
            f"model.mode = flat with model.position = {position}: flattened bins are not a map, "
            "so no layer can follow them",
            f'Use model.position = {LAYERS}, or model.mode = "bins".',
        )
    if mode == "flat" and not kernels:
        raise UsageError(
            "model.mode = flat without kernels leaves nothing to classify",
            "Give model.kernels, the bins of each branch.",
        )
    too_large = [kernel for kernel in kernels if kernel > side]
    if too_large:
        what = (
            f"{too_large[0]}x{too_large[0]} bins are more than it has cells"
            if binned
            else f"kernel {too_large[0]} does not fit"
        )
        raise UsageError(
            f"model.kernels = {list(kernels)}: the map after layer {position} is {side}x{side} "
            f"for an input of {size}x{size}, so {what}",
            f"Use kernels up to {side}, an earlier model.position, or a larger tensor.size.",
        )
    return Pyramid(position, side, kernels, cells_of(side, kernels, mode, cells), mode)


def cells_of(size: int, kernels: Sequence[int], mode: str, cells: str) -> tuple[int, ...]:
    """Return the number of cells a side of each branch on a map of ``size`` x ``size``.

    With "fewest", windows of "upsample" are as few as cover the map: ceil(size / k)
    for kernel k. Two kernels of nearly the same size then may have as many windows,
    at nearly the same places, and are one scale instead of two. With "distinct", the
    smaller of them has one window more. The windows are centred, so one more shifts
    all of them by half a window: a border comes to lie where the middle of a window
    was. On 14x14, kernels 2 to 6 have 7, 6, 5, 4 and 3 windows, which are those of a
    map of 18x18 cells, 2 of them a side around the real ones. This is our choice; the
    paper's map is not known to us.

    Where the map is too small (a window would lie outside of it) "distinct" is the
    same as "fewest". It is also the same where no two branches are equal. The other
    modes leave no choice.

    Raises
    ------
    UsageError
        If ``cells`` is neither.
    """
    check_choice("cells", cells, CELLS)
    if mode == "same":
        return (size,) * len(kernels)
    if mode in ("bins", "flat"):
        return tuple(kernels)
    fewest = {kernel: -(-size // kernel) for kernel in kernels}
    found: dict[int, int] = {}
    if cells == "distinct":
        for kernel in sorted(fewest, reverse=True):
            found[kernel] = fewest[kernel] + (fewest[kernel] in found.values())
        # The outer windows must hold at least one cell each.
        fit = all(cell * kernel - size <= 2 * (kernel - 1) for kernel, cell in found.items())
        if not fit or len(set(found.values())) < len(found):
            found = {}
    return tuple((found or fewest)[kernel] for kernel in kernels)


def outputs(channels: int, kernels: Sequence[int], mode: str, fuse: str) -> int:
    """Return the output channels of the pyramid, or for "flat" the length of its vector.

    "concat-1x1" and "sum" keep the C input channels. "concat" gives C (1 + K) for
    K kernels.
    """
    if mode == "flat":
        return channels * sum(kernel * kernel for kernel in kernels)
    return channels * (1 + len(kernels)) if fuse == "concat" else channels


def check_choice(setting: str, value: str, choices: Sequence[str]) -> None:
    """Check the value of ``model.setting``.

    Raises
    ------
    UsageError
        If it is not one of ``choices``.
    """
    if value not in choices:
        raise UsageError(
            f"model.{setting} = {value}: there is no such choice",
            f"Choose one of: {', '.join(choices)}.",
        )


def windows(size: int, kernel: int, mode: str, cells: int) -> tuple[tuple[int, int], ...]:
    """Return the half-open range of cells of each window along one axis of the map.

    ``cells`` is the number of windows (`cells_of`).

    "bins" and "flat" take He et al.'s windows, floor(i S / n) to
    ceil((i + 1) S / n) for bin i of n. Where n does not divide S, neighbours
    share a row. "upsample" centres the windows on the map: the outer ones extend
    beyond both borders by the same amount, or by one cell more on the far side.

    Examples
    --------
    >>> from mepipe.networks.pyramid import windows
    >>> windows(7, 3, "upsample", 3)
    ((0, 2), (2, 5), (5, 7))
    >>> windows(14, 5, "upsample", 4)
    ((0, 2), (2, 7), (7, 12), (12, 14))
    >>> windows(7, 3, "bins", 3)
    ((0, 3), (2, 5), (4, 7))
    """
    if mode in ("bins", "flat"):
        return tuple((i * size // kernel, -(-(i + 1) * size // kernel)) for i in range(kernel))
    if mode == "same":
        return tuple(
            (max(0, i - kernel // 2), min(size, i - kernel // 2 + kernel)) for i in range(size)
        )
    before = overhang(size, kernel, cells)
    return tuple(
        (max(0, i * kernel - before), min(size, (i + 1) * kernel - before)) for i in range(cells)
    )


def overhang(size: int, kernel: int, cells: int) -> int:
    """Return by how many map cells centred windows extend beyond the first border."""
    return (cells * kernel - size) // 2


def nearest_window(size: int, kernel: int, mode: str, cells: int) -> tuple[int, ...]:
    """Return for each cell along one axis the window whose value it gets by upsampling."""
    if mode == "bins":
        return tuple((2 * i + 1) * kernel // (2 * size) for i in range(size))
    return tuple((i + overhang(size, kernel, cells)) // kernel for i in range(size))

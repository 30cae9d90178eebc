"""Spatial pyramid pooling: parallel pooling branches over a feature map, in four modes.

- "upsample": kernel = stride, upsampled to the size of the map. Our reading of Lim
  et al., "Micro Expression Recognition: Multi-scale Approach [...]", IJACSA 12(12),
  2021.
- "same": windows of stride 1, as in the SPP block of YOLO (Huang et al.,
  "DC-SPP-YOLO", Information Sciences 522, 2020).
- "bins": bins, upsampled, as in PSPNet (Zhao et al., CVPR 2017). PSPNet
  interpolates linearly; here each cell takes the nearest bin.
- "flat": bins as one vector, as in SPP-net (He et al., ECCV 2014).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mepipe.errors import UsageError
from mepipe.networks import pyramid
from mepipe.networks.stacked import linear

MAX_FUSED_SIDE = 32
"""Largest side of a map whose branches are all upsampled by one matrix product."""


class PyramidPooling(nn.Module):
    """Parallel pooling branches over a map, fused with the map itself.

    Every operation has a deterministic backward pass, on CUDA too. Adaptive
    pooling and interpolation have none there. So bins of unequal size are first
    laid side by side by a fixed matrix product, which repeats the cells that two
    bins share, and then pooled as equal windows. Branches are upsampled by a
    fixed matrix product.

    Parameters
    ----------
    channels
        Channels C of the map.
    size
        Side S of the map.
    kernels
        One branch each: the sides of K windows, or K numbers of bins a side.
    pool
        "max" or "average". The average leaves padding out.
    mode
        "upsample", "same", "bins" or "flat" (`mepipe.networks.pyramid.plan`).
    fuse
        "concat-1x1": C channels, by a 1x1 convolution of map and branches, batch
        normalisation and ReLU. "concat": C (1 + K) channels, which widen the
        layer that follows. "sum": C channels, no weights. With "flat" the
        vectors are always concatenated; they cannot be summed.
    cells
        "distinct" or "fewest" windows a side (`mepipe.networks.pyramid.cells_of`).

    Attributes
    ----------
    outputs
        Channels of what `forward` returns. For "flat" the length of its vector.

    Raises
    ------
    UsageError
        If pool, mode, fuse or cells is unknown, or "sum" is combined with "flat".
    """

    upsampling: Tensor

    def __init__(
        self,
        channels: int,
        size: int,
        kernels: Sequence[int],
        pool: str = "max",
        mode: str = "upsample",
        fuse: str = "concat-1x1",
        cells: str = "distinct",
    ) -> None:
        super().__init__()
        pyramid.check_choice("pool", pool, pyramid.POOLS)
        pyramid.check_choice("mode", mode, pyramid.MODES)
        pyramid.check_choice("fuse", fuse, pyramid.FUSIONS)
        if mode == "flat" and fuse == "sum":
            raise UsageError(
                "model.fuse = sum with model.mode = flat: vectors of different lengths have no sum",
                'Use model.fuse = "concat", or model.mode = "bins".',
            )
        self.size = size
        self.kernels = tuple(kernels)
        self.pool = pool
        self.mode = mode
        self.fusion = fuse
        self.cells = pyramid.cells_of(size, self.kernels, mode, cells)
        # Torch's pooling pads half a window at most. Windows that extend further need a frame.
        self.frames = {
            kernel: max(0, pyramid.overhang(size, kernel, count) - kernel // 2)
            if mode == "upsample"
            else 0
            for kernel, count in zip(self.kernels, self.cells, strict=True)
        }
        self.outputs = pyramid.outputs(channels, self.kernels, mode, fuse)
        if fuse == "concat-1x1" and mode != "flat":
            self.fuse = nn.Linear(channels * (1 + len(self.kernels)), channels, bias=False)
            self.after = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        upsamples = mode in ("upsample", "bins")
        # One matrix for all branches is faster where it is small: it has S^2 rows. "concat"
        # needs the branches one by one.
        fused_upsampling = upsamples and fuse != "concat" and size <= MAX_FUSED_SIDE
        along = []
        for kernel, count in zip(self.kernels, self.cells, strict=True):
            if mode in ("bins", "flat"):
                self._add_constant(f"bins{kernel}", binning_matrix(size, kernel, pool))
            if self.frames[kernel] and pool == "average":
                shares = frame_shares(size, kernel, count, self.frames[kernel])
                self._add_constant(f"shares{kernel}", shares)
            if upsamples:
                along.append(axis_upsampling(size, kernel, mode, count))
                if not fused_upsampling:
                    self._add_constant(f"rows{kernel}", along[-1])
        self._add_constant("upsampling", upsampling_matrix(size, along if fused_upsampling else ()))

    def _add_constant(self, name: str, constant: Tensor) -> None:
        # A buffer moves to the device with the module. It is no part of a saved model.
        self.register_buffer(name, constant, persistent=False)

    def pooled(self, x: Tensor, kernel: int) -> Tensor:
        """Pool (B, C, S, S) to (B, C, cells, cells)."""
        return self._pooled(self._framed(x, self.frames[kernel]), kernel)

    def _framed(self, x: Tensor, width: int) -> Tensor:
        """Put ``width`` rows of nothing around the map, for the windows that extend far beyond."""
        if not width:
            return x
        nothing = float("-inf") if self.pool == "max" else 0.0
        return functional.pad(x, (width,) * 4, value=nothing)

    def _pooled(self, x: Tensor, kernel: int) -> Tensor:
        if self.mode == "upsample":
            count = self.cells[self.kernels.index(kernel)]
            beyond = pyramid.overhang(self.size, kernel, count) - self.frames[kernel]
            largest: Tensor
            if self.pool == "max":
                largest = functional.max_pool2d(x, kernel, padding=beyond, ceil_mode=True)
                return largest
            mean = functional.avg_pool2d(
                x, kernel, padding=beyond, ceil_mode=True, count_include_pad=False
            )
            return mean * self.get_buffer(f"shares{kernel}") if self.frames[kernel] else mean
        if self.mode == "same":
            # The window reaches kernel // 2 cells back, and one less forward if it is even. Padding
            # is symmetric, so even windows give one row and column too many.
            around: Tensor
            if self.pool == "max":
                around = functional.max_pool2d(x, kernel, 1, padding=kernel // 2)
            else:
                around = functional.avg_pool2d(
                    x, kernel, 1, padding=kernel // 2, count_include_pad=False
                )
            return around[:, :, : self.size, : self.size]
        # Bins: (B, C, S, S) -> (B, C, n L, n L), the cells of each bin side by side.
        # Right products only: torch makes one matrix product of a whole batch of them.
        cells = self.get_buffer(f"bins{kernel}")
        laid = ((x @ cells).transpose(2, 3) @ cells).transpose(2, 3)
        if self.pool == "average":
            return laid
        longest = cells.shape[1] // kernel
        cells_of_bins: Tensor = functional.max_pool2d(laid, longest)
        return cells_of_bins

    def upsample(self, cells: Tensor, kernel: int) -> Tensor:
        """Upsample (B, n, n, C) to the size of the map, (B, S, S, C)."""
        if self.mode == "same":
            return cells
        along = self.get_buffer(f"rows{kernel}")  # (S, n)
        return torch.einsum("sp,tq,bpqc->bstc", along, along, cells)

    def upsample_and_sum(self, branches: Sequence[Tensor]) -> Tensor:
        """Return the sum (B, S, S, C) of the upsampled branches (B, n, n, C)."""
        if self.upsampling.shape[1]:
            cells = torch.cat([branch.flatten(1, 2) for branch in branches], dim=1)
            return (self.upsampling @ cells).reshape(len(cells), self.size, self.size, -1)
        total = self.upsample(branches[0], self.kernels[0])
        for branch, kernel in zip(branches[1:], self.kernels[1:], strict=True):
            total = total + self.upsample(branch, kernel)
        return total

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, S, S) for (B, C, S, S); for "flat" (B, outputs)."""
        # x        (B, C, S, S)
        # pooled   K x (B, C, n, n), n by branch
        # fused    (B, C, S, S)
        # Products with matrices along the axes are fastest with the axes last in memory.
        whole = x.contiguous() if self.mode in ("bins", "flat") else x
        framed = {width: self._framed(whole, width) for width in set(self.frames.values())}
        pooled = [self._pooled(framed[self.frames[kernel]], kernel) for kernel in self.kernels]
        if self.mode == "flat":
            return torch.cat([cells.flatten(1) for cells in pooled], dim=1)
        branches = [cells.permute(0, 2, 3, 1) for cells in pooled]  # (B, n, n, C)
        own = x.permute(0, 2, 3, 1)
        if self.fusion == "concat":
            upsampled = [
                self.upsample(b, kernel) for b, kernel in zip(branches, self.kernels, strict=True)
            ]
            return torch.cat([own, *upsampled], dim=3).permute(0, 3, 1, 2)
        if self.fusion == "concat-1x1":
            # The 1x1 convolution of a concatenation is the sum of 1x1 convolutions of its
            # parts, and each of them commutes with upsampling. On the few cells of a branch
            # it is the same function at a third of the cost.
            mine, *weights = torch.split(self.fuse.weight, x.shape[1], dim=-1)  # each (C, C)
            own = linear(own, mine)
            branches = [
                linear(branch, weight) for branch, weight in zip(branches, weights, strict=True)
            ]
        fused = own + self.upsample_and_sum(branches) if branches else own
        fused = fused.permute(0, 3, 1, 2)
        if self.fusion == "sum":
            return fused
        out: Tensor = self.after(fused)
        return out


def axis_upsampling(size: int, kernel: int, mode: str, cells: int) -> Tensor:
    """Return the matrix (S, n) of 0 and 1 that upsamples one axis from windows to cells."""
    window = torch.tensor(pyramid.nearest_window(size, kernel, mode, cells))
    return functional.one_hot(window, cells).float()


def upsampling_matrix(size: int, along: Sequence[Tensor]) -> Tensor:
    """Return the matrix that upsamples all branches and sums them.

    ``along`` has the matrix (S, n) of each branch (`axis_upsampling`). The result is
    (S * S, sum of n * n) of 0 and 1: nearest-neighbour upsampling as one fixed
    matrix product. Its backward pass is deterministic on every device; that of
    interpolation is not.
    """
    parts = [torch.kron(one, one) for one in along]  # of rows and columns
    return torch.cat(parts, dim=1) if parts else torch.zeros(size * size, 0)


def frame_shares(size: int, kernel: int, cells: int, frame: int) -> Tensor:
    """Return (n, n) the factor of the mean of each window, for a frame that counts as zeros.

    The area of the window with the frame over that without it.
    """
    before = pyramid.overhang(size, kernel, cells)
    starts = [i * kernel - before for i in range(cells)]
    share = torch.tensor(
        [
            (min(size + frame, start + kernel) - max(-frame, start))
            / (min(size, start + kernel) - max(0, start))
            for start in starts
        ]
    )
    return torch.outer(share, share)


def binning_matrix(size: int, bins: int, pool: str) -> Tensor:
    """Return the constant matrix that pools one axis of a map into bins.

    For "average" (S, n): the mean of each bin. For "max" (S, n * L), where L is
    the length of the longest bin: the cells of each bin side by side. Shorter
    bins repeat their last cell, which does not change the maximum.
    """
    windows = pyramid.windows(size, bins, "bins", bins)
    if pool == "average":
        mean = torch.zeros(bins, size)
        for row, (start, end) in zip(mean, windows, strict=True):
            row[start:end] = 1 / (end - start)
        return mean.T.contiguous()
    longest = max(end - start for start, end in windows)
    cells = [min(start + i, end - 1) for start, end in windows for i in range(longest)]
    return functional.one_hot(torch.tensor(cells), size).float().T.contiguous()


class PointwiseLayers(nn.Module):
    """The replacement of the pyramid in the base network: as many weights, no pooling.

    Parameters
    ----------
    channels
        Channels C of the map.
    branches
        K, the number of branches it replaces.
    fuse
        As in `PyramidPooling`. "concat-1x1": two 1x1 convolutions with ReLU
        between, C -> C (1 + K) / 2 -> C, then the same batch normalisation and
        ReLU. They have as many weights as the pyramid's one convolution
        C (1 + K) -> C, or C more where C (1 + K) is odd. "concat": the map
        itself in place of each branch, so that the next layer is as wide.
        "sum": the identity.
    """

    def __init__(self, channels: int, branches: int, fuse: str) -> None:
        super().__init__()
        self.copies = 1 + branches if fuse == "concat" else 1
        self.outputs = channels * self.copies
        self.layers = nn.Sequential()
        if fuse == "concat-1x1":
            between = -(-channels * (1 + branches) // 2)
            self.layers = nn.Sequential(
                nn.Conv2d(channels, between, 1, bias=False),
                nn.ReLU(inplace=True),
                nn.Conv2d(between, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, S, S) for (B, C, S, S)."""
        out: Tensor = self.layers(x.repeat(1, self.copies, 1, 1))
        return out

"""Many networks of one architecture as one module: every layer computes all of them at once.

The rows of a batch lie network after network, (N * B, C, S, S). So what has no weights
(pooling, ReLU, flattening, concatenation) is computed as it is, and only layers with weights
or with statistics are exchanged for those below, which have a leading axis for the network.
No row and no network enters the result of another network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_PLAIN = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Identity)
_WEIGHTED = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.Dropout)


class StackedNetworks(nn.Module):
    """N networks of one architecture, each with its own weights and statistics.

    Parameters
    ----------
    networks
        The N networks. Their weights are copied; later changes of one side do not
        show on the other.

    Raises
    ------
    ValueError
        If there is none, or they have layers that cannot be stacked (`can_stack`).
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        if not networks or not can_stack(networks[0]):
            raise ValueError("there is no network, or it has layers that cannot be stacked")
        self.networks = len(networks)
        self.body = copy.deepcopy(networks[0])
        for path, module in list(self.body.named_modules()):
            if isinstance(module, _WEIGHTED):
                same = [network.get_submodule(path) for network in networks]
                parent, _, name = path.rpartition(".")
                setattr(self.body.get_submodule(parent), name, _stacked(same))

    def forward(self, x: Tensor, used: Tensor | None = None, kept: Sequence[Tensor] = ()) -> Tensor:
        """Return logits (N, B, classes) for features (N, B, C, S, S) or (N, B, M, C, S, S).

        Parameters
        ----------
        x
            B rows for each network.
        used
            (N, B) 1 for rows that count, 0 for rows that only fill up; those enter no
            statistic. None: all count.
        kept
            In training, for each dropout in the order of the calls what its inputs are
            multiplied with: (N * B, ...), 0 or 1 / (1 - p).
        """
        masks = iter(kept)
        for module in self.body.modules():
            if isinstance(module, StackedNorm):
                module.used = used
            elif isinstance(module, GivenDropout):
                module.masks = masks
        rows = x.flatten(0, -4).contiguous(memory_format=torch.channels_last)  # of every map
        if x.dim() == 6:
            rows = rows.view(-1, *x.shape[2:])
        logits: Tensor = self.body(rows)
        return logits.reshape(self.networks, -1, logits.shape[1])

    def state_of(self, number: int) -> dict[str, Tensor]:
        """Return the state of network ``number``, as its own ``state_dict`` would be."""
        return {name: value[number] for name, value in self.body.state_dict().items()}


def can_stack(network: nn.Module) -> bool:
    """Return True if every layer that has weights, statistics or randomness can be stacked."""
    return all(_can_stack(module) for module in network.modules())


def _can_stack(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    if isinstance(module, nn.BatchNorm2d):
        return module.affine and module.track_running_stats and module.momentum is not None
    if isinstance(module, (*_WEIGHTED, *_PLAIN, nn.Sequential, nn.ModuleList)):
        return True
    # A module of mepipe's own: what it holds beside its layers must be constant. Layers of torch
    # that are not named here may have statistics or randomness.
    own = type(module).__module__.startswith("mepipe.networks.")
    return own and not list(module.parameters(recurse=False))


def _stacked(same: Sequence[nn.Module]) -> nn.Module:
    """Return the counterpart of one layer of all networks."""
    first = same[0]
    if isinstance(first, nn.Dropout):
        return GivenDropout(first.p)
    weight = torch.stack([layer.get_parameter("weight").detach() for layer in same])
    bias = None
    if first.bias is not None:
        bias = torch.stack([layer.get_parameter("bias").detach() for layer in same])
    if isinstance(first, nn.Linear):
        return StackedLinear(weight, bias)
    if isinstance(first, nn.Conv2d):
        return StackedConvolution(weight, bias, first.stride[0], int(first.padding[0]))
    assert isinstance(first, nn.BatchNorm2d)
    assert bias is not None
    norm = StackedNorm(weight, bias, first.eps, float(first.momentum or 0))
    for name, running in norm.named_buffers():
        running.copy_(torch.stack([layer.get_buffer(name) for layer in same]))
    return norm


class StackedLinear(nn.Module):
    """A linear layer of each network: weights (N, O, I) and biases (N, O)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N * B, O) for (N * B, I)."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the linear layer of x (rows, ..., I): of one network (O, I), or of N (N, O, I)."""
    if weight.dim() == 2:
        return functional.linear(x, weight, bias)
    rows = x.reshape(len(weight), -1, x.shape[-1])
    across = weight.transpose(1, 2)
    out = torch.bmm(rows, across) if bias is None else torch.baddbmm(bias[:, None], rows, across)
    return out.reshape(*x.shape[:-1], weight.shape[1])


class StackedConvolution(nn.Module):
    """A convolution of each network: weights (N, O, I, k, k) and biases (N, O)."""

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Return (N * B, O, S', S') for (N * B, I, S, S)."""
        # On a CPU the library's convolution is several times as fast as a product with copied
        # windows. On a GPU a call for each network would cost more than it computes.
        way = convolve_one_by_one if x.device.type == "cpu" else convolve_by_products
        return way(x, self.weight, self.bias, self.stride, self.padding)


def convolve_one_by_one(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Return the convolutions (N * B, O, S', S') of N networks, one call for each."""
    biases = [None] * len(weight) if bias is None else bias.unbind(0)
    return torch.cat(
        [
            functional.conv2d(rows, one, its, stride, padding)
            for rows, one, its in zip(x.chunk(len(weight)), weight.unbind(0), biases, strict=True)
        ]
    )


def convolve_by_products(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Return the convolutions (N * B, O, S', S') of N networks as one batch of matrix products.

    Its backward pass is deterministic on every device.
    """
    networks, outputs, _, kernel, _ = weight.shape
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, *(padding,) * 4))
    windows = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # (N B, S', S', I, k, k)
    side = windows.shape[1:3]
    out = linear(windows.reshape(networks, -1, weight[0, 0].numel()), weight.flatten(2), bias)
    return out.reshape(-1, *side, outputs).permute(0, 3, 1, 2)


class StackedNorm(nn.Module):
    """Batch normalisation of each network over its own rows; rows that fill up count nowhere.

    As torch's: biased variance to normalise, unbiased in the running variance.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, eps: float, momentum: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.eps = eps
        self.momentum = momentum
        self.used: Tensor | None = None
        self.register_buffer("running_mean", torch.zeros_like(weight))
        self.register_buffer("running_var", torch.ones_like(weight))
        self.register_buffer("num_batches_tracked", torch.zeros(len(weight), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N * B, C, S, S) normalised."""
        networks, channels = self.weight.shape
        cells = x.permute(0, 2, 3, 1)
        rows = cells.reshape(networks, -1, channels)  # (N, B * S * S, C)
        if self.training:
            mean, variance = self._statistics(rows)
        else:
            mean, variance = self.running_mean[:, None], self.running_var[:, None]
        factor = self.weight[:, None] * torch.rsqrt(variance + self.eps)
        out = (rows - mean) * factor + self.bias[:, None]
        return out.reshape(cells.shape).permute(0, 3, 1, 2)

    def _statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and biased variance (N, 1, C) of rows that count; keep the running ones."""
        counted = rows.shape[1]
        if self.used is None:
            count = torch.full((len(rows), 1, 1), counted, dtype=rows.dtype, device=rows.device)
            mean = rows.mean(dim=1, keepdim=True)
            variance = (rows - mean).square().mean(dim=1, keepdim=True)
        else:
            each = counted // self.used.shape[1]
            counts = self.used[..., None].expand(-1, -1, each).flatten(1)[..., None]
            count = self.used.sum(dim=1)[:, None, None] * each
            mean = (rows * counts).sum(dim=1, keepdim=True) / count
            variance = ((rows - mean).square() * counts).sum(dim=1, keepdim=True) / count
        with torch.no_grad():
            unbiased = variance * (count / (count - 1))
            self.running_mean.lerp_(mean[:, 0], self.momentum)
            self.running_var.lerp_(unbiased[:, 0], self.momentum)
            self.num_batches_tracked += 1
        return mean, variance


class GivenDropout(nn.Module):
    """Dropout whose masks are drawn beforehand, each network's from its own generator."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.masks: Iterator[Tensor] = iter(())

    def forward(self, x: Tensor) -> Tensor:
        """Return (N * B, ...) times the next mask, in training."""
        return x * next(self.masks) if self.training and self.p > 0 else x

"""The same TV-L1 on any torch device, over a batch of pairs.

It follows `mepipe.flow.kernels.tvl1` step by step. Convergence is each pair's own:
one that has converged is frozen by a mask on the device, and only every ten
iterations is it asked whether any is left, because the answer costs a GPU a
synchronisation. A pair has the same flow alone and in any batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.engine import Floats, checked, cropped, level_sizes, prepared
from mepipe.flow.settings import OPENCV, Tvl1Settings

if TYPE_CHECKING:
    from torch import Tensor

TEST_EVERY = 10
MARGIN = 4  # zeros around an image for the pixels that interpolation reads
# Bicubic weights of four pixels as polynomials of t: constants, then t, t^2, t^3.
CUBIC = (
    (0.0, 1.0, 0.0, 0.0),
    (-0.75, 0.0, 0.75, 0.0),
    (1.5, -2.25, 1.5, -0.75),
    (-0.75, 1.25, -1.25, 0.75),
)
_FLAT = 1.1920929e-07


def tvl1_torch(
    reference: NDArray[Any],
    moving: NDArray[Any],
    settings: Tvl1Settings | None = None,
    device: str = "cpu",
) -> Floats:
    """Return the flow of a batch of pairs.

    Parameters
    ----------
    reference, moving
        (B, H, W), as for `mepipe.flow.tvl1`.
    settings
        Default: OpenCV's.
    device
        Any of torch's.

    Returns
    -------
    (B, 2, H, W) float32.

    Raises
    ------
    ValueError
        As for `mepipe.flow.tvl1`, or if the batches differ in length.
    """
    import torch

    chosen = settings or OPENCV
    if len(reference) != len(moving):
        raise ValueError(f"{len(reference)} reference and {len(moving)} moving images")
    stacks = []
    for name, images in (("reference", reference), ("moving", moving)):
        stack = np.stack(
            [prepared(checked(image, f"{name} {n}"), chosen) for n, image in enumerate(images)]
        )
        stacks.append(torch.from_numpy(stack).to(device))
    if stacks[0].shape != stacks[1].shape:
        raise ValueError(
            f"the images differ in size: reference {tuple(stacks[0].shape[1:])}, "
            f"moving {tuple(stacks[1].shape[1:])}"
        )
    _, height, width = stacks[0].shape
    sizes = level_sizes(height, width, chosen.scales, chosen.scale_step)
    with torch.inference_mode():
        pyramids = [_pyramid(stack, sizes, chosen.scale_step) for stack in stacks]
        flow: Tensor | None = None
        for still, other in reversed(list(zip(*pyramids, strict=True))):
            if flow is None:
                flow = still.new_zeros(len(still), 2, *still.shape[1:])
            else:
                size = still.shape[1:]
                scale = [before / now for before, now in zip(flow.shape[2:], size, strict=True)]
                flow = _resized(flow, *size, *scale) / chosen.scale_step
            flow = _level(still, other, flow, chosen)
        assert flow is not None
        result: Floats = flow.cpu().numpy()
    return cropped(result, chosen.border)


def _level(still: Tensor, moving: Tensor, flow: Tensor, settings: Tvl1Settings) -> Tensor:
    """Refine the flow (B, 2, h, w) on one level; images are (B, h, w)."""
    import torch
    from torch.nn import functional

    theta, limit = settings.theta, settings.lambda_ * settings.theta
    step = settings.tau / theta
    threshold = settings.epsilon**2 * still.shape[1] * still.shape[2]
    dual = still.new_zeros(len(still), 2, 2, *still.shape[1:])  # component, direction
    three = torch.stack([moving, *_central(moving)], dim=1)
    for _ in range(settings.warps):
        value, ix, iy = _warp(three, flow).unbind(dim=1)
        square = ix * ix + iy * iy
        inverse = torch.where(square > _FLAT, 1 / square.clamp_min(_FLAT), 0.0)
        gradient = torch.stack([ix, iy], dim=1)
        rho = value - (gradient * flow).sum(dim=1) - still
        active = torch.ones(len(still), dtype=torch.bool, device=still.device)
        for _ in range(settings.outer_iterations):
            if settings.median > 1:
                kept = active[:, None, None, None]
                flow = torch.where(kept, _median(flow, settings.median), flow)
            for iteration in range(settings.inner_iterations):
                t = -(rho + (gradient * flow).sum(dim=1)) * inverse
                moved = flow + t.clamp(-limit, limit)[:, None] * gradient
                new = moved + theta * _divergence(dual)
                ahead = torch.stack(
                    [
                        functional.pad(new.diff(dim=3), (0, 1)),
                        functional.pad(new.diff(dim=2), (0, 0, 0, 1)),
                    ],
                    dim=2,
                )
                size = 1 + step * ahead.square().sum(dim=2, keepdim=True).sqrt()
                kept = active[:, None, None, None]
                changed = (new - flow).square().sum(dim=(1, 2, 3))
                dual = torch.where(kept[..., None], (dual + step * ahead) / size, dual)
                flow = torch.where(kept, new, flow)
                active = active & (changed > threshold)
                if (iteration + 1) % TEST_EVERY == 0 and not bool(active.any()):
                    break
            if not bool(active.any()):
                break
    return flow


def _central(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return half differences along x and y of (B, h, w), the border's values going on."""
    from torch.nn import functional

    padded = functional.pad(image[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return dx, dy


def _warp(image: Tensor, flow: Tensor) -> Tensor:
    """Read (B, C, h, w) at x + u, bicubic (Keys, a = -3/4), zero outside.

    torch's own sampling works in relative coordinates, so that an image that
    does not move would not be read at its pixels exactly.
    """
    import torch
    from torch.nn import functional

    count, channels, height, width = image.shape
    padded = functional.pad(image, (MARGIN,) * 4).flatten(2)
    line = width + 2 * MARGIN
    x = torch.arange(width, device=image.device) + flow[:, 0]
    y = torch.arange(height, device=image.device)[:, None] + flow[:, 1]
    # A flow that diverged is told by whoever reads it; here it must only stay in the image.
    x, y = x.nan_to_num(-3).clamp(-3, width + 1), y.nan_to_num(-3).clamp(-3, height + 1)
    left, top = x.floor(), y.floor()
    wx, wy = _cubic(x - left), _cubic(y - top)
    corner = (top.long() + MARGIN - 1) * line + left.long() + MARGIN - 1
    result = torch.zeros_like(image)
    for n in range(4):
        row = torch.zeros_like(image)
        for m in range(4):
            place = (corner + n * line + m).flatten(1)[:, None].expand(-1, channels, -1)
            row += wx[m][:, None] * padded.gather(2, place).view(count, channels, height, width)
        result += wy[n][:, None] * row
    return result


def _cubic(t: Tensor) -> list[Tensor]:
    """Return the weights of four pixels for a point ``t`` behind the second."""
    return [((c3 * t + c2) * t + c1) * t + c0 for c0, c1, c2, c3 in zip(*CUBIC, strict=True)]


def _divergence(dual: Tensor) -> Tensor:
    """Return the divergence (B, 2, h, w) of (B, 2, 2, h, w) by backward differences."""
    import torch
    from torch.nn import functional

    along_x = functional.pad(dual[:, :, 0], (1, 0)).diff(dim=3)
    along_y = functional.pad(dual[:, :, 1], (0, 0, 1, 0)).diff(dim=2)
    return torch.add(along_x, along_y)


def _median(flow: Tensor, side: int) -> Tensor:
    """Return the median of each ``side`` x ``side`` window, the border's values going on."""
    from torch.nn import functional

    reach = side // 2
    padded = functional.pad(flow, (reach,) * 4, mode="replicate")
    windows = padded.unfold(2, side, 1).unfold(3, side, 1).flatten(4)
    return windows.median(dim=4).values


def _pyramid(images: Tensor, sizes: NDArray[np.int64], step: float) -> list[Tensor]:
    levels = [images]
    for height, width in sizes[1:]:
        levels.append(_resized(levels[-1][:, None], height, width, 1 / step, 1 / step)[:, 0])
    return levels


def _resized(image: Tensor, height: int, width: int, scale_y: float, scale_x: float) -> Tensor:
    """Sample (B, C, h, w) bilinearly: pixel i at ``(i + 1/2) scale - 1/2``.

    As two fixed matrix products, which are deterministic on every device.
    """
    rows = _samples(image.shape[2], height, scale_y).to(image.device)
    columns = _samples(image.shape[3], width, scale_x).to(image.device)
    return rows @ image @ columns.T


def _samples(before: int, after: int, scale: float) -> Tensor:
    import torch

    at = ((torch.arange(after, dtype=torch.float64) + 0.5) * scale - 0.5).clamp(0, before - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=before - 1)
    share = at - low
    matrix = torch.zeros(after, before, dtype=torch.float64)
    line = torch.arange(after)
    matrix[line, low] += 1 - share
    matrix[line, high] += share
    return matrix.float()

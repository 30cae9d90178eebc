"""TV-L1 on any torch device, over a batch of pairs.

It follows `mepipe.flow.kernels.tvl1` step by step, and equation numbers are the
same (Sanchez et al., IPOL 2013). Each pair converges on its own: a mask on the
device freezes those that have. So a pair has the same flow alone and in any batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.flow.engine import Floats, crop_border, preprocess, pyramid_sizes, validate_image
from mepipe.flow.settings import OPENCV, Tvl1Settings

if TYPE_CHECKING:
    from torch import Tensor

TEST_EVERY = 10  # iterations between two questions whether any pair is left: each syncs a GPU
MARGIN = 4  # zeros around an image, for the pixels that interpolation reads
# Bicubic weights of four pixels as polynomials of t: constants, then t, t^2, t^3.
CUBIC = (
    (0.0, 1.0, 0.0, 0.0),
    (-0.75, 0.0, 0.75, 0.0),
    (1.5, -2.25, 1.5, -0.75),
    (-0.75, 1.25, -1.25, 0.75),
)
_FLAT = 1.1920929e-07  # float32's epsilon: a squared gradient below it carries no motion


def tvl1_torch(
    reference: NDArray[Any],
    moving: NDArray[Any],
    settings: Tvl1Settings | None = None,
    device: str = "cpu",
) -> Floats:
    """Return the flow of a batch of pairs.

    It agrees with `mepipe.flow.tvl1` within a tolerance, not in every bit.

    Parameters
    ----------
    reference, moving
        (B, H, W) images, each as for `mepipe.flow.tvl1`.
    settings
        As for `mepipe.flow.tvl1`.
    device
        Name of a torch device, such as "cpu" or "cuda".

    Returns
    -------
    (B, 2, H, W) float32: u and v, px.

    Raises
    ------
    ValueError
        As `mepipe.flow.tvl1`, or if the batches differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow.torch_engine import tvl1_torch
    >>> still = np.zeros((2, 16, 16), np.uint8)
    >>> tvl1_torch(still, still).shape
    (2, 2, 16, 16)
    """
    import torch

    chosen = settings or OPENCV
    if len(reference) != len(moving):
        raise ValueError(f"{len(reference)} reference and {len(moving)} moving images")
    stacks = []
    for name, images in (("reference", reference), ("moving", moving)):
        stack = np.stack(
            [
                preprocess(validate_image(image, f"{name} {n}"), chosen)
                for n, image in enumerate(images)
            ]
        )
        stacks.append(torch.from_numpy(stack).to(device))
    if stacks[0].shape != stacks[1].shape:
        raise ValueError(
            f"the images differ in size: reference {tuple(stacks[0].shape[1:])}, "
            f"moving {tuple(stacks[1].shape[1:])}"
        )
    _, height, width = stacks[0].shape
    sizes = pyramid_sizes(height, width, chosen.scales, chosen.scale_step)
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
            # From the coarsest level to the finest, each from the flow of the one before.
            flow = _level(still, other, flow, chosen)
        assert flow is not None
        result: Floats = flow.cpu().numpy()
    return crop_border(result, chosen.border)


def _level(still: Tensor, moving: Tensor, flow: Tensor, settings: Tvl1Settings) -> Tensor:
    """Return the flow (B, 2, h, w), refined on one level of images (B, h, w)."""
    import torch
    from torch.nn import functional

    # The thresholding step moves by at most lambda * theta gradients (eq. 15).
    theta, limit = settings.theta, settings.lambda_ * settings.theta
    step = settings.tau / theta
    # Compared with a sum over pixels, so that no mean is taken in each iteration.
    threshold = settings.epsilon**2 * still.shape[1] * still.shape[2]
    dual = still.new_zeros(len(still), 2, 2, *still.shape[1:])  # component, direction
    three = torch.stack([moving, *_central(moving)], dim=1)
    for _ in range(settings.warps):
        # Linearise moving(x + flow) around the flow so far (eq. 9): rho is the residual's
        # constant part.
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
                # Data term: a shift along the gradient that thresholds the residual (eq. 15).
                t = -(rho + (gradient * flow).sum(dim=1)) * inverse
                moved = flow + t.clamp(-limit, limit)[:, None] * gradient
                # Smoothness term: a step along the divergence of the dual field (eq. 10).
                new = moved + theta * _divergence(dual)
                # Forward differences of the new flow, 0 at the last row and column:
                # (B, component, direction, h, w).
                ahead = torch.stack(
                    [
                        functional.pad(new.diff(dim=3), (0, 1)),
                        functional.pad(new.diff(dim=2), (0, 0, 0, 1)),
                    ],
                    dim=2,
                )
                # Follow the gradient, and bring the dual field back to the unit ball (eq. 11).
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
    """Return central differences along x and y of (B, h, w), the border replicated."""
    from torch.nn import functional

    padded = functional.pad(image[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return dx, dy


def _warp(image: Tensor, flow: Tensor) -> Tensor:
    """Return (B, C, h, w) read at x + u, bicubic (Keys, a = -3/4), zero outside."""
    # Not torch's grid_sample: it works in relative coordinates, so an image that does not
    # move would not be read exactly at its pixels.

    import torch
    from torch.nn import functional

    count, channels, height, width = image.shape
    padded = functional.pad(image, (MARGIN,) * 4).flatten(2)
    line = width + 2 * MARGIN
    x = torch.arange(width, device=image.device) + flow[:, 0]
    y = torch.arange(height, device=image.device)[:, None] + flow[:, 1]
    # A flow that diverged is reported by the caller. Here it must only stay within the margin.
    x, y = x.nan_to_num(-3).clamp(-3, width + 1), y.nan_to_num(-3).clamp(-3, height + 1)
    left, top = x.floor(), y.floor()
    wx, wy = _cubic(x - left), _cubic(y - top)
    corner = (top.long() + MARGIN - 1) * line + left.long() + MARGIN - 1
    result = torch.zeros_like(image)
    # 4 x 4 neighbours: n counts rows, m columns.
    for n in range(4):
        row = torch.zeros_like(image)
        for m in range(4):
            place = (corner + n * line + m).flatten(1)[:, None].expand(-1, channels, -1)
            row += wx[m][:, None] * padded.gather(2, place).view(count, channels, height, width)
        result += wy[n][:, None] * row
    return result


def _cubic(t: Tensor) -> list[Tensor]:
    """Return the weights of four pixels for a point ``t`` (0 to 1) after the second."""
    return [((c3 * t + c2) * t + c1) * t + c0 for c0, c1, c2, c3 in zip(*CUBIC, strict=True)]


def _divergence(dual: Tensor) -> Tensor:
    """Return the divergence (B, 2, h, w) of (B, 2, 2, h, w) by backward differences."""
    import torch
    from torch.nn import functional

    along_x = functional.pad(dual[:, :, 0], (1, 0)).diff(dim=3)
    along_y = functional.pad(dual[:, :, 1], (0, 0, 1, 0)).diff(dim=2)
    return torch.add(along_x, along_y)


def _median(flow: Tensor, side: int) -> Tensor:
    """Return the median of each ``side`` x ``side`` window, the border replicated."""
    from torch.nn import functional

    reach = side // 2
    padded = functional.pad(flow, (reach,) * 4, mode="replicate")
    windows = padded.unfold(2, side, 1).unfold(3, side, 1).flatten(4)
    return windows.median(dim=4).values


def _pyramid(images: Tensor, sizes: NDArray[np.int64], step: float) -> list[Tensor]:
    """Return the levels (B, h, w) of a batch of images, the largest first."""
    levels = [images]
    for height, width in sizes[1:]:
        levels.append(_resized(levels[-1][:, None], height, width, 1 / step, 1 / step)[:, 0])
    return levels


def _resized(image: Tensor, height: int, width: int, scale_y: float, scale_x: float) -> Tensor:
    """Return (B, C, h, w) sampled bilinearly, pixel i at ``(i + 1/2) scale - 1/2``."""
    # Two fixed matrix products: deterministic on every device, unlike torch's interpolation.
    rows = _samples(image.shape[2], height, scale_y).to(image.device)
    columns = _samples(image.shape[3], width, scale_x).to(image.device)
    return rows @ image @ columns.T


def _samples(before: int, after: int, scale: float) -> Tensor:
    """Return the matrix (after, before) of bilinear weights along one axis."""
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

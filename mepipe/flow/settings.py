"""The parameters of TV-L1, and the two presets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tvl1Settings:
    """Parameters of TV-L1. The defaults are those of OpenCV's module.

    Parameters
    ----------
    tau
        Time step of the dual scheme. Convergence is proven up to 0.125 and seen up
        to 0.25 (Chambolle, JMIV 2004).
    lambda_
        Weight of the data term. Larger follows the images, smaller is smoother.
    theta
        Coupling of the two halves of the splitting. Smaller couples more tightly.
    scales, scale_step
        Number of pyramid levels, and the size of a level relative to the next
        finer one (0 to 1). Levels with a side below 16 px are left out.
    warps
        How often the moving image is warped and linearised on each level.
    epsilon
        The iterations of a warp end when the root mean square change of the
        flow falls below it, px.
    inner_iterations, outer_iterations
        For each warp: at most so many rounds (outer), each of a median filter
        and at most so many iterations (inner).
    median
        Side of the median filter, px: 1 (none), 3 or 5.
    blur
        Sigma of a Gaussian on both images beforehand, px. 0: none.
    border
        Both images are extended by so many mirrored px, and the flow is cropped
        again. 0: outside the moving image are zeros.

    Examples
    --------
    >>> from mepipe.flow import PRESETS, Tvl1Settings
    >>> Tvl1Settings() == PRESETS["opencv"]
    True
    >>> PRESETS["subtle"].theta
    0.05
    """

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    scales: int = 5
    scale_step: float = 0.8
    warps: int = 5
    epsilon: float = 0.01
    inner_iterations: int = 30
    outer_iterations: int = 10
    median: int = 5
    blur: float = 0.0
    border: int = 0


OPENCV = Tvl1Settings()

# For motion of 0.3 to 1.5 px, chosen by measurement (docs/flow.md): a tighter coupling
# follows a narrow peak and converges sooner, a slightly heavier data term keeps its
# height. The mirrored border takes away the noise that zeros outside the frame bring in.
SUBTLE = Tvl1Settings(theta=0.05, lambda_=0.2, border=12)
PRESETS = {"opencv": OPENCV, "subtle": SUBTLE}
"""What `flow.preset` stands for: settings by name."""
MIN_SIDE = 16  # px; OpenCV's pyramid ends there too

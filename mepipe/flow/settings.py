"""The parameters of TV-L1, and the two sets of them that are worth having."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tvl1Settings:
    """Parameters of TV-L1; the defaults are those of OpenCV's module.

    Parameters
    ----------
    tau
        Time step of the dual scheme.
    lambda_
        Weight of the data term: larger follows the images, smaller is smoother.
    theta
        Tightness of the coupling between the two halves of the splitting.
    scales, scale_step
        Levels of the pyramid, and the size of one relative to the next finer;
        levels below 16 px are left out.
    warps
        Times that the moving image is warped and linearised on each level.
    epsilon
        A level's iterations end when the root mean square change of the flow
        falls below it, px.
    inner_iterations, outer_iterations
        Most iterations between two medians, and most rounds of these, a warp.
    median
        Side of the median filter, 1 (none), 3 or 5.
    blur
        Sigma of a Gaussian on both images beforehand, px; 0: none.
    border
        Both images are continued by so many px, mirrored, and the flow is cut
        off there again; 0: outside the moving image are zeros.
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
SMALLEST = 16  # px; OpenCV's pyramid ends there too

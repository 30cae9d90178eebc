"""TV-L1 optical flow through OpenCV.

Zach, Pock and Bischof, "A duality based approach for realtime TV-L1 optical
flow" (DAGM 2007), as OpenCV's contributed module implements it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError


def tvl1(
    reference: NDArray[np.uint8],
    moving: NDArray[np.uint8],
    *,
    tau: float = 0.25,
    lambda_: float = 0.15,
    theta: float = 0.3,
    gamma: float = 0.0,
    scales: int = 5,
    scale_step: float = 0.8,
    warps: int = 5,
    epsilon: float = 0.01,
    inner_iterations: int = 30,
    outer_iterations: int = 10,
    median: int = 5,
) -> NDArray[np.float32]:
    """Return the flow from ``reference`` to ``moving``.

    Parameters
    ----------
    reference, moving
        (H, W) uint8, of one size.
    tau, lambda_, theta, gamma, scales, scale_step, warps, epsilon, inner_iterations, \
outer_iterations, median
        As OpenCV names and defaults them.

    Returns
    -------
    (2, H, W) float32: u (to the right) and v (down) in px; what is at (x, y) of
    ``reference`` is at (x + u, y + v) of ``moving``. Identical images give 0.

    Raises
    ------
    UsageError
        If the installed OpenCV lacks its contributed modules.
    """
    import cv2

    if not hasattr(cv2, "optflow"):
        raise UsageError(
            "the installed OpenCV has no cv2.optflow (TV-L1 is in the contrib builds only)",
            "Run `mepipe doctor`: it names the OpenCV package that hides the right one.",
        )
    # OpenCV's own type stubs leave its contributed modules out.
    solver = cv2.optflow.DualTVL1OpticalFlow_create(  # type: ignore[attr-defined]
        tau=tau,
        lambda_=lambda_,
        theta=theta,
        nscales=scales,
        warps=warps,
        epsilon=epsilon,
        innnerIterations=inner_iterations,
        outerIterations=outer_iterations,
        scaleStep=scale_step,
        gamma=gamma,
        medianFiltering=median,
    )
    flow = solver.calc(reference, moving, None)
    return np.ascontiguousarray(np.moveaxis(flow, 2, 0), dtype=np.float32)

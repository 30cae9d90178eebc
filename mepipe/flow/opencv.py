"""TV-L1 optical flow of OpenCV, for comparison with published features.

Zach, Pock and Bischof, "A duality based approach for realtime TV-L1 optical
flow" (DAGM 2007), as OpenCV's contributed module ``optflow`` implements it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.flow.engine import Floats, crop_border, preprocess, validate_image
from mepipe.flow.settings import OPENCV, Tvl1Settings


def tvl1_opencv(
    reference: NDArray[Any],
    moving: NDArray[Any],
    settings: Tvl1Settings | None = None,
    gamma: float = 0.0,
) -> Floats:
    """Return the flow from ``reference`` to ``moving``, computed by OpenCV.

    Parameters
    ----------
    reference, moving, settings
        As for `mepipe.flow.tvl1`.
    gamma
        Weight of the illumination term, which only OpenCV's module has. 0: none.

    Returns
    -------
    (2, H, W) float32: u and v, px.

    Raises
    ------
    UsageError
        If the installed OpenCV lacks its contributed modules.
    ValueError
        As `mepipe.flow.tvl1`.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.flow.opencv import tvl1_opencv
    >>> still = np.zeros((32, 32), np.uint8)
    >>> float(abs(tvl1_opencv(still, still)).max())
    0.0
    """
    import cv2

    if not hasattr(cv2, "optflow"):
        raise UsageError(
            "the installed OpenCV has no cv2.optflow (TV-L1 is in the contrib builds only)",
            "Run `mepipe doctor`: it names the OpenCV package that hides the right one.",
        )
    chosen = settings or OPENCV
    still, other = validate_image(reference, "reference"), validate_image(moving, "moving")
    if still.shape != other.shape:
        raise ValueError(
            f"the images differ in size: reference {still.shape}, moving {other.shape}"
        )
    # OpenCV scales floats by 255 itself.
    still, other = (preprocess(image, chosen) / np.float32(255) for image in (still, other))
    # OpenCV's own type stubs leave its contributed modules out.
    solver = cv2.optflow.DualTVL1OpticalFlow_create(  # type: ignore[attr-defined]
        tau=chosen.tau,
        lambda_=chosen.lambda_,
        theta=chosen.theta,
        nscales=chosen.scales,
        warps=chosen.warps,
        epsilon=chosen.epsilon,
        innnerIterations=chosen.inner_iterations,
        outerIterations=chosen.outer_iterations,
        scaleStep=chosen.scale_step,
        gamma=gamma,
        medianFiltering=chosen.median,
    )
    flow = solver.calc(still, other, None)
    return crop_border(np.asarray(np.moveaxis(flow, 2, 0), np.float32), chosen.border)

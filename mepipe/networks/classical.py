"""Classical baselines: an RBF-SVM and a decision tree, on features or on flow by region.

Each function returns a scikit-learn Pipeline. It is fitted on X (N, C * S * S)
float32: features (N, C, S, S), normalised as for a network and flattened.

Features are not standardised one by one. That would scale u and v apart, which
turns the direction of the motion, and cells that hardly move would count as much
as those that do. Classes have the same total weight (``class_weight="balanced"``),
as in the loss of the networks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.networks import flow_histograms

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = NDArray[np.float32]


def rbf_svm(
    *,
    channels: int,
    size: int,
    flow: Literal["cells", "hoof", "mdmo"] = "cells",
    C: float = 1.0,
    gamma: float | str = "scale",
) -> Pipeline:
    """Return a support vector machine with the kernel of radial basis functions.

    Parameters
    ----------
    channels, size
        Of the features: X is (N, channels * size * size).
    flow
        "cells": X as it is. "hoof" or "mdmo": flow by region (`by_region`).
    C, gamma
        The defaults are scikit-learn's: no labels were used to choose them.
        "scale" is the inverse of the summed variance of the features.

    Raises
    ------
    UsageError
        If flow by region is requested for features without u and v.
    """
    from sklearn.svm import SVC

    # Ties are broken by the decision function, so that its largest value is the prediction.
    return _pipeline(
        channels,
        size,
        flow,
        svm=SVC(C=C, kernel="rbf", gamma=gamma, class_weight="balanced", break_ties=True),
    )


def decision_tree(
    *,
    channels: int,
    size: int,
    flow: Literal["cells", "hoof", "mdmo"] = "cells",
    max_depth: int | None = None,
    min_samples_leaf: int = 5,
) -> Pipeline:
    """Return a decision tree (CART).

    Parameters
    ----------
    channels, size, flow
        As for `rbf_svm`.
    max_depth, min_samples_leaf
        A leaf holds at least 5 clips. With pure leaves, a tree on thousands of
        cells memorises its clips. Ties between cells are broken by a fixed seed.

    Raises
    ------
    UsageError
        As for `rbf_svm`.
    """
    from sklearn.tree import DecisionTreeClassifier

    return _pipeline(
        channels,
        size,
        flow,
        tree=DecisionTreeClassifier(
            max_depth=max_depth,
            min_samples_leaf=min_samples_leaf,
            class_weight="balanced",
            random_state=0,
        ),
    )


hoof_svm = partial(rbf_svm, flow="hoof")
hoof_tree = partial(decision_tree, flow="hoof")
mdmo_svm = partial(rbf_svm, flow="mdmo")
mdmo_tree = partial(decision_tree, flow="mdmo")


def _pipeline(channels: int, size: int, flow: str, **last: Any) -> Pipeline:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    steps: list[tuple[str, Any]] = list(last.items())
    if flow != "cells":
        if channels < 2:
            raise UsageError(
                f"{flow} needs u and v, and the features have {channels} channel",
                "Make features with u and v as their first channels.",
            )
        flow_histograms.region_weights(size)  # raises for features that are too small, before a fit
        settings = {"flow": flow, "channels": channels, "size": size}
        steps.insert(0, (flow, FunctionTransformer(by_region, kw_args=settings)))
    return Pipeline(steps)


def by_region(X: Floats, *, flow: str, channels: int, size: int) -> Floats:
    """Return flow by region for flattened features.

    Parameters
    ----------
    X
        (N, channels * size * size) features, u and v first.
    flow
        "hoof" or "mdmo".

    Returns
    -------
    (N, R * B) float32 for "hoof". (N, 2 R) float32 for "mdmo": for each region the
    mean u and v of its main direction, relative to the clip's longest such vector.

    Notes
    -----
    Liu et al. use length and angle. With u and v a small turn is a small distance,
    also across the angle where one turn ends and the next begins.
    """
    x = np.asarray(X, dtype=np.float32).reshape(-1, channels, size, size)
    if flow == "hoof":
        return flow_histograms.hoof(x).reshape(len(x), -1)
    _, vectors = flow_histograms.mdmo(x)
    longest = np.hypot(vectors[..., 0], vectors[..., 1]).max(axis=1)[:, None, None]
    relative = np.divide(vectors, longest, out=np.zeros_like(vectors), where=longest > 0)
    flat: Floats = relative.reshape(len(x), -1)
    return flat

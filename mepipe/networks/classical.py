"""Handcrafted learning: an RBF-SVM and a decision tree, on features or on flow by region.

Each function returns a scikit-learn Pipeline that is fitted on X (N, C * S * S)
float32: features (N, C, S, S), normalised as for a network and flattened. No
feature is standardised by itself: u and v share one scale, which `fit` and
`predict` would else lose (scaling them apart turns the direction of motion),
and cells that hardly move would become as loud as those that do. Classes weigh
the same in total (``class_weight="balanced"``), as in the networks' loss.
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
    """Return a support vector machine with a radial basis function.

    Parameters
    ----------
    channels, size
        Of the features: X is (N, channels * size * size).
    flow
        "cells": X as it is. "hoof" or "mdmo": flow by region (`by_region`).
    C, gamma
        scikit-learn's defaults, chosen on nobody's labels. "scale" is the
        inverse of the summed variance of the features.

    Raises
    ------
    UsageError
        If flow by region is asked of features without u and v.
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
        A leaf holds at least 5 clips: grown until its leaves are pure, a tree
        on thousands of cells learns its clips by heart. The order in which
        equally good cells are tried is fixed.

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
        flow_histograms.region_weights(size)  # what is too small is told before a fit
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
        "hoof" gives (N, R * B), "mdmo" (N, 2 R): for each region the mean u and
        v of its main direction, in parts of the clip's longest such vector.
        Liu et al. take length and angle; in u and v a small turn is a small
        distance, whatever the angle.
    """
    x = np.asarray(X, dtype=np.float32).reshape(-1, channels, size, size)
    if flow == "hoof":
        return flow_histograms.hoof(x).reshape(len(x), -1)
    _, vectors = flow_histograms.mdmo(x)
    longest = np.hypot(vectors[..., 0], vectors[..., 1]).max(axis=1)[:, None, None]
    relative = np.divide(vectors, longest, out=np.zeros_like(vectors), where=longest > 0)
    flat: Floats = relative.reshape(len(x), -1)
    return flat

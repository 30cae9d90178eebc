"""Train a model by its name: a network or an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.evaluation.normalisation import maps_of
from mepipe.evaluation.targets import are_units
from mepipe.networks.registry import MODELS, build, is_network, is_own

if TYPE_CHECKING:
    from mepipe.evaluation.starting_weights import Start

Floats = NDArray[np.float32]


class Fitted(Protocol):
    """A trained model."""

    def predict(self, x: Floats) -> Floats:
        """Return probabilities (N, K) float32 of K classes or units for features as trained on."""
        ...


def fit(
    x: Floats,
    y: NDArray[np.int64],
    *,
    classes: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    recentre: bool = False,
    seed: int = 0,
    device: str = "cpu",
    start: Start | None = None,
    advance: Callable[[], None] | None = None,
) -> Fitted:
    """Train the model that ``model`` names.

    Parameters are those of `mepipe.evaluation.network_training.fit`; an estimator takes
    no training settings and knows no device. With ``start`` the first network starts from the
    first one of that saved model, the second from the second, and so on, and round again. An
    error of a user's own model is passed on, with a note that names the model.
    """
    name = str(model["name"])
    try:
        if not _is_network(x, classes, model):
            from mepipe.evaluation.estimators import fit_estimator, fit_unit_estimators

            if are_units(y):
                return fit_unit_estimators(
                    lambda: build(**model, **_inputs(x, 2)),
                    x,
                    y,
                    name=name,
                    recentre=recentre,
                    seed=seed,
                )
            estimator = build(**model, **_inputs(x, classes))
            return fit_estimator(
                estimator, x, y, name=name, classes=classes, recentre=recentre, seed=seed
            )
        from mepipe.evaluation.ensemble import Ensemble, member_seeds
        from mepipe.evaluation.network_training import fit as fit_network

        weights = [None] if start is None else start.weights()
        members = [
            fit_network(
                x,
                y,
                classes=classes,
                model=model,
                training=training,
                recentre=recentre,
                seed=one,
                device=device,
                weights=weights[number % len(weights)],
                advance=advance,
            )
            for number, one in enumerate(member_seeds(seed, int(training.get("members", 1))))
        ]
        return Ensemble(members)
    except Exception as error:
        # A user's own code may raise anything. It is raised again, with the model's name.
        if is_own(name):
            error.add_note(f"raised while the model {name} was trained on {len(y)} clips")
        raise


def _is_network(x: Floats, classes: int, model: Mapping[str, Any]) -> bool:
    name = str(model["name"])
    if not is_own(name):
        return MODELS[name].kind == "network"
    # What a user's model is shows only when it is built. Two are built, to see whether they
    # share weights.
    made, other = (build(**model, **_inputs(x, classes)) for _ in range(2))
    network = is_network(made)
    if made is other or (network and _weights(made) & _weights(other)):
        raise UsageError(
            f"{name} returns the same model at each call, which would carry what it learned from "
            "one fold to the next",
            "Make a new model at each call.",
        )
    return network


def _inputs(x: Floats, classes: int) -> dict[str, Any]:
    """Return what the features decide of a model."""
    channels, size, _ = x.shape[-3:]
    return {"channels": channels, "size": size, "classes": classes, "maps": maps_of(x)}


def _weights(network: Any) -> set[int]:
    return {parameter.data_ptr() for parameter in network.parameters()} - {0}

"""Train a scikit-learn estimator on one split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.evaluation.normalisation import Normalisation

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Constant:
    """A model for training clips of one class: it always answers that class."""

    answer: int
    classes: int

    def predict(self, x: Floats) -> Floats:
        """Return probabilities (N, K) float32: 1 for that class."""
        out = np.zeros((len(x), self.classes), dtype=np.float32)
        out[:, self.answer] = 1
        return out


@dataclass(frozen=True)
class TrainedEstimator:
    """A fitted estimator and what its inputs must be.

    Parameters
    ----------
    estimator
        With ``predict`` and, where it has it, ``predict_proba``.
    name
        What the user calls it, for messages.
    normalise
        From features to inputs.
    classes
        K.
    """

    estimator: Any
    name: str
    normalise: Normalisation
    classes: int

    def predict(self, x: Floats) -> Floats:
        """Return class probabilities (N, K) float32 for features as those of the training.

        An estimator without ``predict_proba`` gives 1 for the class that it
        predicts and 0 for the others. A class that it never saw has 0.
        """
        out = np.zeros((len(x), self.classes), dtype=np.float32)
        if not len(x):
            return out
        flat = self.normalise(x).reshape(len(x), -1)
        if callable(getattr(self.estimator, "predict_proba", None)):
            given = np.asarray(self.estimator.predict_proba(flat))
            known = np.asarray(getattr(self.estimator, "classes_", range(self.classes)))
            self._check(given, (len(x), len(known)))
            if not (given >= 0).all() or not np.allclose(given.sum(axis=1), 1, atol=1e-4):
                raise UsageError(
                    f"the model {self.name} returned probabilities that are below 0, no numbers, "
                    "or do not add up to 1",
                    "Its predict_proba must return one row of probabilities a clip.",
                )
            out[:, known] = given
            return out
        given = np.asarray(self.estimator.predict(flat))
        self._check(given, (len(x),))
        if not np.isin(given, range(self.classes)).all():
            raise UsageError(
                f"the model {self.name} predicted {given[0]!r}, which is not a class number",
                f"Its predict must return 0 to {self.classes - 1}, as in y.",
            )
        out[np.arange(len(x)), given.astype(np.int64)] = 1
        return out

    def _check(self, given: NDArray[Any], expected: tuple[int, ...]) -> None:
        if given.shape != expected:
            raise UsageError(
                f"the model {self.name} returned {given.shape} for {expected[0]} clips",
                f"It must return {expected}.",
            )


def fit_estimator(
    estimator: Any,
    x: Floats,
    y: NDArray[np.int64],
    *,
    name: str,
    classes: int,
    recentre: bool,
    seed: int,
) -> TrainedEstimator | Constant:
    """Fit a scikit-learn estimator on the flattened, normalised features.

    Every ``random_state`` that is not set gets the seed, so that the same seed
    gives the same model. Where all clips are of one class there is nothing to
    fit, and that class is the answer.

    Parameters
    ----------
    estimator
        Not fitted yet.
    x, y
        Features (N, C, S, S) or (N, M, C, S, S), and classes (N,), as for
        `mepipe.evaluation.network_training.fit`.
    """
    present = np.unique(y)
    if len(present) == 1:
        return Constant(int(present[0]), classes)
    normalise = Normalisation.of(x, recentre=recentre)
    if hasattr(estimator, "get_params"):
        unset = {
            key: seed % 2**32
            for key, value in estimator.get_params().items()
            if (key == "random_state" or key.endswith("__random_state")) and value is None
        }
        if unset:
            estimator.set_params(**unset)
    estimator.fit(normalise(x).reshape(len(x), -1), y)
    return TrainedEstimator(estimator, name, normalise, classes)


@dataclass(frozen=True)
class UnitEstimators:
    """An estimator for each action unit, of two classes: a clip without it, one with it."""

    units: Sequence[TrainedEstimator | Constant]

    def predict(self, x: Floats) -> Floats:
        """Return the probability of each unit (N, U) float32 for features (N, C, S, S)."""
        return np.stack([unit.predict(x)[:, 1] for unit in self.units], axis=1)


def fit_unit_estimators(
    make: Callable[[], Any],
    x: Floats,
    y: NDArray[np.int64],
    *,
    name: str,
    recentre: bool,
    seed: int,
) -> UnitEstimators:
    """Fit an estimator for each action unit; a unit that no clip has is never predicted.

    Parameters
    ----------
    make
        Return a new estimator of two classes.
    x
        (N, C, S, S) features.
    y
        (N, U), 1 where a clip has the unit, else 0.
    name, recentre, seed
        As for `fit_estimator`.
    """
    return UnitEstimators(
        [
            fit_estimator(make(), x, has, name=name, classes=2, recentre=recentre, seed=seed)
            for has in y.T
        ]
    )

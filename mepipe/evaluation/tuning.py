"""Choose settings on inner splits of the training persons; the held-out clips are never read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.evaluation import metrics
from mepipe.features.protocols import grouped_folds
from mepipe.features.splits import LabelledClips

if TYPE_CHECKING:
    from mepipe.evaluation.folds import FoldJob

INNER_FOLDS = 3
MODEL = "model."

# What --tune tries beside the baseline, which wins a tie. Every network has the
# same choices: a comparison of models with different budgets would not be fair.
NETWORK_CHOICES: Mapping[str, Sequence[Any]] = {"learning_rate": (1e-3, 4e-3, 1e-2)}
ESTIMATOR_CHOICES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "C": {"model.C": (0.3, 3.0, 10.0, 30.0)},
    "max_depth": {"model.max_depth": (3, 5, 8, None)},
}


def candidates(choices: Mapping[str, Sequence[Any]]) -> tuple[dict[str, Any], ...]:
    """Return the baseline, {}, then every combination of ``choices``.

    Parameters
    ----------
    choices
        Values by name, ``model.`` before an option's.

    Raises
    ------
    UsageError
        If there is nothing to choose for a name.
    """
    for name, values in choices.items():
        if not values:
            raise UsageError(f"train.choices: no value for {name}", "Give two or more.")
    combinations = product(*choices.values())
    return ({}, *(dict(zip(choices, one, strict=True)) for one in combinations))


def default_choices(
    name: str, options: Sequence[str], *, network: bool
) -> Mapping[str, Sequence[Any]]:
    """Return what ``--tune`` tries for a model that takes ``options``.

    Raises
    ------
    UsageError
        If it is no network, and takes none of the options that mepipe knows.
    """
    if network:
        return NETWORK_CHOICES
    for option in options:
        if option in ESTIMATOR_CHOICES:
            return ESTIMATOR_CHOICES[option]
    raise UsageError(
        f"--tune does not know what to try for {name}",
        "Say it: --set 'train.choices={\"model.OPTION\" = [1, 10]}', or for a network "
        "{learning_rate = [1e-3, 1e-2]}.",
    )


def apply_candidate(
    model: Mapping[str, Any], training: Mapping[str, Any], change: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (model, training) with a candidate's values in place."""
    model, training = dict(model), dict(training)
    for name, value in change.items():
        if name.startswith(MODEL):
            model[name.removeprefix(MODEL)] = value
        else:
            training[name] = value
    return model, training


def choose_candidate(
    job: FoldJob, x: NDArray[np.float32], y: NDArray[np.int64]
) -> Mapping[str, Any]:
    """Return the candidate with the best UF1, pooled over inner folds of the training persons.

    Parameters
    ----------
    job
        Its ``train``, ``groups`` and ``candidates`` are read; its ``test`` is not.
    x, y
        Features and classes of ``job.train``, in its order.
    """
    from mepipe.evaluation.fitting import fit
    from mepipe.evaluation.folds import training_seed

    people = len(set(job.groups))
    if people < 2 or len(np.unique(y)) < 2:
        return {}  # no person can be held out: the settings stay as they are
    names = tuple(str(number) for number in range(job.classes))
    clips = LabelledClips(job.train, ("",) * len(y), job.groups, y, names)
    row = {clip: number for number, clip in enumerate(job.train)}
    folds = grouped_folds(clips, min(INNER_FOLDS, people))
    # The first of equal candidates wins: the baseline stands first.
    best: tuple[float, Mapping[str, Any]] = (-1.0, {})
    for candidate in job.candidates:
        model, training = apply_candidate(job.model, job.training, candidate)
        # Counts are pooled over the inner folds, as they are over the outer ones: a fold holds
        # too few clips for a score of its own.
        counts = np.zeros((job.classes, job.classes), dtype=np.int64)
        for fold in folds:
            inside = [row[clip] for clip in fold.train]
            outside = [row[clip] for clip in fold.test]
            trained = fit(
                x[inside],
                y[inside],
                classes=job.classes,
                model=model,
                training=training,
                recentre=job.recentre,
                seed=training_seed(job.seed, f"{job.fold}/{fold.name}"),
                device=job.device,
                start=job.start,
            )
            predicted = trained.predict(x[outside]).argmax(axis=1)
            counts += metrics.confusion(y[outside], predicted, job.classes)
        figure = float(metrics.uf1(counts))
        if figure > best[0]:
            best = (figure, candidate)
    return best[1]

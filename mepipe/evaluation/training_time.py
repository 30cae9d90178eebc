"""About how long networks take to train."""

from __future__ import annotations

from mepipe.networks.registry import MODELS

# Of one core, measured: 240 networks of 309 clips and 50 epochs took 3 min 48 s to 4 min 12 s on
# two cores (docs/evaluation.md).
_NETWORK_S = 0.3
_CLIP_EPOCH_S = 1.1e-4


def training_seconds(model: str, networks: int, clips: int, epochs: int, jobs: int) -> float | None:
    """Return about how long training takes on a CPU, in s. None if it is no network of mepipe.

    Parameters
    ----------
    model
        The name of the model.
    networks
        How many are trained: folds times networks a training.
    clips, epochs
        Of each.
    jobs
        How many are trained at once.

    Examples
    --------
    >>> from mepipe.evaluation.training_time import training_seconds
    >>> round(training_seconds("spp", 240, 309, 50, jobs=2))
    240
    >>> training_seconds("svm", 240, 309, 50, jobs=2) is None
    True
    """
    if model not in MODELS or MODELS[model].kind != "network":
        return None
    return networks * (_NETWORK_S + _CLIP_EPOCH_S * clips * epochs) / max(1, jobs)

"""mepipe: micro-expression features from raw clips, cached and reproducible.

What a notebook needs is here, one name each:

    >>> import mepipe
    >>> callable(mepipe.run), callable(mepipe.extract), callable(mepipe.evaluate)
    (True, True, True)

Everything else is private by convention, but for the packages `mepipe.face`, `mepipe.flow`,
`mepipe.spotting`, `mepipe.metrics`, `mepipe.datasets` and `mepipe.viz`. Importing mepipe
imports none of them: each comes with its first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

# Name -> the module that has it, and what it is called there (empty: the module itself).
_DOOR = {
    "Config": ("mepipe.config", "Config"),
    "read_dataset": ("mepipe.datasets.registry", "read_dataset"),
    "check": ("mepipe.pipeline.check", "check"),
    "run": ("mepipe.run", "run"),
    "RunResult": ("mepipe.pipeline.run_result", "RunResult"),
    "extract": ("mepipe.inference.extract", "extract"),
    "spot": ("mepipe.recordings.spot", "spot"),
    "ClipResult": ("mepipe.inference.clip", "ClipResult"),
    "load": ("mepipe.features", "load"),
    "Features": ("mepipe.features", "Features"),
    "evaluate": ("mepipe.evaluation.api", "evaluate"),
    "evaluate_units": ("mepipe.evaluation.evaluate_units", "evaluate_units"),
    "train": ("mepipe.evaluation.api", "train"),
    "compare": ("mepipe.evaluation.comparison_result", "compare"),
    "load_model": ("mepipe.evaluation.saved_model", "load_model"),
    "Predictor": ("mepipe.inference.predictor", "Predictor"),
    "Prediction": ("mepipe.inference.predictor", "Prediction"),
    "errors": ("mepipe.errors", ""),
    "datasets": ("mepipe.datasets", ""),
    "face": ("mepipe.face", ""),
    "spotting": ("mepipe.spotting", ""),
    "flow": ("mepipe.flow", ""),
    "metrics": ("mepipe.evaluation.metrics", ""),
    "viz": ("mepipe.viz", ""),
}

__all__ = ["__version__", *_DOOR]  # noqa: PLE0604 (all texts)


def __getattr__(name: str) -> object:
    if name not in _DOOR:
        raise AttributeError(f"module 'mepipe' has no attribute {name!r}")
    module, attribute = _DOOR[name]
    found = import_module(module)
    globals()[name] = value = getattr(found, attribute) if attribute else found
    return value


def __dir__() -> list[str]:
    # What tab completion offers: the public names, whatever was imported meanwhile.
    return sorted(__all__)


class _Package(ModuleType):
    """The package: its `run` is the function, which the module of that name must not hide."""

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a submodule on its package when it is first imported.
        if name != "run" or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

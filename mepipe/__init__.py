"""mepipe: micro-expression features from raw clips, cached and reproducible.

``mepipe.load("features.h5")`` reads the features that ``mepipe run`` wrote; it
needs nothing but numpy and h5py. ``mepipe.Predictor("model.safetensors")`` answers on
new clips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mepipe.features import Features, load
    from mepipe.inference.predictor import Prediction, Predictor

__all__ = ["Features", "Prediction", "Predictor", "__version__", "load"]


def __getattr__(name: str) -> object:
    if name in {"Features", "load"}:
        from mepipe import features

        return getattr(features, name)
    if name in {"Prediction", "Predictor"}:
        from mepipe.inference import predictor as predict

        return getattr(predict, name)
    raise AttributeError(f"module 'mepipe' has no attribute {name!r}")

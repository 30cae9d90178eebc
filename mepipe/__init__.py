"""mepipe: micro-expression features from raw clips, cached and reproducible.

``mepipe.load("features.h5")`` reads the features that ``mepipe run`` wrote; it
needs nothing but numpy and h5py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from mepipe.features import Features, load

__all__ = ["Features", "__version__", "load"]


def __getattr__(name: str) -> object:
    if name in {"Features", "load"}:
        from mepipe import features

        return getattr(features, name)
    raise AttributeError(f"module 'mepipe' has no attribute {name!r}")

"""What several rooms must agree on: names, and the interfaces that cross rooms.

Each list stands here once. This module imports nothing of mepipe and nothing heavy, so
the command line can offer the names before it loads what they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

CLIP_STAGES = ("face", "spot", "flow", "tensor")
"""The stages that every clip goes through, in order (`mepipe.stages.STAGES` implements them)."""

STEPS = (*CLIP_STAGES, "pack", "classify")
"""The steps of a run: the stages of each clip, then those of the run as a whole."""

KEY_FRAMES = ("onset", "apex", "offset")

CHANNELS = ("u", "v", "strain")
"""The channels of a tensor: horizontal and vertical flow, optical strain."""

CLASSES = ("negative", "positive", "surprise")
"""The three classes of MEGC 2019."""

DEVICES = ("auto", "cpu", "cuda", "mps")

PROTOCOLS: Mapping[str, str] = {
    "loso": "leave one subject out",
    "megc2019": "MEGC 2019 composite",
    "kfold": "folds of persons",
    "cross-dataset": "leave one dataset out",
}
"""The protocols of evaluation, and what tables call them (folds: `mepipe.features.protocols`)."""

EXPORT_FORMS = ("npz", "png", "csv", "ststnet", "htnet")
"""What features can be exported to (`mepipe.io.export_features` has the writers)."""

SCALES = ("fixed", "clip", "minmax", "none")
"""How the values of a tensor can be scaled (`tensor.scale`)."""

SAMPLE_LAYOUTS = ("folder", "casme2", "samm", "smic")
"""The dataset layouts that `mepipe sample` can write."""

IMPORTED = "imported"
"""The section of a features file's settings that says that the features were imported."""


@dataclass(frozen=True)
class FeatureMap:
    """One kind of array that features.h5 may hold of every clip.

    Parameters
    ----------
    dtype
        How it is stored, as NumPy writes it.
    stage, array
        Where it comes from: a clip stage, and the name of its array.
    dimensions
        Number of dimensions in the file, the clips' own included.
    per_target
        Whether it has a part for each target frame, whose positions then stand
        in ``targets``.
    """

    dtype: str
    stage: str
    array: str
    dimensions: int
    per_target: bool = False


MAPS: Mapping[str, FeatureMap] = {
    "x": FeatureMap("<f4", "tensor", "x", 4),
    "flow": FeatureMap("<f4", "flow", "uv", 4),
    "faces": FeatureMap("|u1", "flow", "faces", 4, per_target=True),
    "sequence": FeatureMap("<f4", "tensor", "sequence", 5, per_target=True),
}
"""What features.h5 may hold, in the order of the file. Every file has ``x``."""

PER_TARGET = frozenset(name for name, item in MAPS.items() if item.per_target)


class Progress(Protocol):
    """Where long work says how far it is; called from one thread."""

    def begin(self, title: str, total: int) -> None:
        """Start counting to ``total``."""
        ...

    def advance(self) -> None:
        """Count one."""
        ...

    def end(self) -> None:
        """Stop counting."""
        ...

"""What several packages must agree on: names, and interfaces between packages.

Each list stands here once. This module imports nothing of mepipe and nothing heavy, so
the command line can offer the names before it loads what they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

CLIP_STAGES = ("face", "spot", "flow", "tensor")
"""The stages that every clip goes through, in order; each is `mepipe/stages/NAME.py`."""

SIDE_STAGES = ("motion",)
"""Stages beside those: they need a clip's face, and no feature needs them."""

STEPS = (*CLIP_STAGES, "pack", "classify")
"""The steps of a run: the stages of each clip, then those of the run as a whole."""

KeyFrameName = Literal["onset", "apex", "offset"]
KEY_FRAMES: tuple[KeyFrameName, ...] = get_args(KeyFrameName)

LONGEST_MICRO_S = 0.5
"""The longest micro-expression from onset to offset (Yan, Wu, Liang, Chen and Fu, Journal of
Nonverbal Behavior 37, 2013), in seconds. MEGC counts so, too."""


def is_micro(seconds: float) -> bool:
    """Return True if a movement of this length, onset to offset, is a micro-expression.

    Half a second of whole frames has no exact number at every rate: no kind hangs on the last bits.

    >>> from mepipe.schema import is_micro
    >>> is_micro(15 / 30), is_micro(16 / 30), is_micro(15 / 29.97)
    (True, False, False)
    """
    return seconds <= LONGEST_MICRO_S * (1 + 1e-6)


CHANNELS = ("u", "v", "strain")
"""The channels of a tensor: horizontal and vertical flow, optical strain."""

FLOW_CHANNELS = 2
"""How many of them are flow: u and v. What follows has no direction and no zero to find."""

CLASSES = ("negative", "positive", "surprise")
"""The three classes of MEGC 2019."""

PRETRAINED = "pretrained"
"""The name of the model whose weights come with mepipe."""


def is_saved(model: str) -> bool:
    """Return True if a name is that of a trained model, and not of a kind of model."""
    return model == PRETRAINED or model.endswith(".safetensors")


CACHE_MARKER = "mepipe-cache"
"""The file by which a folder is known as a cache of mepipe (`mepipe.cache.marker`)."""

CACHE_FOLDERS = ("index", "live", "locks", "objects", "quarantine", "runs", "tables", "tmp")
"""All folders that mepipe creates in a cache."""

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class ProtocolWords:
    """What a protocol of evaluation is called.

    Parameters
    ----------
    title
        In tables and headings.
    way
        In a sentence, after "evaluated by".
    """

    title: str
    way: str


PROTOCOLS: Mapping[str, ProtocolWords] = {
    "loso": ProtocolWords("leave one subject out", "leaving one subject out"),
    "megc2019": ProtocolWords(
        "MEGC 2019 composite", "leaving one subject out of the composite of MEGC 2019"
    ),
    "kfold": ProtocolWords("folds of persons", "leaving out folds of whole persons"),
    "cross-dataset": ProtocolWords("leave one dataset out", "leaving one dataset out"),
}
"""The protocols of evaluation (their folds: `mepipe.features.protocols.FOLDS`)."""

NOTHING_TRAINED = "none"
"""The protocol in the results of a saved model: there are no folds."""

_UNTRAINED = ProtocolWords(
    "nothing is trained on these clips", "a model that had been trained on other clips"
)


def protocol_words(protocol: str) -> ProtocolWords:
    """Return what a protocol of results is called, also where nothing was trained."""
    return _UNTRAINED if protocol == NOTHING_TRAINED else PROTOCOLS[protocol]


EXPORT_FORMS = ("npz", "png", "csv", "ststnet", "htnet")
"""What features can be exported to (`mepipe.io.export_features` has the writers)."""

SPOTTING_RULES = ("megc", "strs-script")
"""How events found in recordings are scored (`mepipe.metrics.spotting.score`)."""

Scale = Literal["fixed", "clip", "minmax", "none"]
SCALES: tuple[Scale, ...] = get_args(Scale)
"""How the values of a tensor can be scaled (`tensor.scale`)."""

Limit = Literal["soft", "hard"]
"""What becomes of motion beyond the fixed scale (`tensor.limit`)."""

MotionModel = Literal["similarity", "translation"]
"""The head motion that is fitted and removed (`flow.stabilise`)."""

SpotMethod = Literal["flow-peak", "lbp-divide", "middle"]
SPOT_METHODS: tuple[SpotMethod, ...] = get_args(SpotMethod)
"""How key frames that no annotation names are found (`spot.method`)."""

Repair = Literal["spot", "midpoint", "drop", "error"]
"""What becomes of an annotation that cannot be right (`data.repair`)."""

Missing = Literal["nearest", "error"]

TimeUnit = Literal["frames", "seconds", "milliseconds"]
"""What stands for a frame that is named but absent (`data.missing`)."""

SAMPLE_LAYOUTS = ("folder", "casme2", "samm", "smic")
"""The dataset layouts that `mepipe sample` can write."""

IMPORTED = "imported"
"""The section of a features file's settings that says that the features were imported."""


@dataclass(frozen=True)
class Needed:
    """A setting without which there is no such map: while it has its default.

    Parameters
    ----------
    setting, value
        Its name, and as TOML a value that makes the map.
    without
        What is said of the map where the setting has its default.
    others
        Other values that do, as they follow in a remedy.
    """

    setting: str
    value: str
    without: str
    others: str = ""


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
    what
        What it is, in a few words, for the description of ``pack.include``.
    per_target
        Whether it has a part for each target frame, whose positions then stand
        in ``targets``.
    needed
        The setting that makes it, where it is not always made.
    """

    dtype: str
    stage: str
    array: str
    dimensions: int
    what: str
    per_target: bool = False
    needed: Needed | None = None


MAPS: Mapping[str, FeatureMap] = {
    "x": FeatureMap("<f4", "tensor", "x", 4, "always"),
    "flow": FeatureMap("<f4", "flow", "uv", 4, "px, from onset to apex"),
    "faces": FeatureMap(
        "|u1",
        "flow",
        "faces",
        4,
        "needs flow.keep_faces",
        per_target=True,
        needed=Needed("flow.keep_faces", "true", "which are kept only with flow.keep_faces = true"),
    ),
    "sequence": FeatureMap(
        "<f4",
        "tensor",
        "sequence",
        5,
        "u, v, strain of each target; needs flow.targets",
        per_target=True,
        needed=Needed(
            "flow.targets",
            "8",
            "which there is not with flow.targets = apex",
            " (any number from 2 to 64), --set flow.targets=phases or "
            "--set flow.targets=apex-offset",
        ),
    ),
}
"""What features.h5 may hold, in the order of the file. Every file has ``x``."""

ModelMap = Literal["x", "sequence"]
"""The maps that a model can read (`model.map`): one a clip, or several."""

FACE_ARRAYS = frozenset({"faces"})
"""The arrays, and maps, that show a person. Files that hold them are for their owner only."""

MAP_STAGES = tuple(stage for stage in CLIP_STAGES if any(m.stage == stage for m in MAPS.values()))
"""The stages whose arrays features.h5 may hold."""

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

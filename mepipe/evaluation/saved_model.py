"""Saved models: weights as safetensors, everything else as a JSON card in its header.

Nothing is ever unpickled. The card says how to build the networks, what their
inputs must be, and what made the features; a model refuses features that were
made with other settings. ``model.json`` beside the file is a readable copy of
the card, which nothing reads.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mepipe.errors import DamageError, UsageError
from mepipe.evaluation.device import resolve
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.network_training import Trained
from mepipe.evaluation.normalisation import Normalisation
from mepipe.networks.registry import MODELS, build, is_own
from mepipe.schema import CLIP_STAGES

if TYPE_CHECKING:
    from mepipe.features import Features

Floats = NDArray[np.float32]

FORMAT = "mepipe-model"
FORMAT_VERSION = 1
# Sections of the feature settings that decide what a network sees.
DECIDING = CLIP_STAGES

# These add to the features, and leave what a network sees as it is.
_BESIDE = {"flow": {"keep_faces", "targets"}}

_LONGEST_HEADER = 100 << 20
_ABSENT = "(not set)"

WIDEST = 512
LARGEST = 512
_Side = Annotated[int, Field(ge=4, le=LARGEST)]


@dataclass(frozen=True)
class SavedModel:
    """A model that was read back.

    Parameters
    ----------
    ensemble
        Predicts class probabilities (N, K) from features (N, C, S, S).
    card
        What it was trained on and how, as `encode_model` wrote it.
    """

    ensemble: Ensemble
    card: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return tuple(self.card["classes"])

    def check(self, settings: Mapping[str, Any], channels: Sequence[str]) -> None:
        """Refuse features made with other settings than those it was trained on.

        Parameters
        ----------
        settings, channels
            Of the features, as `mepipe.load` gives them.

        Raises
        ------
        UsageError
            Naming every difference.
        """
        different = differences(self.card["features"]["settings"], settings)
        if list(channels) != list(self.card["features"]["channels"]):
            trained = ", ".join(self.card["features"]["channels"])
            different.append(f"channels: {trained} in training, {', '.join(channels)} here")
        if different:
            raise UsageError(
                "these features were made with other settings than the model was trained on: "
                + "; ".join(different),
                "Make the features with the model's settings, or train a model on these.",
            )

    def predict(self, x: Floats) -> Floats:
        """Return class probabilities (N, K) float32 for features (N, C, S, S).

        Raises
        ------
        UsageError
            If the features have another shape than those of the training.
        """
        expected = tuple(self.card["features"]["shape"])
        if x.ndim != 4 or x.shape[1:] != expected:
            raise UsageError(
                f"the model takes features of the shape (N, {', '.join(map(str, expected))}), "
                f"not {x.shape}",
                "Make the features with the settings in the model's card.",
            )
        return self.ensemble.predict(x)


def differences(trained: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return what differs between two feature settings, of the sections that decide features."""
    found = []
    for section in DECIDING:
        one, two = trained.get(section) or {}, here.get(section) or {}
        for key in sorted((one.keys() | two.keys()) - _BESIDE.get(section, set())):
            was, now = one.get(key, _ABSENT), two.get(key, _ABSENT)
            if was != now:
                found.append(f"{section}.{key} was {was} in training and is {now} here")
    return found


def encode_model(ensemble: Ensemble, card: Mapping[str, Any]) -> bytes:
    """Return the bytes of model.safetensors. Equal models give equal bytes."""
    from safetensors.torch import save

    tensors = {}
    for number, member in enumerate(ensemble.members):
        for name, value in member.network.state_dict().items():
            tensors[f"{number}.{name}"] = value.detach().cpu().contiguous()
    first = ensemble.members[0]
    full = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **card,
        "inputs": {
            "recentre": first.normalise.recentre,
            # float32 through JSON and back is exact: its decimals are those of a double.
            "scale": [float(value) for value in first.normalise.scale],
            "mirror": first.mirror,
            "seen": first.seen.tolist(),
            "members": len(ensemble.members),
        },
    }
    text = json.dumps(full, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return save(tensors, metadata={"mepipe": text})


def read_card(path: Path) -> dict[str, Any]:
    """Return the card of a saved model, reading the file's header alone.

    Raises
    ------
    UsageError
        If there is no such file, or it is no saved model, or from a newer mepipe.
    DamageError
        If it is one, and damaged.
    """
    if path.is_dir() or not path.is_file():
        raise UsageError(
            f"there is no model file {path}", "`mepipe train FEATURES --out FILE` writes one."
        )
    refuse = UsageError(
        f"{path} is no model of mepipe",
        "Give a .safetensors file that `mepipe train` wrote; pickled models (.pt, .pth, .pkl) "
        "can run code and are never opened.",
    )
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise refuse
        (length,) = struct.unpack("<Q", start)
        if length > min(_LONGEST_HEADER, path.stat().st_size):
            raise refuse
        try:
            header = json.loads(file.read(length))
            card = json.loads(header["__metadata__"]["mepipe"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise refuse from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise refuse
    version = card.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise UsageError(
            f"{path} has the format {version}, newer than this mepipe's {FORMAT_VERSION}",
            "Update mepipe.",
        )
    return card


def load_model(
    path: str | Path,
    *,
    features: Features | None = None,
    trust: str | None = None,
    device: str = "cpu",
) -> SavedModel:
    """Read a saved model.

    Parameters
    ----------
    path
        A .safetensors file that `mepipe train` wrote.
    features
        What it is to be used on: features made with other settings are refused
        (`SavedModel.check`).
    trust
        The ``package.module:factory`` that may be imported to build the networks,
        where the model is not one of mepipe's own: importing it runs its code.
    device
        Where it predicts.

    Raises
    ------
    UsageError
        As `read_card`; if the model needs code that is not trusted; if the
        features were made with other settings; if the device is not there.
    DamageError
        If its card cannot be right, or its tensors are not those of the network
        that it names.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mepipe.evaluation.api import train
    >>> from mepipe.features import demo_features
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5")
    >>> path, quick = f"{folder.name}/model.safetensors", ["train.epochs=1", "train.members=1"]
    >>> made = train(features, path, settings=quick, device="cpu")
    >>> model = load_model(path, features=features)
    >>> model.card["subjects"], model.predict(features.x).shape
    (6, (18, 3))
    >>> folder.cleanup()
    """
    path = Path(path)
    card = read_card(path)
    told = _told(path, card)
    name = told.model["name"]
    if is_own(name) and trust != name:
        raise UsageError(
            f"{path} needs the code of {name}, which would be imported and run",
            f"If you trust it, say so: trust={name!r}, or --trust {name}.",
        )
    if not is_own(name) and (name not in MODELS or MODELS[name].kind != "network"):
        raise DamageError(f"{path}: {name} is no network", "Train the model again.")
    device = resolve(device)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DamageError(f"{path} is damaged: {error}", "Train the model again.") from error
    numbers = {key.partition(".")[0] for key in tensors}
    if numbers != {str(number) for number in range(told.inputs.members)}:
        raise DamageError(
            f"{path}: its card tells of {told.inputs.members} networks, and it holds others",
            "Train the model again.",
        )
    inputs, (channels, size, _) = told.inputs, told.features.shape
    normalise = Normalisation(inputs.recentre, np.array(inputs.scale, dtype=np.float32))
    seen = np.array(inputs.seen, dtype=np.bool_)
    built = []
    for number in range(inputs.members):
        network = build(**told.model, channels=channels, size=size, classes=len(told.classes))
        prefix = f"{number}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            raise DamageError(
                f"{path}: its tensors are not those of the network {name}: "
                f"{str(error).splitlines()[-1].strip()}",
                "Train the model again, or use the mepipe that trained it.",
            ) from error
        network = network.to(device).eval()
        built.append(Trained(network, normalise, seen, inputs.mirror, device, name))
    model = SavedModel(Ensemble(built), card)
    if features is not None:
        model.check(features.settings, features.channels)
    return model


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, strict=True)


class _Inputs(_Plain):
    recentre: bool
    scale: list[Annotated[float, Field(gt=0, lt=1e30)]]
    mirror: bool
    seen: list[bool]
    members: int = Field(ge=1, le=20)


class _Features(_Plain):
    shape: tuple[Annotated[int, Field(ge=1, le=16)], _Side, _Side] = Field(strict=False)
    channels: list[str]
    settings: dict[str, Any]


class _Card(_Plain):
    """What a card must tell, within bounds that no file of a few kB can take memory beyond."""

    model: dict[str, Any]
    classes: list[str] = Field(min_length=2, max_length=100)
    features: _Features
    inputs: _Inputs

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        channels, rows, columns = self.features.shape
        if rows != columns or channels != len(self.features.channels):
            raise ValueError("shape and channels do not agree")
        if len(self.inputs.scale) != channels:
            raise ValueError("scale needs a value a channel")
        if len(self.inputs.seen) != len(self.classes) or not any(self.inputs.seen):
            raise ValueError("seen needs a value a class, and one that is true")
        if not isinstance(self.model.get("name"), str):
            raise ValueError("the model has no name")  # noqa: TRY004
        if {"channels", "size", "classes"} & set(self.model):
            raise ValueError("the input decides channels, size and classes")
        width = self.model.get("width", 8)
        if not isinstance(width, int) or not 4 <= width <= WIDEST:
            raise ValueError(f"a width beyond {WIDEST}")
        return self


def _told(path: Path, card: Mapping[str, Any]) -> _Card:
    try:
        return _Card.model_validate(card)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamageError(
            f"{path}: its card cannot be right: {where} {first['msg'].lower()}".rstrip(),
            "Train the model again.",
        ) from None

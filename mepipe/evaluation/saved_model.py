"""Saved models: weights as safetensors, everything else as a JSON card in its header.

Nothing is ever unpickled. The card says how to build the networks, what their
inputs must be, and what made the features; a model refuses features that were
made with other settings. ``model.json`` beside the file is a readable copy of
the card, which nothing reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import pretrained_measured, pretrained_path
from mepipe.errors import DamageError, UsageError
from mepipe.evaluation.device import resolve
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.model_card import (
    FORMAT,
    FORMAT_VERSION,
    checked_card,
    differences,
    figures_of,
    read_card,
)
from mepipe.evaluation.network_training import Trained
from mepipe.evaluation.normalisation import Normalisation
from mepipe.extras import require
from mepipe.networks.registry import MODELS, build, is_own
from mepipe.schema import PRETRAINED, ModelMap

if TYPE_CHECKING:
    from torch import Tensor

    from mepipe.features import Features

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SavedModel:
    """A model that was read back.

    Parameters
    ----------
    ensemble
        Predicts class probabilities (N, K) from the map of features that `map` names.
    card
        What it was trained on and how, as `encode_model` wrote it.
    """

    ensemble: Ensemble
    card: Mapping[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the probabilities."""
        return tuple(self.card["classes"])

    @property
    def map(self) -> ModelMap:
        """The map of the features that it reads: ``x``, or ``sequence``."""
        named: ModelMap = self.card["features"].get("map", "x")
        return named

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
        different = differences(self.card["features"]["settings"], settings, self.map)
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

        A model of sequences takes (N, M, C, S, S), what ``features.read(model.map)`` returns.

        Raises
        ------
        UsageError
            If the features have another shape than those of the training.
        """
        expected = tuple(self.card["features"]["shape"])
        if x.shape[1:] != expected:
            raise UsageError(
                f"the model takes features of the shape (N, {', '.join(map(str, expected))}), "
                f"not {x.shape}",
                f"It reads the map {self.map}: give features.read({self.map!r}), of features made "
                "with the settings in the model's card.",
            )
        return self.ensemble.predict(x)


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
            "per_clip": first.normalise.per_clip,
            "temperature": first.temperature,
        },
    }
    text = json.dumps(full, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return save(tensors, metadata={"mepipe": text})


def file_tensors(path: Path, data: bytes | None = None) -> dict[str, Tensor]:
    """Return the tensors of a saved model, of its bytes where these were read already.

    Raises
    ------
    DamageError
        If they are no whole .safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, load_file

    try:
        return load_file(path) if data is None else load(data)
    except (SafetensorError, OSError) as error:
        raise DamageError(f"{path} is damaged: {error}", "Train the model again.") from error


def split_members(
    path: Path, tensors: Mapping[str, Tensor], members: int
) -> list[dict[str, Tensor]]:
    """Return the tensors of each network of a saved model, by their names in the network.

    Raises
    ------
    DamageError
        If there are not as many networks as its card says.
    """
    numbers = {key.partition(".")[0] for key in tensors}
    if numbers != {str(number) for number in range(members)}:
        raise DamageError(
            f"{path}: its card names {members} networks, and it holds others",
            "Train the model again.",
        )
    return [
        {
            key.removeprefix(f"{number}."): value
            for key, value in tensors.items()
            if key.startswith(f"{number}.")
        }
        for number in range(members)
    ]


def model_file(model: str | Path) -> Path:
    """Return the file of a saved model: that of mepipe's own weights for ``pretrained``.

    Raises
    ------
    UsageError, DamageError
        As `mepipe.assets.pretrained_path`.
    """
    return pretrained_path() if str(model) == PRETRAINED else Path(model)


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
        A .safetensors file that `mepipe train` wrote, or ``pretrained``: the model that comes
        with mepipe.
    features
        What it is to be used on: features made with other settings, or without the map that
        it reads, are refused (`SavedModel.check`).
    trust
        The ``package.module:factory`` that may be imported to build the networks,
        where the model is not one of mepipe's own: importing it runs its code.
    device
        Where it predicts.

    Raises
    ------
    UsageError
        As `read_card`; if mepipe was installed without its weights; if the model needs code
        that is not trusted; if the features were made with other settings; if the device is
        not there.
    DamageError
        If its card cannot be right, its tensors are not those of the network
        that it names, or the weights that come with mepipe are not those that were packed.

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
    require("train", "a trained model")
    comes_with_mepipe = str(path) == PRETRAINED
    path = model_file(path)
    card = read_card(path)
    known = checked_card(path, card)
    name = known.model["name"]
    if is_own(name) and trust != name:
        raise UsageError(
            f"{path} needs the code of {name}, which would be imported and run",
            f"If you trust it, say so: trust={name!r}, or --trust {name}.",
        )
    if not is_own(name) and (name not in MODELS or MODELS[name].kind != "network"):
        raise DamageError(f"{path}: {name} is not a network", "Train the model again.")
    device = resolve(device)
    members = split_members(path, file_tensors(path), known.inputs.members)
    inputs, (*maps, channels, size, _) = known.inputs, known.features.shape
    scale = np.array(inputs.scale, dtype=np.float32)
    normalise = Normalisation(inputs.recentre, scale, inputs.per_clip)
    seen = np.array(inputs.seen, dtype=np.bool_)
    built = []
    for own in members:
        try:
            network = build(
                **known.model,
                channels=channels,
                size=size,
                classes=len(known.classes),
                maps=maps[0] if maps else None,
            )
        except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
            if is_own(name):  # the user's own code keeps its traceback
                raise
            raise DamageError(
                f"{path}: its card cannot be right: the network {name} cannot be built of it "
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__})",
                "Train the model again.",
            ) from error
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            raise DamageError(
                f"{path}: its tensors are not those of the network {name}: "
                f"{str(error).splitlines()[-1].strip()}",
                "Train the model again, or use the mepipe that trained it.",
            ) from error
        network = network.to(device).eval()
        built.append(
            Trained(network, normalise, seen, inputs.mirror, device, name, inputs.temperature)
        )
    if comes_with_mepipe:
        card["figures"] = [*pretrained_measured(), *figures_of(card)]
    model = SavedModel(Ensemble(built), card)
    if features is not None:
        model.check(features.settings, features.channels)
        if model.map != "x":  # which all features have
            features.shape_of(model.map)
    return model

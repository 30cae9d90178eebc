"""The model that the settings name: its options, its description, its tuning candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from mepipe.config.settings import ModelSettings, TrainSettings
from mepipe.errors import UsageError
from mepipe.evaluation.tuning import MODEL, candidates, default_choices
from mepipe.features import Features
from mepipe.networks.pyramid import plan
from mepipe.networks.registry import MODELS, find_factory, is_own, takes

NOT_TRAINING = {"seed", "seeds", "choices", "batched"}
"""The settings in ``train`` that say what is trained, how often and with what else, and not how."""


def model_of(settings: ModelSettings) -> dict[str, Any]:
    """Return the name and those options that this model takes, as plain values.

    Raises
    ------
    UsageError
        If there is no such built-in model.
    """
    own = settings.model_dump(mode="json", exclude={"name", "recentre", "options"})
    fixed = {"name", "channels", "size", "classes", *own} & set(settings.options)
    if fixed:
        raise UsageError(
            f"model.options = {settings.options}: {min(fixed)} is no option",
            "The input decides channels, size and classes; settings of spp are model.kernels "
            "and so on.",
        )
    known = () if is_own(settings.name) else takes(settings.name)
    return {
        "name": settings.name,
        **{name: value for name, value in own.items() if name in known},
        **settings.options,
    }


def describe_model(settings: ModelSettings, size: int) -> str:
    """Return the cells of the model's pyramid, or what the model is, in a line.

    Raises
    ------
    UsageError
        If there is no such built-in model, or its pyramid does not fit the input.
    """
    if is_own(settings.name):
        find_factory(settings.name)
        return f"{settings.name}: your own model"
    if "kernels" not in takes(settings.name):
        return f"{settings.name}: {MODELS[settings.name].what}"
    pyramid = plan(size, settings.kernels, settings.position, settings.mode)
    return pyramid.describe() if settings.name == "spp" else f"{settings.name}: no pyramid"


def trains_network(name: str) -> bool:
    """Return True if a model is a network.

    A user's own model counts as one: what it is shows only when it is built.
    """
    return is_own(name) or MODELS[name].kind == "network"


def needs_recentring(model: ModelSettings, features: Features) -> bool:
    """Return True if the medians of u and v are subtracted.

    ``auto`` does so only for min-max scaled features, which no longer say where
    zero motion was.
    """
    scale = features.settings.get("tensor", {}).get("scale")
    return model.recentre == "always" or (model.recentre == "auto" and scale == "minmax")


def tuning_grid(model: ModelSettings, train: TrainSettings) -> Sequence[Mapping[str, Any]]:
    """Return the candidates of ``--tune``: the settings unchanged, {}, and changes to them.

    Raises
    ------
    UsageError
        If mepipe knows no candidates for the model, or the model has no such setting.
    """
    name, own, network = model.name, is_own(model.name), trains_network(model.name)
    options: Sequence[str] = () if own else takes(name)
    known = TrainSettings.model_fields.keys() - NOT_TRAINING
    grid = candidates(train.choices or default_choices(name, options, network=network and not own))
    for change in grid:
        for key, value in change.items():
            option = key.removeprefix(MODEL) if key.startswith(MODEL) else None
            if option is None and not (network and key in known):
                raise UsageError(
                    f"train.choices: {key} is no training setting of {name}",
                    f"Write model.{key} for an option of the model.",
                )
            if option is not None and not own and option not in options:
                raise UsageError(
                    f"train.choices: {name} takes no {option}",
                    f"It takes {', '.join(sorted(options)) or 'none'}.",
                )
            try:
                if option is None:
                    TrainSettings.model_validate({key: value})
                elif option in ModelSettings.model_fields:
                    ModelSettings.model_validate({option: value})
            except ValidationError as error:
                raise UsageError(
                    f"train.choices: {key} = {value!r}: {error.errors()[0]['msg'].lower()}",
                    "`mepipe config` prints what each setting may be.",
                ) from None
    return grid

"""The model that the settings name: its options, its description, its tuning candidates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.config.settings import Config
from mepipe.errors import UsageError
from mepipe.evaluation.model_card import section_of
from mepipe.evaluation.tuning import MODEL, candidates, default_choices
from mepipe.features import Features
from mepipe.networks.pyramid import plan
from mepipe.networks.registry import (
    MODELS,
    find_factory,
    is_own,
    require_several_maps,
    takes,
)

NOT_TRAINING = {"seed", "seeds", "choices", "init", "batched"}
"""The settings in ``train`` that say what is trained, how often and with what else, and not how."""

# Settings that came later, and their value that changes nothing: with it they are in no key, so
# folds that were stored before are still found.
_UNSAID = {"per_clip": False, "batched": "auto"}


def training_of(
    settings: TrainSettings, leave_out: Collection[str] = NOT_TRAINING
) -> dict[str, Any]:
    """Return how a network is trained, as plain values."""
    plain = settings.model_dump(mode="json", exclude=set(leave_out))
    return {
        name: value
        for name, value in plain.items()
        if name not in _UNSAID or value != _UNSAID[name]
    }


def model_of(settings: ModelSettings) -> dict[str, Any]:
    """Return the name and those options that this model takes, as plain values.

    Raises
    ------
    UsageError
        If there is no such built-in model.
    """
    own = settings.model_dump(mode="json", exclude={"name", "recentre", "map", "options"})
    fixed = {"name", "channels", "size", "classes", "maps", *own} & set(settings.options)
    if fixed:
        raise UsageError(
            f"model.options = {settings.options}: {min(fixed)} is not an option",
            "The input decides channels, size, classes and maps; settings of spp are model.kernels "
            "and so on.",
        )
    known = () if is_own(settings.name) else takes(settings.name)
    return {
        "name": settings.name,
        **{name: value for name, value in own.items() if name in known},
        **settings.options,
    }


def describe_model(settings: ModelSettings, size: int, maps: int | None = None) -> str:
    """Return the cells of the model's pyramid, or what the model is, in a line.

    Parameters
    ----------
    settings
        The model.
    size
        Side of its input.
    maps
        How many maps a clip it reads, of a sequence.

    Raises
    ------
    UsageError
        If there is no such built-in model, its pyramid does not fit the input, or it reads one
        map a clip and there are several.
    """
    several = "" if maps is None else f", on {maps} maps a clip"
    if is_own(settings.name):
        find_factory(settings.name)
        return f"{settings.name}: your own model{several}"
    if several:
        require_several_maps(settings.name)
    if "kernels" not in takes(settings.name):
        return f"{settings.name}: {MODELS[settings.name].what}{several}"
    pyramid = plan(size, settings.kernels, settings.position, settings.mode, settings.cells)
    said = pyramid.describe() if settings.name == "spp" else f"{settings.name}: no pyramid"
    return said + several


def packed_maps(config: Config) -> int | None:
    """Return how many maps a clip the model reads in the features of a run. None: ``x``.

    Raises
    ------
    UsageError
        If the run does not pack the map that the model reads.
    """
    wanted, targets = config.model.map, config.flow.targets
    if wanted == "x":
        return None
    if wanted not in config.pack.include:
        raise UsageError(
            f"model.map = {wanted} reads a map that features.h5 will not hold",
            f'Add --set \'pack.include=["x", "{wanted}"]\' and --set flow.targets=phases '
            "(or apex-offset, or a number of frames from 2 to 64).",
        )
    return targets if isinstance(targets, int) else 2


def check_map(settings: ModelSettings, features: Features) -> tuple[int, ...]:
    """Return the shape of what the model reads of each clip: (C, S, S), or (M, C, S, S).

    Raises
    ------
    UsageError
        If the features have no such map, or the model reads one map a clip and not several.
    """
    if settings.map != "x":
        require_several_maps(settings.name)
    return features.shape_of(settings.map)[1:]


def trains_network(name: str) -> bool:
    """Return True if a model is a network.

    A user's own model counts as one: what it is shows only when it is built.

    Raises
    ------
    UsageError
        If there is no such built-in model.
    """
    if is_own(name):
        return True
    takes(name)
    return MODELS[name].kind == "network"


def needs_recentring(model: ModelSettings, features: Features) -> bool:
    """Return True if the medians of u and v are subtracted.

    ``auto`` does so only for min-max scaled features, which no longer say where
    zero motion was.
    """
    scale = section_of(features.settings, "tensor").get("scale")
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
                    f"train.choices: {key} is not a training setting of {name}",
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

"""Whether features suit a saved model, and the normalisation that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mepipe.config.classifier import ModelSettings
from mepipe.errors import UsageError
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.model_card import differences, section_of
from mepipe.evaluation.model_settings import needs_recentring
from mepipe.evaluation.normalisation import Normalisation
from mepipe.evaluation.saved_model import SavedModel
from mepipe.features import Features
from mepipe.schema import IMPORTED, ModelMap

SHOWN = 4
"""How many clips or settings a message names."""

_UNITS = ("displacement_range", "strain_range", "limit")


def require_same_form(card: Mapping[str, Any], features: Features, name: str) -> None:
    """Raise UsageError if features lack the model's map, or have another shape, channels, classes.

    Parameters
    ----------
    card
        That of the model.
    features
        What it is to be used on.
    name
        What messages call the model.
    """
    shape, channels = list(card["features"]["shape"]), list(card["features"]["channels"])
    reads = card["features"].get("map", "x")
    if reads not in features.maps:
        targets = section_of(card["features"].get("settings"), "flow").get("targets", "phases")
        raise UsageError(
            f"{name} reads the map {reads}, and {features.name} has only "
            f"{', '.join(features.maps)}",
            f"Make the features with --set flow.targets={targets} and "
            f'--set \'pack.include=["x", "{reads}"]\'.',
        )
    here = list(features.shape_of(reads)[1:])
    if here[-1] != shape[-1]:
        raise UsageError(
            f"{name} takes features of {' x '.join(map(str, shape))}, and these are "
            f"{' x '.join(map(str, here))}",
            f"Make features of that size: mepipe run ... --set tensor.size={shape[-1]}.",
        )
    was, now = targets_of(card["features"].get("settings") or {}, features, reads)
    if was != now:
        raise UsageError(
            f"{name} reads flow.targets = {was}, and these features have {now}",
            f"Make the features with --set flow.targets={was}.",
        )
    if here != shape:
        raise UsageError(
            f"{name} takes features of {' x '.join(map(str, shape))}, and these are "
            f"{' x '.join(map(str, here))}",
            "Make features with the settings in the model's card.",
        )
    if list(features.channels) != channels:
        raise UsageError(
            f"{name} takes the channels {', '.join(channels)}, and these features have "
            f"{', '.join(features.channels)}",
            "Give features with these channels.",
        )
    if list(features.classes) != list(card["classes"]):
        raise UsageError(
            f"{name} knows the classes {', '.join(card['classes'])}, and these clips have "
            f"{', '.join(features.classes)}",
            "Give features with these classes (labels.classes), or train a model on yours.",
        )


def targets_of(settings: Mapping[str, Any], features: Features, reads: ModelMap) -> tuple[Any, Any]:
    """Return ``flow.targets`` of a training with these settings, and of features.

    Nothing of both where the map that is read does not depend on it, or one of them says nothing.
    """
    was, now = (section_of(one, "flow").get("targets") for one in (settings, features.settings))
    return (None, None) if reads == "x" or was is None or now is None else (was, now)


def adapted(
    saved: SavedModel, features: Features, model: ModelSettings
) -> tuple[Ensemble, list[str]]:
    """Return the networks with the normalisation that the features need, and notes on it.

    A clip is recentred as it was in training, or where its file does not say what no motion is.
    Where the numbers have another unit than in training (``tensor.scale`` and its ranges), each
    clip is brought to the root mean square that the networks know; networks that were trained
    so need nothing.

    Parameters
    ----------
    saved, features
        The model, and what it is to be used on.
    model
        ``recentre`` alone is read; always or never overrides the rule.
    """
    known: Normalisation = saved.ensemble.members[0].normalise
    trained, here = saved.card["features"].get("settings") or {}, features.settings
    notes = []
    needed = needs_recentring(model, features)
    recentre = needed or (known.recentre and model.recentre == "auto")
    if needed and not known.recentre:
        notes.append(
            "the median of u and of v of each clip is subtracted, for these features do not say "
            "what no motion is"
        )
    normalise = replace(known, recentre=recentre)
    if not known.per_clip and not _same_unit(
        section_of(trained, "tensor"), section_of(here, "tensor")
    ):
        # The networks know clips whose root mean square is 1 on the whole.
        ones = np.ones_like(known.scale)
        normalise = Normalisation(recentre, ones, per_clip=True)
        notes.append(
            "these features have another unit than those of the training: each clip was brought "
            "to the size that the model knows, so how large a movement is played no role"
        )
    if IMPORTED in here:
        notes.append("these features were imported: how far they suit the model is not known")
    else:
        different = differences(trained, here, saved.map)
        if different:
            more = f"; and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
            notes.append(
                "these features were made with other settings than those of the training: "
                f"{'; '.join(different[:SHOWN])}{more}"
            )
    members = [replace(member, normalise=normalise) for member in saved.ensemble.members]
    return Ensemble(members), notes


def _same_unit(trained: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Return True if the numbers of two tensors mean the same motion, as far as is known."""
    if trained.get("scale") is None or trained["scale"] != here.get("scale"):
        return False
    return all(trained[name] == here[name] for name in _UNITS if name in trained and name in here)

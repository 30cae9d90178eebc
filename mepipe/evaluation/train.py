"""Train one model on every labelled clip, to use it on new clips."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mepipe import __version__
from mepipe.cache import disk
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.errors import UsageError
from mepipe.evaluation.evaluate import labelled
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.folds import features_for, training_seed
from mepipe.evaluation.model_settings import (
    check_map,
    model_of,
    needs_recentring,
    training_of,
    trains_network,
)
from mepipe.evaluation.starting_weights import Start
from mepipe.extras import require
from mepipe.features import Features
from mepipe.features.splits import usable
from mepipe.networks.registry import code_digest
from mepipe.schema import Progress
from mepipe.versions import libraries

if TYPE_CHECKING:
    from mepipe.evaluation.ensemble import Ensemble

# Every card has these, of any version: by them a file is known to be one.
_OF_A_CARD = {"model", "training", "classes", "features"}


def train_model(
    features: Features,
    source: Source,
    out: Path,
    *,
    model: ModelSettings,
    train: TrainSettings,
    select: tuple[str, ...] = (),
    device: str = "auto",
    results: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train on every clip with a class and a known person, write the model, return its card.

    Parameters
    ----------
    features, source
        The features, and their file as it was hashed.
    out
        The .safetensors file; the readable copy of the card lies beside it, with
        the suffix .json.
    model, train
        The settings; ``train.seed`` alone is used, for there is one training.
    select
        ``COLUMN=VALUE[,VALUE...]`` conditions.
    device
        As `mepipe.evaluation.device.resolve` takes it.
    results
        The results.json of an evaluation of the same features and settings: its
        figures go into the card.
    progress
        Counts the epochs, of one network after the other.

    Raises
    ------
    UsageError
        If ``out`` is no .safetensors file; if there is nothing to train on; if the weights to
        start from (``train.init``) are of another network; if the
        model is an estimator, which could only be pickled; if the results are of
        other features or settings.
    BadDataError
        If a clip's features are not finite.
    """
    require("train", "training")
    claim_model(out)
    # A clip of an unknown person is left out here too, so that the model is trained on the
    # clips that an evaluation of the same settings evaluates.
    kept, _ = usable(labelled(features, select))
    if not len(kept) or len(np.unique(kept.y)) < 2:
        raise UsageError(
            f"there are {len(kept)} clips with a class and a known subject, of "
            f"{len(np.unique(kept.y))} classes",
            "Training needs clips of at least two classes.",
        )
    if not trains_network(model.name):
        raise _not_saved(model.name)
    named = model_of(model)
    training = training_of(train)
    start = Start.of(train)
    if start is not None:
        training = start.training_for(features, named, training, model.map)
    recentre = needs_recentring(model, features)
    shape = check_map(model, features)
    code = code_digest(model.name)
    asked: dict[str, Any] = {
        "features": source.digest,
        "select": list(select),
        "model": named,
        "training": training,
        "recentre": recentre,
        "code": code,
        "start": None if start is None else start.sha256,
        "map": model.map,
    }
    figures = None if results is None else _figures(results, asked)
    from mepipe.evaluation.device import resolve
    from mepipe.evaluation.ensemble import Ensemble
    from mepipe.evaluation.fitting import fit

    x = features_for(features, kept.clip, model.map)
    counting = None if progress is None else _Epochs(progress, train.epochs, train.members)
    try:
        fitted = fit(
            x,
            kept.y,
            classes=len(kept.classes),
            model=named,
            training=training,
            recentre=recentre,
            seed=training_seed(train.seed, "all"),
            device=resolve(device),
            start=start,
            advance=None if counting is None else counting.advance,
        )
    finally:
        if progress is not None:
            progress.end()
    if not isinstance(fitted, Ensemble):
        raise _not_saved(model.name)
    if not np.isfinite(fitted.predict(x)).all():
        raise UsageError(
            "the training diverged: its predictions are not numbers", "Lower train.learning_rate."
        )
    card = {
        "model": named,
        "code": code,
        "training": training,
        "seed": train.seed,
        "from": None if start is None else start.in_a_card(),
        "classes": list(kept.classes),
        "features": {
            "sha256": source.digest,
            "map": model.map,
            "shape": list(shape),
            "channels": list(features.channels),
            "settings": features.settings,
            "libraries": features.libraries,
        },
        "select": list(select),
        "clips": list(kept.clip),
        "clips_by_class": {
            name: int(count)
            for name, count in zip(
                kept.classes, np.bincount(kept.y, minlength=len(kept.classes)), strict=True
            )
        },
        "subjects": len(set(kept.group)),
        "persons": sorted(set(kept.group)),
        "figures": figures,
        "versions": {"mepipe": __version__, **libraries(("numpy", "torch", "safetensors"))},
    }
    source.refuse_changed()
    write_model(out, fitted, card)
    return card


class _Epochs:
    """Counts the epochs of one network after the other, as ``epochs 10/50``."""

    def __init__(self, progress: Progress, epochs: int, networks: int) -> None:
        self._progress, self._epochs, self._networks = progress, epochs, networks
        self._done = 0
        self._begin()

    def _begin(self) -> None:
        number = self._done // self._epochs + 1
        which = f" of network {number} of {self._networks}" if self._networks > 1 else ""
        self._progress.begin(f"epochs{which}", self._epochs)

    def advance(self) -> None:
        """Count one."""
        self._progress.advance()
        self._done += 1
        if self._done % self._epochs == 0 and self._done < self._epochs * self._networks:
            self._progress.end()
            self._begin()


def write_model(out: Path, fitted: Ensemble, card: Mapping[str, Any]) -> None:
    """Write a model, and beside it as .json the readable copy of its card."""
    from mepipe.evaluation.saved_model import encode_model

    disk.make_folder(out.absolute().parent)
    disk.write_atomic(out, encode_model(fitted, card))
    readable = json.dumps(card, indent=1, ensure_ascii=False)
    disk.write_atomic(out.with_suffix(".json"), readable.encode())


def claim_model(out: Path) -> None:
    """Raise UsageError if a model cannot be written to ``out`` and its card beside it.

    That is so if ``out`` is no .safetensors file, or a file that is no card of a model has
    the name of its card.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out} does not end in .safetensors", "Name it model.safetensors.")
    path = out.with_suffix(".json")
    data = disk.read_bytes(path)
    try:
        card = {} if data is None else json.loads(data)
    except (ValueError, RecursionError):
        card = None
    if data is not None and not (isinstance(card, dict) and card.keys() >= _OF_A_CARD):
        raise UsageError(
            f"{path} is not a model card of mepipe: it is not replaced",
            "The card of a model lies beside it: give the model another name with --out.",
        )


def _not_saved(name: str) -> UsageError:
    return UsageError(
        f"{name} is not a network: only networks can be saved",
        "An estimator could only be pickled, which mepipe never does. Train it in your own "
        "code on mepipe.load(...), which takes seconds.",
    )


def _figures(results: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of an evaluation of exactly what is trained now."""
    settings = results.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    if "saved" in settings:
        raise UsageError(
            "these results are the measurement of a model that was trained before, and say nothing "
            "of this training",
            "Evaluate these features with the same settings, or leave --results out.",
        )
    there = {
        "features": results.get("features"),
        "select": results.get("select"),
        **{name: settings.get(name) for name in ("model", "training", "recentre", "code", "start")},
        "map": settings.get("map", "x"),  # results of before have none
    }
    here = json.loads(json.dumps(dict(asked)))
    different = [name for name in here if here[name] != there[name]]
    different += ["tuning"] if results.get("tuned") is not None else []
    if different:
        raise UsageError(
            f"these results are of another evaluation: {', '.join(different)} differ",
            "Evaluate the same features with the same settings, or leave --results out.",
        )
    keys = ("protocol", "uf1", "uar", "accuracy", "ci", "per_dataset", "clips", "subjects")
    # Results of an earlier version have none of these.
    later = {key: results[key] for key in ("ci_note", "chance") if key in results}
    return {key: results[key] for key in keys} | later

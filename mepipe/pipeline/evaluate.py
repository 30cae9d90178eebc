"""From a features file to honest results: one way for a run, an evaluation and an ablation."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from mepipe.cache.keys import Json, object_key
from mepipe.cache.store import Store
from mepipe.config.settings import ModelSettings, TrainSettings
from mepipe.errors import UsageError
from mepipe.evaluation.folds import FoldJob, fold_jobs
from mepipe.evaluation.protocols import PROTOCOLS, protocol_notes
from mepipe.evaluation.results import Predictions
from mepipe.evaluation.splits import LabelledClips, LeftOut, chosen
from mepipe.evaluation.tuning import candidates, default_choices
from mepipe.features import Features
from mepipe.networks.pyramid import plan
from mepipe.networks.registry import MODELS, find_factory, takes
from mepipe.pipeline.folds import VERSION, trained
from mepipe.pipeline.model import Progress
from mepipe.pipeline.outputs import Manifest


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated and how: with the features, all that decides the results.

    Parameters
    ----------
    model, train
        The settings.
    protocol
        A key of `mepipe.evaluation.protocols.PROTOCOLS`.
    k
        Folds of kfold.
    select
        ``COLUMN=VALUE[,VALUE...]`` conditions; all must hold.
    tune
        Choose settings on inner splits of each fold's training persons.
    device
        As the user gave it.
    """

    model: ModelSettings
    train: TrainSettings
    protocol: str = "loso"
    k: int = 10
    select: tuple[str, ...] = ()
    tune: bool = False
    device: str = "auto"

    def key(self, digest: str) -> str:
        """Return the key of the results for the features with that digest."""
        parts: dict[str, Json] = {
            "features": digest,
            "model": model_of(self.model),
            "code": code_digest(self.model.name),
            "recentre": self.model.recentre,
            "train": self.train.model_dump(mode="json"),
            "protocol": self.protocol,
            "k": self.k,
            "select": list(self.select),
            "tune": self.tune,
            "device": self.device,
        }
        return object_key("results", VERSION, parts)


@dataclass(frozen=True)
class Jobs:
    """The folds to train, the clips they evaluate, and those they leave out."""

    jobs: Sequence[FoldJob]
    clips: LabelledClips
    left_out: LeftOut


@dataclass(frozen=True)
class Evaluated:
    """The content of results.json, every prediction, and how many folds were trained."""

    content: Mapping[str, Any]
    predictions: Predictions
    computed: int
    reused: int


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
    known = () if own_code(settings.name) else takes(settings.name)
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
    if own_code(settings.name):
        find_factory(settings.name)
        return f"{settings.name}: your own model"
    if "kernels" not in takes(settings.name):
        return f"{settings.name}: {MODELS[settings.name].what}"
    pyramid = plan(size, settings.kernels, settings.position, settings.mode)
    return pyramid.describe() if settings.name == "spp" else f"{settings.name}: no pyramid"


def own_code(name: str) -> bool:
    """Say whether ``name`` is the user's ``package.module:factory``."""
    return ":" in name


def code_digest(name: str) -> str:
    """Return the sha256 of the file that holds a user's own model; empty for a built-in one.

    It sees that file only, and not what it imports.
    """
    if not own_code(name):
        return ""
    try:
        found = importlib.util.find_spec(name.partition(":")[0])
    except (ImportError, ValueError):
        return ""  # building it will say what is wrong
    if found is None or not found.origin or not Path(found.origin).is_file():
        return ""
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


def is_network(name: str) -> bool:
    """Say whether a model is a network; a user's own is taken for one, for nobody knows yet."""
    return own_code(name) or MODELS[name].kind == "network"


def jobs_of(features: Features, evaluation: Evaluation, *, device: str) -> Jobs:
    """Return what is to be trained, on a resolved device.

    Raises
    ------
    UsageError
        If the clips do not allow the protocol, or settings do not fit the model.
    """
    clips = LabelledClips.of(features)
    if evaluation.select:
        columns = {name: values.tolist() for name, values in features.columns.items()}
        clips = chosen(clips, columns, evaluation.select)
    model, train = model_of(evaluation.model), evaluation.train
    tries: Sequence[Mapping[str, Any]] = ()
    if evaluation.tune:
        choices = train.choices or _default_choices(evaluation.model.name)
        tries = candidates(choices)
        _check_candidates(evaluation, tries)
    _refuse_twins(features, set(clips.clip))
    jobs, kept, left_out = fold_jobs(
        clips,
        model=model,
        # An estimator reads no training settings, so they are not in its keys.
        training=train.model_dump(mode="json", exclude={"seed", "seeds", "choices"})
        if is_network(evaluation.model.name)
        else {},
        seeds=range(train.seed, train.seed + train.seeds),
        protocol=evaluation.protocol,
        k=evaluation.k,
        recentre=recentred(evaluation.model, features),
        device=device,
        candidates=tries,
        code=code_digest(evaluation.model.name),
    )
    return Jobs(jobs, kept, left_out)


def _check_candidates(evaluation: Evaluation, tries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse candidates that would change nothing, or that settings would not take."""
    name, network = evaluation.model.name, is_network(evaluation.model.name)
    options = set() if own_code(name) else set(takes(name))
    for change in tries:
        for key, value in change.items():
            option = key.removeprefix("model.") if key.startswith("model.") else None
            known = TrainSettings.model_fields.keys() - {"seed", "seeds", "choices"}
            if option is None and not (network and key in known):
                raise UsageError(
                    f"train.choices: {key} is no training setting of {name}",
                    f"Write model.{key} for an option of the model.",
                )
            if option is not None and not own_code(name) and option not in options:
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


def _default_choices(name: str) -> Mapping[str, Sequence[Any]]:
    options = () if own_code(name) else takes(name)
    return default_choices(name, options, network=is_network(name) and not own_code(name))


def recentred(model: ModelSettings, features: Features) -> bool:
    """Say whether the medians of u and v are taken away: only where a zero was lost."""
    scale = features.settings.get("tensor", {}).get("scale")
    return model.recentre == "always" or (model.recentre == "auto" and scale == "minmax")


def _refuse_twins(features: Features, clips: set[str]) -> None:
    """Refuse one recording under two persons: it would be learnt before it is tested."""
    seen: dict[str, int] = {}
    columns = features.columns
    for row, digest in enumerate(columns["object"].tolist()):
        if columns["clip"][row] not in clips or columns["y"][row] < 0:
            continue
        first = seen.setdefault(digest, row)
        if columns["group"][first] != columns["group"][row]:
            raise UsageError(
                f"{columns['clip'][first]} and {columns['clip'][row]} are one recording under "
                "two persons, so no subject can be left out",
                "Give each recording once.",
            )


def evaluate(
    features: Features,
    digest: str,
    evaluation: Evaluation,
    *,
    store: Store,
    workers: int,
    progress: Progress,
    strict_versions: bool = False,
    again: bool = False,
    title: str = "folds",
) -> Evaluated:
    """Train every fold that the cache lacks, and return the figures of all.

    Parameters
    ----------
    features, digest
        The features and the sha256 of their file.
    evaluation
        What is asked.
    store, workers, progress, strict_versions, again, title
        As for `mepipe.pipeline.folds.trained`.

    Raises
    ------
    UsageError
        As `jobs_of`; if the device is not there; if training diverges.
    BadDataError
        If a clip's features are not finite.
    SystemProblemError
        As `mepipe.pipeline.folds.trained`.
    """
    # What cannot be evaluated is told before torch is imported to find the device.
    jobs_of(features, evaluation, device="cpu")
    from mepipe.evaluation import results as tables

    device = "cpu"
    if is_network(evaluation.model.name):
        from mepipe.evaluation.device import resolve

        device = resolve(evaluation.device)
    work = jobs_of(features, evaluation, device=device)
    started = time.perf_counter()
    predictions, computed = trained(
        work.jobs,
        features.path,
        digest,
        store=store,
        workers=workers,
        progress=progress,
        strict_versions=strict_versions,
        again=again,
        title=title,
    )
    joined = tables.join(work.clips, predictions)
    content = tables.results(
        joined,
        model=evaluation.model.name,
        protocol=evaluation.protocol,
        elapsed_s=time.perf_counter() - started,
        left_out=work.left_out,
    )
    content |= {
        "folds": len(work.jobs),
        "notes": list(protocol_notes(work.clips, evaluation.protocol)),
        "features": digest,
        "shape": list(features.shape[1:]),
        "select": list(evaluation.select),
        "device": device,
        "settings": {
            "model": dict(work.jobs[0].model),
            "training": dict(work.jobs[0].training),
            "recentre": work.jobs[0].recentre,
            "code": work.jobs[0].code,
        },
        "k": evaluation.k if evaluation.protocol == "kfold" else None,
        "tuned": _tally(predictions) if evaluation.tune else None,
    }
    return Evaluated(content, joined, computed, len(work.jobs) - computed)


def _tally(predictions: Sequence[Any]) -> list[dict[str, Any]]:
    """Return how often each candidate was chosen, most often first."""
    counts: dict[str, int] = {}
    for prediction in predictions:
        text = json.dumps(prediction.chosen or {}, sort_keys=True)
        counts[text] = counts.get(text, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"choice": json.loads(text), "folds": count} for text, count in ordered]


def write_results(manifest: Manifest, key: str, evaluated: Evaluated) -> None:
    """Write results.json, predictions.csv and confusion.png, all for ``key``."""
    from mepipe.evaluation.results import predictions_csv
    from mepipe.report.confusion import confusion_png

    content = evaluated.content
    picture = confusion_png(
        np.array(content["confusion"]),
        content["classes"],
        uf1=content["uf1"],
        uar=content["uar"],
        name=f"{content['model']}, {PROTOCOL_NAMES[content['protocol']]}",
        runs=len(content["per_seed"]),
    )
    manifest.write("predictions.csv", key, predictions_csv(evaluated.predictions).encode())
    manifest.write("confusion.png", key, picture)
    manifest.write("results.json", key, json.dumps(content, indent=1).encode())


PROTOCOL_NAMES = {
    "loso": "leave one subject out",
    "megc2019": "MEGC 2019 composite",
    "kfold": "folds of persons",
    "cross-dataset": "leave one dataset out",
}
assert set(PROTOCOL_NAMES) == set(PROTOCOLS)

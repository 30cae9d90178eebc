"""Evaluate how well a model finds action units: several answers a clip instead of one class."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mepipe.cache import disk
from mepipe.cache.keys import object_key
from mepipe.cache.location import cache_root
from mepipe.cache.manifest import Manifest
from mepipe.cache.store import open_store
from mepipe.config import Config
from mepipe.errors import UsageError
from mepipe.evaluation.api import Callback, configured, features_path
from mepipe.evaluation.evaluate import (
    Evaluation,
    Jobs,
    jobs_of,
    labelled,
    on_device,
    settings_of,
)
from mepipe.evaluation.fold_cache import VERSION, Source, train_folds
from mepipe.evaluation.model_settings import check_map, describe_model
from mepipe.evaluation.unit_labels import BY_RULE, UnitClips, parse_units, unit_clips
from mepipe.evaluation.unit_results import (
    FILES,
    UnitResult,
    join_units,
    unit_csv,
    unit_results,
)
from mepipe.execution.context import Context
from mepipe.execution.progress import progress_for
from mepipe.extras import require
from mepipe.features import Features
from mepipe.schema import is_saved


@dataclass(frozen=True)
class PreparedUnits:
    """An evaluation of action units whose features were checked, and whose folds are known."""

    evaluation: Evaluation
    source: Source
    features: Features = field(repr=False)
    labels: UnitClips = field(repr=False)
    work: Jobs = field(repr=False)
    about: str

    @classmethod
    def of(cls, path: Path, evaluation: Evaluation, units: str = BY_RULE) -> PreparedUnits:
        """Open the features file, choose the units and list the folds.

        Parameters
        ----------
        path
            The features file.
        evaluation
            As for classes; ``tune`` must be False and the protocol any but ``megc2019``.
        units
            What `mepipe.evaluation.unit_labels.parse_units` takes.

        Raises
        ------
        UsageError
            If there is no such file, no clip has action units, no unit is left, the clips do
            not allow the protocol, or what is asked has no meaning for action units.
        DamageError
            If the file is damaged.
        """
        require("train", "an evaluation")
        _refuse_classes_only(evaluation)
        named = parse_units(units)
        # Hashed before it is read: what is read later must be this.
        source = Source.of(path)
        features = Features(path)
        *maps, _, _, size = check_map(evaluation.model, features)
        about = describe_model(evaluation.model, size, *maps)
        labels = unit_clips(features, labelled(features, evaluation.select), named)
        work = jobs_of(features, evaluation, labels.clips)
        jobs = [replace(job, classes=len(labels.units), units=labels.units) for job in work.jobs]
        return cls(evaluation, source, features, labels, replace(work, jobs=jobs), about)

    def run(self, context: Context, *, out: Path | None = None, again: bool = False) -> UnitResult:
        """Train the folds that the cache lacks; with ``out``, write the files of the results.

        Errors are those of `mepipe.evaluation.evaluate.evaluate`; and UsageError if a file in
        ``out`` is not mepipe's.
        """
        if out is not None:
            claim_unit_files(out)
        work = on_device(self.work, self.evaluation)
        started = time.perf_counter()
        predictions, computed = train_folds(work.jobs, self.source, context, again=again)
        pooled = join_units(self.labels, predictions)
        content = unit_results(
            pooled,
            model=self.evaluation.model.name,
            protocol=self.evaluation.protocol,
            elapsed_s=time.perf_counter() - started,
        )
        content |= self._how(work)
        if out is not None:
            key = object_key(
                "unit-results",
                VERSION,
                {
                    "evaluation": self.evaluation.key(self.source.digest),
                    "units": list(self.labels.units),
                },
            )
            manifest = Manifest(out)
            manifest.drop("confusion.png")  # of classes, where they were evaluated before
            manifest.write("predictions.csv", key, unit_csv(pooled).encode())
            text = json.dumps(content, indent=1, ensure_ascii=False)
            manifest.write("results.json", key, text.encode())
        return UnitResult(content, pooled, computed, len(work.jobs) - computed, self.about, out)

    def _how(self, work: Jobs) -> dict[str, Any]:
        job, evaluation = work.jobs[0], self.evaluation
        return {
            "folds": len(work.jobs),
            "features": self.source.digest,
            "shape": list(self.features.shape_of(job.reads)[1:]),
            "select": list(evaluation.select),
            "device": job.device,
            "settings": settings_of(job),
            "k": evaluation.k if evaluation.protocol == "kfold" else None,
        }


def _refuse_classes_only(evaluation: Evaluation) -> None:
    """Raise UsageError for what is meant for classes alone."""
    name, start = evaluation.model.name, evaluation.train.init
    if is_saved(name):
        raise UsageError(
            f"{name} is a trained model and answers classes, no action units",
            "Name a kind of model, for example spp or svm.",
        )
    if start is not None:
        raise UsageError(
            f"the weights of {start} are those of a model of classes",
            "Leave --from (train.init) out: action units are learnt from random weights.",
        )
    if evaluation.tune:
        raise UsageError(
            "tuning compares classes, and there is none for action units", "Leave --tune out."
        )
    if evaluation.protocol == "megc2019":
        raise UsageError(
            "megc2019 is a protocol of three classes, and not of action units",
            "Use --protocol loso, kfold or cross-dataset.",
        )


def claim_unit_files(out: Path) -> None:
    """Make the folder ``out`` and note which files will be written there.

    Raises
    ------
    UsageError
        If one of the files is there and mepipe did not write it.
    SystemProblemError
        If the folder cannot be made.
    """
    disk.make_folder(out)
    Manifest(out).claim(FILES)


def evaluate_units(
    features: Features | str | Path,
    model: str = "spp",
    protocol: str = "loso",
    *,
    units: str = BY_RULE,
    seeds: int | None = None,
    k: int = 10,
    select: Sequence[str] = (),
    settings: Sequence[str] | Config = (),
    device: str = "auto",
    jobs: int = 1,
    cache: str | Path | None = None,
    out: str | Path | None = None,
    progress: Callback | None = None,
) -> UnitResult:
    """Evaluate how well a model finds action units; no person is tested on whom it was trained.

    A network has one logit a unit; of an estimator there is one for each unit. The figure is
    the mean over units of the binary F1, from counts pooled over all folds, as in Varanka, Li,
    Peng and Zhao (IEEE T-AFFC 15, 2024). All clips take part whose person is known and whose
    sheet names action units, also those of no class.

    Parameters
    ----------
    features, seeds, k, select, settings, device, jobs, cache, progress
        As for `mepipe.evaluate`.
    model
        ``spp``, ``svm`` or another that the setting ``model.name`` lists, or your own.
    protocol
        ``loso`` (leave one subject out), ``kfold`` (of persons) or ``cross-dataset``.
    units
        ``auto``: those that at least 10 clips of at least 5 persons have. ``meb``: the twelve
        of Varanka et al. Or numbers: ``4,7,12``.
    out
        A folder for results.json and predictions.csv; None: no file is written but the
        folds in the cache.

    Raises
    ------
    UsageError
        As for `mepipe.evaluate`; if no clip has action units, no unit is left, or a trained
        model, weights to start from or ``megc2019`` are asked for.
    BadDataError, DamageError, SystemProblemError
        As for `mepipe.evaluate`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mepipe.features import demo_features
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5", subjects=12)
    >>> result = evaluate_units(features, "svm", seeds=1, cache=f"{folder.name}/cache")
    >>> list(result.per_unit)
    ['AU1', 'AU2', 'AU6', 'AU12', 'AU15']
    >>> 0 <= result.mean_f1 <= 1
    True
    >>> folder.cleanup()
    """
    config = configured(settings, model, seeds)
    evaluation = Evaluation(
        config.model, config.train, protocol=protocol, k=k, select=tuple(select), device=device
    )
    prepared = PreparedUnits.of(features_path(features), evaluation, units)
    store = open_store(cache_root(None if cache is None else Path(cache)))
    context = Context(store, jobs=jobs, device=device, progress=progress_for(progress))
    return prepared.run(context, out=None if out is None else Path(out))

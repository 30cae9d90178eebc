"""Evaluate and train from Python: functions that return values and print nothing.

The commands ``mepipe evaluate`` and ``mepipe train`` print what these functions return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.cache import disk
from mepipe.cache.location import cache_root
from mepipe.cache.manifest import RESULTS, Manifest
from mepipe.cache.store import open_store
from mepipe.config import Config, load_config
from mepipe.errors import UsageError
from mepipe.evaluation.evaluate import Evaluation, Jobs, jobs_of, write_results
from mepipe.evaluation.evaluate import evaluate as evaluate_folds
from mepipe.evaluation.evaluation_result import EvaluationResult
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.model_settings import check_map, describe_model
from mepipe.evaluation.results_file import FIGURES, read_results
from mepipe.execution.context import Context
from mepipe.execution.progress import progress_for
from mepipe.extras import require
from mepipe.features import Features
from mepipe.schema import is_saved

if TYPE_CHECKING:
    from mepipe.evaluation.saved_model import SavedModel

Callback = Callable[[str, int, int], object]
"""Progress: called with a title, how much is done, and how much there is."""


@dataclass(frozen=True)
class PreparedEvaluation:
    """An evaluation whose features and settings were checked, and whose folds are known."""

    evaluation: Evaluation
    source: Source
    features: Features = field(repr=False)
    work: Jobs = field(repr=False)
    about: str = ""

    @classmethod
    def of(cls, path: Path, evaluation: Evaluation) -> PreparedEvaluation:
        """Open the features file and list the folds.

        Raises
        ------
        UsageError
            If there is no such file, the clips do not allow the protocol, the settings
            do not fit the model, or the file has no such map as it reads.
        DamageError
            If the file is damaged.
        """
        require("train", "an evaluation")
        # Hashed before it is read: what is read later must be this.
        source = Source.of(path)
        features = Features(path)
        *maps, _, _, size = check_map(evaluation.model, features)
        about = describe_model(evaluation.model, size, *maps)
        return cls(evaluation, source, features, jobs_of(features, evaluation), about)

    def run(
        self, context: Context, *, out: Path | None = None, again: bool = False
    ) -> EvaluationResult:
        """Train the folds that the cache lacks; with ``out``, write the files of the results."""
        if out is not None:
            claim_results(out)
        done = evaluate_folds(
            self.features, self.source, self.evaluation, self.work, context, again=again
        )
        if out is not None:
            write_results(Manifest(out), self.evaluation.key(self.source.digest), done)
        return replace(done, about=self.about, out=out)


def claim_results(out: Path) -> None:
    """Make the folder ``out`` and note which files will be written there.

    Done before the training: a folder that cannot be written is better known then.

    Raises
    ------
    UsageError
        If one of the files is there and mepipe did not write it.
    SystemProblemError
        If the folder cannot be made.
    """
    disk.make_folder(out)
    Manifest(out).claim(RESULTS)


def evaluate(
    features: Features | str | Path,
    model: str = "spp",
    protocol: str = "loso",
    *,
    seeds: int | None = None,
    k: int = 10,
    select: Sequence[str] = (),
    tune: bool = False,
    settings: Sequence[str] | Config = (),
    device: str = "auto",
    jobs: int = 1,
    cache: str | Path | None = None,
    out: str | Path | None = None,
    trust: str | None = None,
    scheduler: str | None = None,
    progress: Callback | None = None,
) -> EvaluationResult:
    """Evaluate a model on a features file; no person is tested on whom it was trained.

    Finished folds are stored in the cache: the same call again trains nothing.

    Parameters
    ----------
    features
        A features.h5, or what `mepipe.load` returned for one.
    model
        ``spp``, ``svm`` or another that the setting ``model.name`` lists, or
        ``package.module:factory`` for your own. ``pretrained``, or a .safetensors file:
        this model is measured on the clips, and nothing is trained.
    protocol
        ``loso`` (leave one subject out), ``megc2019`` (the same on the composite of
        See et al., FG 2019), ``kfold`` (of persons) or ``cross-dataset``.
    seeds
        How many times everything is trained; by default ``train.seeds`` (3).
    k
        Folds of ``kfold``.
    select
        Conditions ``COLUMN=VALUE[,VALUE...]`` on the clips; all must hold.
    tune
        Choose settings on inner splits of each fold's training persons.
    settings
        ``section.key=value`` texts, as ``--set`` takes them, or a `mepipe.Config`.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    jobs
        Worker processes.
    cache
        The folder of the cache; by default what ``mepipe cache path`` prints.
    out
        A folder for results.json, predictions.csv and confusion.png; None: no file
        is written but the folds in the cache.
    trust
        The code that a saved model may need, as for `mepipe.load_model`.
    scheduler
        The address of a Dask cluster that trains the folds, ``tcp://HOST:PORT``.
    progress
        Called with (title, done, total). None: progress goes to the logger ``mepipe``.

    Raises
    ------
    UsageError
        If there is no such file, model, protocol, setting or device, the clips do
        not allow the protocol, or the training diverges; if a saved model takes other
        features or classes, or was trained on these clips.
    BadDataError
        If features of a clip are not finite.
    DamageError
        If the file is damaged.
    SystemProblemError
        If the cache or ``out`` cannot be written, or a worker was killed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mepipe.features import demo_features
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5", subjects=8)
    >>> result = evaluate(features, "svm", seeds=1, cache=f"{folder.name}/cache")
    >>> result.computed, result.content["subjects"], sorted(result.per_dataset)
    (8, 8, ['demo-a', 'demo-b'])
    >>> low, high = result.ci["uf1"]  # None with fewer than eight subjects
    >>> 0 <= low <= result.uf1 <= high <= 1
    True
    >>> result.chance["uf1"]["above"] == (result.uf1 > result.chance["uf1"]["p95"])
    True
    >>> result.predictions.shape  # a row for each clip and seed
    (24, 11)
    >>> evaluate(features, "svm", seeds=1, cache=f"{folder.name}/cache").computed
    0
    >>> folder.cleanup()
    """
    config = configured(settings, model, seeds)
    evaluation = Evaluation(
        config.model,
        config.train,
        protocol=protocol,
        k=k,
        select=tuple(select),
        tune=tune,
        device=device,
    )
    if is_saved(model):
        refuse_folds(model, protocol, seeds, tune=tune)
        return measure_saved(
            features_path(features),
            config,
            select,
            device,
            None if out is None else Path(out),
            trust,
        )
    prepared = PreparedEvaluation.of(features_path(features), evaluation)
    store = open_store(cache_root(None if cache is None else Path(cache)))
    context = Context(
        store, jobs=jobs, device=device, progress=progress_for(progress), scheduler=scheduler
    )
    return prepared.run(context, out=None if out is None else Path(out))


def refuse_folds(model: str, protocol: str, seeds: int | None, *, tune: bool) -> None:
    """Raise UsageError if folds are asked for of a trained model."""
    if tune or seeds is not None or protocol != "loso":
        raise UsageError(
            f"{model} is a trained model, which is measured without training: a protocol, seeds "
            "and tuning have no meaning",
            "Leave them out.",
        )


def measure_saved(
    path: Path,
    config: Config,
    select: Sequence[str],
    device: str,
    out: Path | None,
    trust: str | None,
) -> EvaluationResult:
    """Measure the saved model ``config.model.name``; with ``out``, write the files of the results.

    Errors are those of `mepipe.evaluation.evaluate_saved.SavedEvaluation`; and UsageError if the
    settings name weights to start from.
    """
    from mepipe.evaluation.evaluate_saved import SavedEvaluation

    if config.train.init is not None:
        raise UsageError(
            f"nothing is trained of {config.model.name}, so train.init = {config.train.init} has "
            "no meaning",
            "Leave --from (train.init) out, or name a kind of model.",
        )
    prepared = SavedEvaluation.of(path, config.model, select=select, device=device, trust=trust)
    if out is not None:
        claim_results(out)
    done = prepared.run()
    if out is not None:
        write_results(Manifest(out), prepared.key, done)
    return replace(done, out=out)


def train(
    features: Features | str | Path,
    out: str | Path,
    model: str = "spp",
    *,
    select: Sequence[str] = (),
    settings: Sequence[str] | Config = (),
    device: str = "auto",
    results: EvaluationResult | str | Path | None = None,
    progress: Callback | None = None,
) -> SavedModel:
    """Train a network on every clip with a class and a known person, save it and load it.

    How good the model is on people it has not seen, `evaluate` says.

    Parameters
    ----------
    features, select, settings, progress
        As for `evaluate`. Progress counts epochs.
    out
        The .safetensors file; a copy of its card is written beside it as .json.
    model
        A network: ``spp``, ``base``, ``ststnet``, ``off-apexnet`` or your own.
    device
        Where it is trained. The model that is returned predicts on the CPU.
    results
        What `evaluate` returned for the same features and settings, or its folder:
        the figures go into the card.

    Raises
    ------
    UsageError
        As for `evaluate`; if ``out`` is no .safetensors file, the model is an
        estimator, or the results are of other features or settings.
    BadDataError
        If features of a clip are not finite.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mepipe.features import demo_features
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5")
    >>> quick = ["train.epochs=1", "train.members=1", "model.width=4"]
    >>> saved = train(features, f"{folder.name}/model.safetensors", settings=quick, device="cpu")
    >>> saved.classes
    ('negative', 'positive', 'surprise')
    >>> saved.predict(features.read(saved.map)).shape
    (18, 3)
    >>> folder.cleanup()
    """
    from mepipe.evaluation.saved_model import load_model
    from mepipe.evaluation.train import train_model

    path, out = features_path(features), Path(out)
    config = configured(settings, model, None)
    if isinstance(results, str | Path):
        content: Mapping[str, Any] | None = results_content(Path(results))
    else:
        content = None if results is None else results.content
    source = Source.of(path)
    train_model(
        Features(path),
        source,
        out,
        model=config.model,
        train=config.train,
        select=tuple(select),
        device=device,
        results=content,
        progress=progress_for(progress),
    )
    # The code of the user's own model has just run.
    return load_model(out, trust=model)


def results_content(folder: Path) -> dict[str, Any]:
    """Return the content of results.json in the folder of an evaluation.

    Raises
    ------
    UsageError
        If there is none, or it is not what an evaluation writes.
    """
    return read_results(folder, FIGURES)


def features_path(features: Features | str | Path) -> Path:
    """Return the features file.

    Raises
    ------
    UsageError
        If the features are some clips of a file, or those of several files.
    """
    if not isinstance(features, Features):
        return Path(features)
    # The results name the file and the conditions, so that they can be made again.
    if features.is_selection:
        raise UsageError(
            f"these features are some of the clips of {features.name}",
            "Give all of them, and name the clips with select=['dataset=casme2'].",
        )
    return features.path


def configured(settings: Sequence[str] | Config, model: str, seeds: int | None) -> Config:
    """Return the settings with the model's name and the number of seeds in place."""
    config = settings if isinstance(settings, Config) else load_config(None, settings)
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds = {seeds}: nothing would be trained", "Give 1 or more.")
    train = {} if seeds is None else {"seeds": seeds}
    return config.model_copy(
        update={
            "model": config.model.model_copy(update={"name": model}),
            "train": config.train.model_copy(update=train),
        }
    )

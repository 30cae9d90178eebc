"""``mepipe evaluate``."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.choices import (
    classifier_options,
    classifier_settings,
    cluster_address,
    cluster_options,
    find_modules_here,
    fold_options,
    start_option,
    units_option,
)
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.evaluate_units import show_units
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import open_console
from mepipe.errors import UsageError
from mepipe.schema import PROTOCOLS, is_saved, protocol_words

if TYPE_CHECKING:
    from rich.console import Console

    from mepipe.evaluation.evaluation_result import EvaluationResult
    from mepipe.evaluation.unit_results import UnitResult

FOLDER = Path("mepipe-eval")


@click.command()
@classifier_options
@fold_options
@cluster_options
@start_option
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), default="loso", show_default=True)
@click.option(
    "--k",
    type=click.IntRange(2),
    default=10,
    show_default=True,
    help="kfold only: number of folds.",
)
@units_option
@click.option("--tune", is_flag=True, help="Choose settings on inner splits of each fold.")
@click.option("--again", is_flag=True, help="Train finished folds again.")
@click.option(
    "--strict-versions", is_flag=True, help="Train folds of other library versions again."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results. Default: mepipe-eval/MODEL-PROTOCOL, or mepipe-eval/MODEL of "
    "a trained model.",
)
@click.option(
    "--trust",
    metavar="MODULE:FACTORY",
    help="The code of a saved model of your own. It is imported and run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json and the paths.")
def command(
    features: Path,
    model: str | None,
    seeds: int | None,
    select: tuple[str, ...],
    jobs: int | None,
    device: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    cache: Path | None,
    backend: str,
    scheduler: str | None,
    start: str | None,
    protocol: str,
    k: int,
    units: str | None,
    out: Path | None,
    trust: str | None,
    *,
    tune: bool,
    again: bool,
    strict_versions: bool,
    as_json: bool,
) -> None:
    """Evaluate a model on a features file. No subject is both trained on and tested.

    MODEL is spp, base, ststnet, off-apexnet, svm, tree, hoof-svm, hoof-tree,
    mdmo-svm, mdmo-tree, or package.module:factory: a function or class that
    returns a torch Module or a scikit-learn estimator. With a trained model (pretrained, which
    comes with mepipe, or a .safetensors file of `mepipe train`) nothing is trained: it is
    measured on the clips.

    \b
    Examples:
      mepipe evaluate mepipe-out/features.h5
      mepipe evaluate features.h5 --model svm --protocol megc2019
      mepipe evaluate features.h5 --model pretrained
      mepipe evaluate features.h5 --from pretrained
      mepipe evaluate features.h5 --units
      mepipe evaluate features.h5 --units meb --protocol cross-dataset --model svm
      mepipe evaluate features.h5 --model my_package.nets:make --select dataset=casme2
      mepipe evaluate features.h5 --model sklearn.ensemble:RandomForestClassifier --tune \\
        --set 'train.choices={"model.max_depth" = [3, 6]}'
    """
    started = time.monotonic()
    with exit_codes(as_json=as_json) as ended_early:
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import open_store
        from mepipe.evaluation.api import (
            PreparedEvaluation,
            claim_results,
            measure_saved,
            refuse_folds,
        )
        from mepipe.evaluation.evaluate import Evaluation
        from mepipe.execution.context import Context

        address = cluster_address(backend, scheduler)
        config = classifier_settings(config_file, assignments, model, seeds, start)
        if is_saved(config.model.name) and units is None:
            refuse_folds(config.model.name, protocol, seeds, tune=tune)
            if address is not None:
                raise UsageError(
                    "a trained model is measured at once, and has no folds for a cluster",
                    "Leave --backend dask out.",
                )
            if trust is not None:
                find_modules_here()  # the user's model may be one
            out = out or FOLDER / _plain(Path(config.model.name).stem)
            measured = measure_saved(features, config, select, device, out, trust)
            ended_early["out"] = str(out)
            _show(measured, out, "nothing was trained", as_json=as_json)
            return
        evaluation = Evaluation(
            config.model,
            config.train,
            protocol=protocol,
            k=k,
            select=select,
            tune=tune,
            device=device,
        )
        way = f"{protocol}{'-tuned' if tune else ''}"
        if config.train.init is not None:
            way += f"-from-{_plain(Path(config.train.init).stem)}"
        folder = FOLDER / f"{_plain(config.model.name)}-{way}"
        context = Context(
            open_store(cache_root(cache)),
            jobs=jobs or os.cpu_count() or 1,
            device=device,
            progress=make_progress(quiet=as_json),
            strict_versions=strict_versions,
            scheduler=address,
            cluster_jobs=jobs,
        )
        if units is not None:
            from mepipe.evaluation.evaluate_units import PreparedUnits, claim_unit_files

            prepared_units = PreparedUnits.of(features, evaluation, units)
            out = out or folder.with_name(f"{folder.name}-units")
            claim_unit_files(out)
            ended_early["out"] = str(out)
            found = prepared_units.run(context, out=out, again=again)
            show_units(found, out, _work(found, started), as_json=as_json)
            return
        prepared = PreparedEvaluation.of(features, evaluation)
        out = out or folder
        # Before the training: a folder that cannot be written must not cost hours of work.
        claim_results(out)
        ended_early["out"] = str(out)
        done = prepared.run(context, out=out, again=again)
        _show(done, out, _work(done, started), as_json=as_json)


def _work(done: EvaluationResult | UnitResult, started: float) -> str:
    seconds = time.monotonic() - started
    return f"{done.computed} folds trained, {done.reused} reused, in {seconds:.0f} s"


def _show(done: EvaluationResult, out: Path, work: str, *, as_json: bool) -> None:
    """Print results, what the model is, and where the files are; ``work`` says what was done."""
    if as_json:
        extra = {"out": str(out), "computed": done.computed, "reused": done.reused}
        print_json({**done.content, **extra})
        return
    console = open_console()
    print_results(console, done.content)
    console.print(done.about, markup=False)
    print_tuned(console, done.content)
    for note in done.content["notes"]:
        console.print(note, markup=False)
    console.print(work)
    for name in ("results.json", "predictions.csv", "confusion.png"):
        console.print(f"{name:<16} {out / name}", markup=False)


def print_results(console: Console, content: Mapping[str, Any]) -> None:
    """Print the table of results and its explanation."""
    from rich.markup import escape
    from rich.table import Table

    from mepipe.evaluation.results import screen_table

    shown = screen_table(content)
    table = Table(*shown.header)
    for row in shown.rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    for note in shown.notes:
        console.print(note, markup=False)
    counts = ", ".join(f"{name} {one['clips']}" for name, one in content["per_class"].items())
    console.print(f"classes: {counts}", markup=False)
    seeds = content["per_seed"]
    spread = ""
    if len(seeds) > 1:
        values = [one["uf1"] for one in seeds]
        spread = f" (UF1 {min(values):.3f} to {max(values):.3f})"
    means = f"means over {len(seeds)} seed(s){spread}, computed from counts pooled over folds"
    if not content["folds"]:
        means = "computed from the counts of all clips"
    with_interval = content["ci"]["uf1"] is not None
    shuffled = ""
    if content.get("chance"):
        shuffled = (
            f"; (chance): median and 95th percentile of {content['chance']['permutations']} runs "
            f"of a {content['chance']['model']} with shuffled labels"
            f"{', on the same folds' * (content['folds'] > 0)}"
        )
    console.print(
        f"{content['model']}, {protocol_words(content['protocol']).title} "
        f"({content['subjects']} subjects), {means}; (largest class): always predicting it"
        f"{shuffled}{'; [95 %]: interval over resampled subjects' * with_interval}.",
        markup=False,
    )


def print_tuned(console: Console, content: Mapping[str, Any]) -> None:
    """Print how often each candidate was chosen on inner splits."""
    for one in content["tuned"] or ():
        choice = ", ".join(f"{name} = {json.dumps(value)}" for name, value in one["choice"].items())
        console.print(f"chosen in {one['folds']} fold(s): {choice or 'as set'}", markup=False)


def _plain(name: str) -> str:
    # A model of the user is named package.module:factory, and ":" is not allowed in Windows paths.
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)

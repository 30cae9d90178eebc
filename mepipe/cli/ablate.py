"""``mepipe ablate``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mepipe.cli.choices import (
    classifier_options,
    classifier_settings,
    cluster_address,
    cluster_options,
    fold_options,
)
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say

# What --only takes, and what the study calls it.
ONLY = {
    "pyramid": "without",
    "positions": "position",
    "kernels": "kernels",
    "cells": "cells",
    "modes": "mode",
    "pooling": "pool",
    "fusion": "fuse",
}

if TYPE_CHECKING:
    from mepipe.viz.ablation import AblationRow


@click.command()
@classifier_options
@fold_options
@cluster_options
@click.option(
    "--full",
    is_flag=True,
    help="Leave one subject out with 3 seeds, instead of 10 folds with 1 seed.",
)
@click.option(
    "--only",
    type=click.Choice(tuple(ONLY)),
    multiple=True,
    help="Vary only this, beside the baseline (repeatable).",
)
@click.option(
    "--k",
    type=click.IntRange(2),
    help="Folds of persons. Default: 10, or as many as there are persons.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("mepipe-ablation"),
    show_default=True,
    help="Folder for the table and the picture.",
)
@click.option("--json", "as_json", is_flag=True, help="Print ablation.json.")
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
    only: tuple[str, ...],
    k: int | None,
    backend: str,
    scheduler: str | None,
    out: Path,
    *,
    full: bool,
    as_json: bool,
) -> None:
    """Vary the SPP network: without pyramid, positions, kernels, cells, modes, pooling, fusion.

    Every variant is evaluated on the same folds. Finished folds are cached: after an
    interruption, run the same command again to continue.

    \b
    Examples:
      mepipe ablate features.h5
      mepipe ablate features.h5 --only kernels --only positions
      mepipe ablate features.h5 --full --out study
    """
    started = time.monotonic()
    with exit_codes(as_json=as_json):
        from mepipe.cache.disk import make_folder
        from mepipe.cache.location import cache_root
        from mepipe.cache.manifest import Manifest
        from mepipe.cache.store import open_store
        from mepipe.errors import UsageError
        from mepipe.evaluation.ablate import FILES, ablate, write_ablation
        from mepipe.evaluation.chance_level import level_alone
        from mepipe.evaluation.evaluate import Evaluation
        from mepipe.evaluation.fold_cache import Source
        from mepipe.execution.context import Context
        from mepipe.extras import require
        from mepipe.features import Features

        if model not in {None, "spp"}:
            raise UsageError(
                f"--model {model}: the study varies only the SPP network", "Remove --model."
            )
        address = cluster_address(backend, scheduler)
        config = classifier_settings(config_file, assignments, "spp", seeds or (3 if full else 1))
        require("train", "an ablation")
        source, opened = Source.of(features), Features(features)
        people = len(set(opened.group.tolist()) - {""})
        if full and k is not None:
            raise UsageError(
                "--full leaves one subject out, and --k asks for folds of persons",
                "Remove one of them.",
            )
        if k is not None and k > people:
            raise UsageError(
                f"--k {k}: there are only {people} persons", f"Give at most --k {people}."
            )
        k = k or max(2, min(10, people))
        evaluation = Evaluation(
            config.model,
            config.train,
            protocol="loso" if full else "kfold",
            k=k,
            select=select,
            device=device,
        )
        protocol = "leave one subject out" if full else f"{k} folds of persons"
        protocol += f", {config.train.seeds} seed(s)"
        # Claimed first: a study takes hours, and must not end at a folder that it cannot write.
        make_folder(out)
        Manifest(out).claim(FILES)
        done = ablate(
            opened,
            source,
            evaluation,
            Context(
                open_store(cache_root(cache)),
                jobs=jobs or os.cpu_count() or 1,
                progress=make_progress(quiet=as_json),
                scheduler=address,
                cluster_jobs=jobs,
            ),
            only=[ONLY[name] for name in only],
            report_row=(lambda row: None) if as_json else _print_row,
        )
        write_ablation(Manifest(out), done, evaluation, source.digest, protocol)
        if as_json:
            rows = [row.as_json() for row in done.rows]
            shared = {"chance": level_alone(done.chance), "ci_note": done.ci_note}
            print_json({"protocol": protocol, **shared, "rows": rows, "out": str(out)})
            return
        from mepipe.viz.ablation import NOTE

        for note in (*done.notes, NOTE):
            say(note)
        say(
            f"{done.computed} folds trained, {done.reused} reused, "
            f"in {time.monotonic() - started:.0f} s"
        )
        for name in FILES:
            say(f"{name:<14} {out / name}")


def _print_row(row: AblationRow) -> None:
    less = "" if row.difference is None else f"{row.difference[0]:+.3f} {row.verdict}"
    say(
        f"{row.study + ': ' + row.name:<58} UF1 {row.uf1:.3f}  UAR {row.uar:.3f}  "
        f"{row.parameters:>7,} parameters  {'cells ' + row.cells if row.cells else '':<20} {less}"
    )

"""``mepipe run``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.choices import data_options, resolved_config
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.errors import EXIT_DONE, EXIT_NOTHING_USABLE, EXIT_SOME_FAILED, UsageError
from mepipe.schema import DEVICES, STEPS

if TYPE_CHECKING:
    from mepipe.pipeline.plan import StageCount
    from mepipe.pipeline.run_result import RunResult


@click.command()
@click.argument("datasets", metavar="[NAME=]DATASET...", nargs=-1, required=True)
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("mepipe-out"),
    show_default=True,
    help="Folder for features.h5 and the results.",
)
@click.option("--until", type=click.Choice(STEPS), default="classify", help="The last step.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Worker processes. Default: one per core. With dask: largest number of clips at once.",
)
@click.option(
    "--backend",
    type=click.Choice(("loky", "dask")),
    default="loky",
    show_default=True,
    help="Compute clips in processes of this machine, or on a Dask cluster.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Address of the Dask cluster: tcp://HOST:PORT."
)
@click.option("--device", type=click.Choice(DEVICES), default="auto", help="Device for training.")
@click.option("--retry-failed", is_flag=True, help="Try failed clips again.")
@click.option(
    "--strict-versions", is_flag=True, help="Compute results of other library versions again."
)
@click.option(
    "--rehash",
    is_flag=True,
    help="Read every input file again, even if its time stamp is unchanged.",
)
@click.option("--no-report", is_flag=True, help="Write no report.html.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first clip that fails.")
@click.option(
    "--dry-run", is_flag=True, help="Print what would be computed, and why. Compute nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    datasets: tuple[str, ...],
    config_file: Path | None,
    assignments: tuple[str, ...],
    select: str | None,
    corrections: Path | None,
    cache: Path | None,
    out: Path,
    until: str,
    jobs: int | None,
    backend: str,
    scheduler: str | None,
    device: str,
    *,
    retry_failed: bool,
    strict_versions: bool,
    rehash: bool,
    no_report: bool,
    fail_fast: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compute features and leave-one-subject-out results from dataset folders.

    DATASET is the folder of a published dataset (CASME II, SAMM, SMIC and others), a
    folder of videos or of image folders, or one video file. Several datasets are
    combined. Only results that are missing or out of date are computed.

    \b
    Examples:
      mepipe run CASME2/
      mepipe run videos/ --until tensor
      mepipe run lab=videos/ CASME2/ --set tensor.size=56 --out results
      mepipe run CASME2/ SMIC/ SAMM/ --select megc2019
      mepipe run CASME2/ --backend dask --scheduler tcp://10.0.0.1:8786
    """
    started = time.monotonic()
    with exit_codes(as_json=as_json) as ended_early:
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import open_store
        from mepipe.cli.summary import print_recordings
        from mepipe.datasets.registry import open_datasets
        from mepipe.execution.context import Context
        from mepipe.pipeline.run_result import RunResult, sum_up
        from mepipe.run import Run

        # If the run ends early, the JSON object still has every key.
        ended_early.update(_json(RunResult(), 0.0))
        if (backend == "dask") != (scheduler is not None):
            raise UsageError(
                "--backend dask and --scheduler ADDRESS must be given together",
                "`dask scheduler` prints its address; `dask worker ADDRESS --nthreads 1` joins.",
            )
        if no_report:
            assignments += ("report.enabled=false",)
        config = resolved_config(config_file, assignments, select, corrections)
        found = open_datasets(datasets)
        context = Context(
            open_store(cache_root(cache)),
            jobs=jobs or os.cpu_count() or 1,
            device=device,
            progress=make_progress(quiet=as_json),
            retry_failed=retry_failed,
            strict_versions=strict_versions,
            fail_fast=fail_fast,
            scheduler=scheduler,
            cluster_jobs=jobs,
        )
        road = Run(found, config, context, out=out, until=until, rehash=rehash, search=not dry_run)
        if dry_run:
            plan = road.plan()
            counts = (*plan.counts, *road.outputs.plan(plan))
            elapsed = time.monotonic() - started
            if as_json:
                planned = sum_up(RunResult(), plan, road.inputs, until)
                road.count_recordings(planned)
                print_json(
                    {
                        **_json(planned, elapsed),
                        "plan": _plan_json(counts),
                        "corrections": [note.text for note in road.beside],
                        "waiting": list(road.searched.waiting),
                        "waiting_s": round(road.searched.waiting_s, 3),
                    }
                )
            else:
                from mepipe.cli.summary import print_plan

                for note in road.beside:
                    click.echo(note.text)
                print_recordings(road.searched)
                print_plan(counts, plan.other_versions)
            return
        if not as_json:
            # Before the work, which can take hours: too many movements need another threshold.
            print_recordings(road.searched)
        result = RunResult()
        try:
            road.execute(result)
        finally:
            elapsed = time.monotonic() - started
            ended_early.update(_json(result, elapsed))
        if as_json:
            print_json(_json(result, elapsed))
        else:
            from mepipe.cli.summary import print_result

            print_result(result, out, context.cache, elapsed)
        code = EXIT_DONE
        if result.failures:
            code = EXIT_SOME_FAILED
        # After --fail-fast the other clips are unknown, so "nothing usable" would be wrong.
        if result.usable == 0 and not result.stopped_early:
            code = EXIT_NOTHING_USABLE
    sys.exit(code)


def _json(result: RunResult, elapsed: float) -> dict[str, Any]:
    return {
        "clips": result.clips,
        "usable": result.usable,
        "computed": {step: result.computed[step] for step in STEPS},
        "reused": {step: result.reused[step] for step in STEPS},
        "failed": [asdict(failure) for failure in result.failures],
        "features": str(result.features) if result.features else None,
        "results": result.results,
        "seconds": {step: round(result.seconds[step], 3) for step in STEPS},
        "elapsed_s": round(elapsed, 3),
        "recordings": result.recordings,
        "movements": result.movements,
        "worth_a_look": [asdict(doubt) for doubt in result.doubts],
    }


def _plan_json(counts: Sequence[StageCount]) -> list[dict[str, Any]]:
    return [
        {
            "stage": count.stage,
            "compute": count.compute,
            "at_most": count.at_most,
            "reuse": count.reuse,
            "reasons": dict(count.reasons),
        }
        for count in counts
    ]

"""``mepipe cache``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from mepipe.cli.choices import data_options, resolved_config
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.errors import EXIT_DAMAGE, EXIT_DONE

_where = click.option("--cache", type=click.Path(path_type=Path), help="The folder of the cache.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_run = click.option(
    "--run", "run_id", metavar="ID", help="Only this run (`status` lists the runs)."
)


@click.group()
def command() -> None:
    """Inspect the cache: its content, its integrity, and why results are computed again.

    \b
    Examples:
      mepipe cache status
      mepipe cache explain sub01/EP02_01f
      mepipe cache verify --fix
      mepipe cache gc --dry-run
    """


@command.command()
@_where
@_json
def path(cache: Path | None, *, as_json: bool) -> None:
    """Print the path of the cache.

    \b
    Example:
      du -sh "$(mepipe cache path)"
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache.location import cache_root

        root = cache_root(cache).absolute()
        if as_json:
            print_json({"path": str(root)})
        else:
            click.echo(root)


@command.command()
@_where
@_run
@_json
def status(cache: Path | None, run_id: str | None, *, as_json: bool) -> None:
    """Count the objects by stage and dataset.

    Stale objects were not used by the newest run over the dataset, for example because
    of other settings. Unreferenced objects are in no run record.

    \b
    Examples:
      mepipe cache status
      mepipe cache status --run 20260101T120000Z --json
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.pipeline.cache_admin import status as look

        store = Store(cache_root(cache))
        found = look(store, run_id)
        if as_json:
            print_json(
                {
                    "path": str(store.root.absolute()),
                    "objects": [asdict(one) for one in found.usage],
                    "missing": found.missing,
                    "quarantined": found.quarantined,
                    "runs": list(found.runs),
                }
            )
            return
        from mepipe.cli.cache_tables import print_status

        print_status(store.root, found)


@command.command()
@_where
@_run
@click.option("--fix", is_flag=True, help="Move damaged files to the quarantine.")
@_json
def verify(cache: Path | None, run_id: str | None, *, fix: bool, as_json: bool) -> None:
    """Verify every object against its name and its stage. Exit with 5 if one is damaged.

    After --fix, the next run computes the damaged objects again.

    \b
    Examples:
      mepipe cache verify
      mepipe cache verify --fix
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.pipeline.cache_admin import verify as check

        store = Store(cache_root(cache))
        checked, damaged = check(
            store, fix=fix, run_id=run_id, progress=make_progress(quiet=as_json)
        )
        if as_json:
            rows = [{**asdict(one), "file": str(one.file)} for one in damaged]
            print_json({"checked": checked, "damaged": rows})
        else:
            for one in damaged:
                click.echo(f"{one.file}: {one.problem}{' (moved away)' if one.fixed else ''}")
            click.echo(f"{checked} files checked, {len(damaged)} damaged")
            if damaged and not fix:
                click.echo(
                    "`mepipe cache verify --fix` moves them; the next run computes them again."
                )
    sys.exit(EXIT_DAMAGE if damaged else EXIT_DONE)


@command.command()
@click.argument("clip")
@data_options
@click.option("--retry-failed", is_flag=True, help="As for a run with --retry-failed.")
@click.option("--strict-versions", is_flag=True, help="As for a run with --strict-versions.")
@_run
@_json
def explain(
    clip: str,
    config_file: Path | None,
    assignments: tuple[str, ...],
    select: str | None,
    corrections: Path | None,
    cache: Path | None,
    run_id: str | None,
    *,
    retry_failed: bool,
    strict_versions: bool,
    as_json: bool,
) -> None:
    """Explain for each stage of CLIP whether a run would reuse its result, and why not.

    CLIP is the id of a clip or a unique ending of it; RECORDING#N that of a movement of a
    recording. The dataset is read from the folder
    of the newest run (or of --run). The settings are those of this command.

    \b
    Examples:
      mepipe cache explain sub01/EP02_01f
      mepipe cache explain EP02_01f --set tensor.size=56
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.datasets.registry import open_datasets
        from mepipe.execution.context import Context
        from mepipe.pipeline.explain import explain as look
        from mepipe.pipeline.explain import find_clip, newest_with

        store = Store(cache_root(cache))
        past_id, past = newest_with(store.root, clip, run_id)
        found = find_clip([*past.clips(), *past.recordings()], clip)
        config = resolved_config(config_file, assignments, select, corrections)
        specs = [f"{name}={root}" for name, root in past.record["roots"].items()]
        context = Context(store, retry_failed=retry_failed, strict_versions=strict_versions)
        stages = look(found, open_datasets(specs), config, context, past)
        if as_json:
            rows = [asdict(one) for one in stages]
            print_json({"clip": found, "run": past_id, "stages": rows})
        else:
            click.echo(f"{found}, compared with the run {past_id}")
            for one in stages:
                click.echo(f"  {one.stage:<9} {one.state:<7} {one.why}")


@command.command()
@_where
@click.option("--dry-run", is_flag=True, help="Print what would be removed. Remove nothing.")
@click.option(
    "--keep-days",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Keep results that were written, used or recorded within this many days.",
)
@_json
def gc(cache: Path | None, keep_days: float, *, dry_run: bool, as_json: bool) -> None:
    """Remove results that no recent run used. They can be computed again.

    The results of the newest run and of running runs stay, whatever their age.

    \b
    Examples:
      mepipe cache gc --dry-run
      mepipe cache gc --keep-days 7
    """
    with exit_codes(as_json=as_json):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.pipeline.cache_admin import collect_garbage

        removed = collect_garbage(Store(cache_root(cache)), keep_days=keep_days, dry_run=dry_run)
        files = {kind: number for kind, number in removed.files.items() if number}
        if as_json:
            print_json(
                {"removed": files, "bytes": removed.bytes, "kept": removed.kept, "dry_run": dry_run}
            )
            return
        for kind, number in files.items():
            click.echo(f"{kind:<14} {number}")
        verb = "would be removed" if dry_run else "removed"
        click.echo(f"{sum(files.values())} files, {removed.bytes / 1e6:.1f} MB {verb}")
        click.echo(f"{removed.kept} objects stay")

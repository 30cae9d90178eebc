"""``mepipe report``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=Path("mepipe-out"))
@click.option(
    "--faces/--no-faces",
    default=None,
    help="Show aligned faces, or no picture of a face; by default as the run was set.",
)
@click.option("--clips", type=click.IntRange(0), help="Clips with a card of their own, at most.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where the run's results are kept.")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes; by default one per core.")
def command(
    out: Path, faces: bool | None, clips: int | None, cache: Path | None, jobs: int | None
) -> None:
    """Write the report of a run anew: OUT/report.html, one file that needs nothing else.

    OUT is the output folder of a run, which writes a report at its end, too.
    Faces are read from the dataset again, where it still is as the run saw it.
    Faces are biometric data: for a page to pass on, use --no-faces.

    \b
    Examples:
      mepipe report mepipe-out
      mepipe report mepipe-out --no-faces
      mepipe report mepipe-out --clips 2000
    """
    with exit_codes(resume="Nothing is lost; run the same command again."):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.execution.context import Context
        from mepipe.report.rebuild import rebuild

        context = Context(
            Store(cache_root(cache)),
            jobs=jobs or os.cpu_count() or 1,
            progress=make_progress(quiet=False),
        )
        page, problems = rebuild(out, context, faces=faces, clips=clips)
        for problem in problems:
            click.echo(f"no faces of {problem}")
        click.echo(f"report      {page}")

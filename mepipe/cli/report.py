"""``mepipe report``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=Path("mepipe-out"))
@click.option(
    "--faces/--no-faces",
    default=None,
    help="Show aligned faces, or no picture of a face. Default: the setting of the run.",
)
@click.option(
    "--clips", type=click.IntRange(0), help="Largest number of clips with a card of their own."
)
@click.option(
    "--curves",
    type=click.Choice(("spotted", "all")),
    help="Motion curves of spotted clips, or of annotated ones, too; all computes what is not in "
    "the cache. Default: the setting of the run.",
)
@click.option("--cache", type=click.Path(path_type=Path), help="The cache of the run.")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes. Default: one per core.")
def command(
    out: Path,
    faces: bool | None,
    clips: int | None,
    curves: str | None,
    cache: Path | None,
    jobs: int | None,
) -> None:
    """Write the report of a run again: OUT/report.html, one file without dependencies.

    OUT is the output folder of a run. A run also writes a report at its end.
    Faces are read from the dataset again, if it is unchanged.
    Faces are biometric data: use --no-faces for a page that you share.

    \b
    Examples:
      mepipe report mepipe-out
      mepipe report mepipe-out --no-faces
      mepipe report mepipe-out --clips 2000
      mepipe report mepipe-out --curves all
    """
    with exit_codes(resume="Nothing is lost. Run the same command again."):
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import Store
        from mepipe.execution.context import Context
        from mepipe.report.rebuild import rebuild

        context = Context(
            Store(cache_root(cache)),
            jobs=jobs or os.cpu_count() or 1,
            progress=make_progress(quiet=False),
        )
        page, problems = rebuild(out, context, faces=faces, clips=clips, curves=curves)
        for problem in problems:
            say(f"no pictures of {problem}")
        say(f"report      {page}")

"""``mepipe bench cluster``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mepipe.cli.bench_options import stages_of_made_clips
from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say

if TYPE_CHECKING:
    from mepipe.bench.cluster import ClusterRun, Spent

_HEAD: tuple[str, ...] = (
    "| clips | workers | clips a second | parent, ms a clip | scheduler | workers | parent, MB "
    "| plan, s | pack, s |",
    "|" + "---|" * 9,
)


@click.command()
@click.option(
    "--clips",
    "sizes",
    type=click.IntRange(10),
    multiple=True,
    default=(1000,),
    show_default=True,
    help="How many clips; several to compare.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    multiple=True,
    default=(1, 2, 4),
    show_default=True,
    help="How many workers; several to compare.",
)
@stages_of_made_clips
@click.option("--local", is_flag=True, help="Also the workers of --jobs, without Dask.")
def cluster(
    sizes: tuple[int, ...], workers: tuple[int, ...], real: bool, size: int | None, local: bool
) -> None:
    """Measure a run on a Dask cluster of this machine, which is started for it.

    Clips a second while they are computed; CPU milliseconds a clip of the command (the parent)
    meanwhile, and of the scheduler and the workers; the most memory of the parent; and the seconds
    before the clips (with planning) and after them (with the pack), in brackets those of the CPU.

    \b
    Examples:
      mepipe bench cluster
      mepipe bench cluster --clips 10000 --workers 2
      mepipe bench cluster --real --clips 300 --local
    """
    with exit_codes(resume="Nothing of it is left."):
        from contextlib import closing

        from mepipe.bench.cluster import measure
        from mepipe.bench.made_stages import SIZE, require_made

        require_made(size, real=real)
        head = _HEAD  # with the first line: before it, much can be missing
        for clips in sorted(set(sizes)):
            runs = measure(clips, sorted(set(workers)), real=real, size=size or SIZE, local=local)
            # Closed now, and not when it is forgotten: it removes what it made.
            with closing(runs):
                for run in runs:
                    say("\n".join([*head, _line(run)]))
                    head = ()


def _line(run: ClusterRun) -> str:
    """Return a run as a line of Markdown."""
    ms = [
        "-" if cpu_s is None else f"{1000 * cpu_s / run.clips:.2f}"
        for cpu_s in (run.computing.cpu_s, run.scheduler_cpu_s, run.workers_cpu_s)
    ]
    cells = (
        f"{run.clips:,}",
        f"{run.workers} {'Dask' if run.dask else '--jobs'}",
        f"{run.clips_a_second:.1f}",
        *ms,
        f"{run.peak_mb:.0f}",
        _seconds(run.before),
        _seconds(run.after),
    )
    return f"| {' | '.join(cells)} |"


def _seconds(spent: Spent) -> str:
    return f"{spent.wall_s:.2f} ({spent.cpu_s:.2f})"

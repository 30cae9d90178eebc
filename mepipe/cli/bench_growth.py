"""``mepipe bench growth``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mepipe.cli.bench_options import stages_of_made_clips
from mepipe.cli.bench_spot import counting
from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mepipe.bench.growth import Growth


@click.command()
@click.option(
    "--clips",
    "sizes",
    type=click.IntRange(10),
    multiple=True,
    default=(1000, 10_000),
    show_default=True,
    help="How many clips; several to compare.",
)
@stages_of_made_clips
def growth(sizes: tuple[int, ...], real: bool, size: int | None) -> None:
    """Measure what a clip costs at each step, for few clips and for many.

    CPU milliseconds (user and system) a clip, and the most memory that the process held. Time that
    does not grow with the number has a last column of 1 or less.

    \b
    Examples:
      mepipe bench growth
      mepipe bench growth --clips 1000 --clips 100000 --size 32
      mepipe bench growth --real --clips 50 --clips 150
    """
    with exit_codes():
        from mepipe.bench.growth import measure
        from mepipe.bench.made_stages import SIZE, require_made

        require_made(size, real=real)
        rows = []
        try:
            with counting("sizes") as advance:
                for number, clips in enumerate(sorted(set(sizes)), 1):
                    rows.append(measure(clips, real=real, size=size or SIZE))
                    advance(number, len(set(sizes)))
        finally:
            # Also after Ctrl-C: the large sizes take an hour, and the others are measured.
            if rows:
                say(growth_table(rows))


def growth_table(rows: Sequence[Growth]) -> str:
    """Return the measurements as Markdown, a step a line."""
    from mepipe.bench.growth import STEPS

    heads = [f"{row.clips:,} clips: ms a clip | MB" for row in rows]
    lines = [
        f"| step | {' | '.join(heads)} | last to first |",
        "|" + "---|" * (2 * len(rows) + 2),
    ]
    for step in STEPS:
        cells = [f"{row.ms(step):.2f} | {row.peak_mb[step]:.0f}" for row in rows]
        ratio = rows[-1].ms(step) / max(rows[0].ms(step), 1e-9)
        lines.append(f"| {step} | {' | '.join(cells)} | {ratio:.2f} |")
    return "\n".join(lines)

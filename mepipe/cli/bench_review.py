"""``mepipe bench review``."""

from __future__ import annotations

import click

from mepipe.cli.bench_spot import counting
from mepipe.cli.errors import exit_codes


@click.command()
@click.option("--presses", type=click.IntRange(2), default=60, show_default=True)
def review(presses: int) -> None:
    """Measure how soon the review page shows a frame after a key, in Chromium.

    Two videos are made: 640 x 480 at 200 frames per second, and 3840 x 2160 at 30. It needs
    Playwright and Chromium.

    \b
    Example:
      mepipe bench review
    """
    with exit_codes():
        from mepipe.bench.review import measure

        with counting("clips") as advance:
            rows = measure(presses, advance)
        lines = ["| clip | step | median ms | 95 % ms | slowest ms |", "|" + "---|" * 5]
        lines += [
            f"| {row.clip} | {row.keys} | {row.median:g} | {row.p95:g} | {row.slowest:g} |"
            for row in rows
        ]
        click.echo("\n".join(lines))

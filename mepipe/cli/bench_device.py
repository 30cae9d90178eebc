"""``mepipe bench device``."""

from __future__ import annotations

import click

from mepipe.cli.bench_spot import counting
from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say


@click.command()
@click.option(
    "--small", is_flag=True, help="A small form in some seconds; on the CPU where there is no GPU."
)
def device(small: bool) -> None:
    """Check what needs a GPU, in less than 4 minutes, and print one table.

    The networks of 40 folds, 3 seeds and 2 members trained at once on made features of the size
    of the published ones (309 clips of 3 x 28 x 28): time, memory, the same bits twice, and
    beside it the CPU.

    \b
    Example:
      mepipe bench device --small
    """
    with exit_codes():
        from mepipe.bench.device import FULL, SMALL, device_for, device_table, measure

        where = device_for(small=small)
        with counting("checks") as advance:
            lines = measure(where, SMALL if small else FULL, advance)
        say(device_table(lines))

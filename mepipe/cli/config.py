"""``mepipe config``."""

from __future__ import annotations

from pathlib import Path

import click

from mepipe.cli.choices import setting_options
from mepipe.cli.errors import exit_codes
from mepipe.cli.terminal import say


@click.command()
@setting_options
def command(config_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Print every setting, resolved and commented, as TOML.

    \b
    Example:
      mepipe config --set tensor.size=56 > mepipe.toml
    """
    with exit_codes():
        from mepipe.config import load_config, render

        say(render(load_config(config_file, assignments)), nl=False)

"""Options that several commands have: settings, and the short ways to write some of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.schema import DEVICES

if TYPE_CHECKING:
    from mepipe.config import Config

_Command = Callable[..., Any]
_SETTINGS = (
    click.option("--config", "config_file", type=click.Path(path_type=Path), help="A mepipe.toml."),
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="STAGE.KEY=VALUE",
        help="Change a setting; may be repeated. `mepipe config` lists them.",
    ),
)
_OPTIONS = (
    *_SETTINGS,
    click.option("--select", metavar="NAME", help="Only the clips of a named selection: megc2019."),
    click.option(
        "--corrections",
        type=click.Path(path_type=Path),
        help="A corrections.csv that goes before what the dataset says.",
    ),
    click.option("--cache", type=click.Path(path_type=Path), help="Where results are kept."),
)


_CLASSIFIER = (
    click.argument("features", type=click.Path(path_type=Path)),
    click.option("--model", metavar="NAME", help="The model; by default that of the settings."),
    click.option(
        "--select",
        multiple=True,
        metavar="COLUMN=VALUE,...",
        help="Only clips with these values, for example dataset=casme2; may be repeated.",
    ),
    click.option("--device", type=click.Choice(DEVICES), default="auto", help="For training."),
    *_SETTINGS,
)
_FOLDS = (
    click.option("--seeds", type=click.IntRange(1), help="Repetitions, by default 3."),
    click.option("--jobs", type=click.IntRange(1), help="Worker processes; by default all cores."),
    _OPTIONS[-1],
)


def classifier_options(command: _Command) -> _Command:
    """Give a command the options that say what is trained, on which features, and where."""
    for option in reversed(_CLASSIFIER):
        command = option(command)
    return command


def fold_options(command: _Command) -> _Command:
    """Give a command the options that say how many folds are trained at once, and kept where."""
    for option in reversed(_FOLDS):
        command = option(command)
    return command


def classifier_settings(
    config_file: Path | None, assignments: Sequence[str], model: str | None, seeds: int | None
) -> Config:
    """Return the configuration that these options give; errors as `load_config`.

    Where the model is the user's own, it may lie in the current folder.
    """
    from mepipe.config import load_config

    named = [] if model is None else [f"model.name={json.dumps(model)}"]
    named += [] if seeds is None else [f"train.seeds={seeds}"]
    return _finding_models(load_config(config_file, [*assignments, *named]))


def _finding_models(config: Config) -> Config:
    if ":" in config.model.name:  # package.module:factory
        sys.path.insert(0, str(Path.cwd()))
    return config


def setting_options(command: _Command) -> _Command:
    """Give a command the options that change settings."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def data_options(command: _Command) -> _Command:
    """Give a command the options that say which clips there are and how they are read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def resolved_config(
    config_file: Path | None,
    assignments: Sequence[str],
    select: str | None,
    corrections: Path | None,
) -> Config:
    """Return the configuration that these options give; errors as `load_config`."""
    from mepipe.config import load_config

    # A JSON string is a TOML one: a path stays a text, whatever it looks like.
    short = {"select": select, "corrections": corrections}
    named = [
        f"data.{key}={json.dumps(str(value), ensure_ascii=False)}"
        for key, value in short.items()
        if value is not None
    ]
    return _finding_models(load_config(config_file, [*assignments, *named]))

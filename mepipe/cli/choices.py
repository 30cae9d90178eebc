"""Options that several commands share, and the settings that they give."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.errors import UsageError
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
        help="Change a setting (repeatable). `mepipe config` lists all settings.",
    ),
)
_OPTIONS = (
    *_SETTINGS,
    click.option(
        "--select",
        metavar="NAME",
        help="Use only the clips of a named selection: megc2019, micro, macro.",
    ),
    click.option(
        "--corrections",
        type=click.Path(path_type=Path),
        help="A corrections.csv that overrides the dataset.",
    ),
    click.option("--cache", type=click.Path(path_type=Path), help="The folder of the cache."),
)


_CLASSIFIER = (
    click.option("--model", metavar="NAME", help="The model. Default: the one of the settings."),
    click.option(
        "--select",
        multiple=True,
        metavar="COLUMN=VALUE,...",
        help="Only clips with these values, for example dataset=casme2 (repeatable).",
    ),
    click.option(
        "--device", type=click.Choice(DEVICES), default="auto", help="Device for training."
    ),
    *_SETTINGS,
)
_FOLDS = (
    click.option(
        "--seeds",
        type=click.IntRange(1),
        help="Repetitions. Default: 3; of `ablate` without --full 1.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        help="Worker processes. Default: one per core. With dask: largest number of folds at once.",
    ),
    _OPTIONS[-1],
)
_CLUSTER = (
    click.option(
        "--backend",
        type=click.Choice(("loky", "dask")),
        default="loky",
        show_default=True,
        help="Work in processes of this machine, or on a Dask cluster.",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Address of the Dask cluster: tcp://HOST:PORT."
    ),
)


def classifier_options(command: _Command) -> _Command:
    """Add the features and the options for the model and the device to a command."""
    features = click.argument("features", type=click.Path(path_type=Path))
    return features(model_options(command))


def model_options(command: _Command) -> _Command:
    """Add the options for the model and the device to a command."""
    for option in reversed(_CLASSIFIER):
        command = option(command)
    return command


def fold_options(command: _Command) -> _Command:
    """Add the options for repetitions, workers and cache to a command."""
    for option in reversed(_FOLDS):
        command = option(command)
    return command


def cluster_options(command: _Command) -> _Command:
    """Add the options for a Dask cluster to a command."""
    for option in reversed(_CLUSTER):
        command = option(command)
    return command


def cluster_address(backend: str, scheduler: str | None) -> str | None:
    """Return the address of the cluster; None without one.

    Raises
    ------
    UsageError
        If one of the two options is missing.
    """
    if (backend == "dask") != (scheduler is not None):
        raise UsageError(
            "--backend dask and --scheduler ADDRESS must be given together",
            "`dask scheduler` prints its address; `dask worker ADDRESS --nthreads 1` joins.",
        )
    return scheduler


def units_option(command: _Command) -> _Command:
    """Add the option for action units instead of classes to a command."""
    return click.option(
        "--units",
        is_flag=False,
        flag_value="auto",
        metavar="[auto|meb|4,7,...]",
        help="Find action units instead of classes: those with enough clips (auto, also with no "
        "value), the twelve of MEB (Varanka et al., T-AFFC 2024), or these. Write it after "
        "FEATURES.",
    )(command)


def start_option(command: _Command) -> _Command:
    """Add the option for the weights that training starts from to a command."""
    return click.option(
        "--from",
        "start",
        metavar="MODEL",
        help="Start training from these weights: pretrained, or a .safetensors file.",
    )(command)


def classifier_settings(
    config_file: Path | None,
    assignments: Sequence[str],
    model: str | None,
    seeds: int | None,
    start: str | None = None,
) -> Config:
    """Return the configuration of these options. Raises as `load_config`.

    A model of the user may be a module in the current folder.
    """
    from mepipe.config import load_config

    named = [] if model is None else [f"model.name={json.dumps(model)}"]
    named += [] if seeds is None else [f"train.seeds={seeds}"]
    named += [] if start is None else [f"train.init={json.dumps(start, ensure_ascii=False)}"]
    return _finding_models(load_config(config_file, [*assignments, *named]))


def _finding_models(config: Config) -> Config:
    if ":" in config.model.name:  # package.module:factory
        find_modules_here()
    return config


def find_modules_here() -> None:
    """Let Python find modules in the current folder, after all others.

    Python has added the folder of the script, which is that of `mepipe`. At the end of the path,
    a file random.py or numpy.py of the user hides nothing.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def setting_options(command: _Command) -> _Command:
    """Add the options that change settings to a command."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def data_options(command: _Command) -> _Command:
    """Add the options for settings, selection, corrections and cache to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def resolved_config(
    config_file: Path | None,
    assignments: Sequence[str],
    select: str | None,
    corrections: Path | None,
) -> Config:
    """Return the configuration of these options. Raises as `load_config`."""
    from mepipe.config import load_config

    # A JSON string is a valid TOML string. Without quotes, a path like "1.5" would be a number.
    short = {"select": select, "corrections": corrections}
    named = [
        f"data.{key}={json.dumps(str(value), ensure_ascii=False)}"
        for key, value in short.items()
        if value is not None
    ]
    return _finding_models(load_config(config_file, [*assignments, *named]))

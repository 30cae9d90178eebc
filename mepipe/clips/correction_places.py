"""Where the corrections of a run lie: in its output folder, unless a setting names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mepipe.config.settings import Config
from mepipe.datasets.clip import Note

CORRECTIONS = "corrections.csv"
EVENTS = "corrected-events.csv"
_SETTINGS: Mapping[str, str] = {"corrections": CORRECTIONS, "events": EVENTS}


def with_corrections_of(out: Path, config: Config) -> tuple[Config, tuple[Note, ...]]:
    """Return the configuration of a run into an output folder, and notes on what lies there.

    ``corrections.csv`` and ``corrected-events.csv`` of the folder, which `mepipe review` writes,
    are used where they exist and the settings ``data.corrections`` and ``data.events`` name no
    others. A second coder's (``corrections-NAME.csv``) never are.

    Parameters
    ----------
    out
        The output folder. It need not exist.
    config
        The resolved configuration.
    """
    found: dict[str, str] = {}
    notes = []
    for setting, name in _SETTINGS.items():
        path = out / name
        if not path.is_file():
            continue
        stated = getattr(config.data, setting)
        if stated is None:
            found[setting] = str(path.resolve())
            notes.append(Note(None, f"{name} of the output folder is used"))
        elif Path(stated).expanduser().resolve() != path.resolve():
            notes.append(
                Note(
                    None,
                    f"{name} of the output folder is not used",
                    f"data.{setting} names {Path(stated).name}",
                )
            )
    return _with_data(config, found), tuple(notes)


def moved_along(config: Config, before: str, out: Path) -> Config:
    """Return a recorded configuration with the corrections where they are now.

    Parameters
    ----------
    config
        As the record of a run has it.
    before
        The output folder as the record names it.
    out
        The same folder now. It may have been moved, and files in it removed since.
    """
    changed: dict[str, str | None] = {}
    for setting, name in _SETTINGS.items():
        stated = getattr(config.data, setting)
        if stated is not None and Path(stated) == Path(before) / name:
            path = out / name
            changed[setting] = str(path.resolve()) if path.is_file() else None
    return _with_data(config, changed)


def _with_data(config: Config, update: Mapping[str, str | None]) -> Config:
    if not update:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=dict(update))})

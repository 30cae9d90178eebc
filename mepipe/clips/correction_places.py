"""Where corrections lie: in the output folder of a run, unless a setting names others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mepipe.config.settings import Config
from mepipe.datasets.clip import Note
from mepipe.errors import UsageError

CORRECTIONS = "corrections.csv"
EVENTS = "corrected-events.csv"
_SETTINGS: Mapping[str, str] = {"corrections": CORRECTIONS, "events": EVENTS}
# What some file system takes for a separator, a drive, a pattern or a pipe is left out; so is what
# a name cannot begin with: a dot hides a file, and a program may take = + - @ for a formula.
_CODER = re.compile(r'[^ .=+@/\\:*?"<>|-][^/\\:*?"<>|]{0,63}')
_OTHERS = (" ", ".history")  # a blank is lost on some systems; the rest is another coder's history


class CorrectionFiles(NamedTuple):
    """The two tables of a coder.

    Parameters
    ----------
    clips
        The corrections of clips.
    events
        The corrected movements of recordings.
    """

    clips: Path
    events: Path


def files_of(out: Path, coder: str = "") -> CorrectionFiles:
    """Return where the tables of a coder lie in an output folder; they need not exist.

    Parameters
    ----------
    out
        The output folder.
    coder
        The name of a second coder, whose tables no run reads. Empty: the tables that a run reads,
        where no setting names others.

    Raises
    ------
    UsageError
        If the name cannot be part of a file's name: it is longer than 64 characters, begins or
        ends with a blank, ends as the file of another coder's history does, or has a character
        that some file system does not take.

    Examples
    --------
    >>> [path.name for path in files_of(Path("mepipe-out"), "anna")]
    ['corrections-anna.csv', 'corrected-events-anna.csv']
    """
    plain = _CODER.fullmatch(coder) and coder.isprintable() and not coder.endswith(_OTHERS)
    if coder and not plain:
        raise UsageError(
            f"the coder {coder!r} cannot be part of a file's name",
            "Use letters, digits, - and _ only.",
        )
    ending = f"-{coder}.csv" if coder else ".csv"
    return CorrectionFiles(
        *(out / f"{name.removesuffix('.csv')}{ending}" for name in (CORRECTIONS, EVENTS))
    )


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

"""Which file of a generic folder is its table of labels, and which tables are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.errors import UsageError

NAMES = ("labels.csv", "labels.tsv", "labels.txt", "labels.xlsx", "labels.xlsm")
_CALL_IT = "not read; the table of labels is called labels.csv, labels.tsv or labels.xlsx"
_TABLES = frozenset(
    {".csv", ".tsv", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers", ".sav", ".dta", ".rds"}
)
# Not always tables: only if their names say so.
_PERHAPS = frozenset({".txt", ".json", ".mat", ".xml"})
_SAYS_LABELS = re.compile(
    r"label|annot|coding|codes?\b|emotion|expression|onset|apex|ground.?truth|metadata",
    re.IGNORECASE,
)
# What mepipe itself writes or reads beside data.
_OWN = frozenset(
    {"corrections", "notes", "failures", "predictions", "results", "events", "others", "recordings"}
    | {"corrected-events", "corrections.history", "corrected-events.history"}
)
_SHOWN = 3


def find_labels(root: Path, files: Iterable[str]) -> Path | None:
    """Return the table of labels among the files of a folder, in upper or lower case.

    Raises
    ------
    UsageError
        If there are two.
    """
    found = sorted(name for name in files if name.casefold() in NAMES)
    if len(found) > 1:
        raise UsageError(
            f"{root} holds {len(found)} tables of labels: {' and '.join(found)}",
            "Keep one: which of them is right cannot be known.",
        )
    return root / found[0] if found else None


def unread_tables(files: Iterable[str], labels: Path | None) -> list[Note]:
    """Return a note that names the tables beside the clips that are not read.

    Beside a table of labels any other table may be the user's own business: only what
    is called like one is named.
    """
    found = [
        name
        for name in files
        if _is_table(name, anything=labels is None) and (labels is None or name != labels.name)
    ]
    return [Note(None, listed(found), _CALL_IT)] if found else []


def misplaced_tables(subjects: Sequence[tuple[str, Iterable[str]]]) -> list[Note]:
    """Return a note for tables of labels in subjects' folders, given with their files."""
    found = [
        f"{subject}/{name}"
        for subject, files in subjects
        for name in files
        if _is_table(name, anything=False)
    ]
    if not found:
        return []
    where = "not read; the table of labels lies beside the subjects' folders"
    return [Note(None, listed(found), where)]


def listed(names: Sequence[str]) -> str:
    """Return some names for a message, and how many there are.

    >>> listed(["a.csv", "b.csv"])
    'a.csv and b.csv'
    """
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _is_table(name: str, *, anything: bool) -> bool:
    path = Path(name)
    suffix = path.suffix.lower()
    if path.stem.casefold() in _OWN or name.startswith(("~$", ".")):
        return False
    says = _SAYS_LABELS.search(path.stem) is not None
    return (suffix in _TABLES and (anything or says)) or (suffix in _PERHAPS and says)

"""How a table of corrections is changed where several windows and processes may do so at once.

The tables of clips (`mepipe.clips.correction_file`) and of the movements of recordings
(`mepipe.recordings.corrected`) are both edited so: one writer at a time, a change that was cut
off taken back first, and no file replaced that is no longer the one that was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from mepipe.cache import disk
from mepipe.cache.locks import claim
from mepipe.clips.correction_history import History, history_path
from mepipe.errors import ConflictError

_TRIES = 5  # where the file system has no locks


class Content(Protocol):
    """A table as it was read once."""

    def cells_of(self, name: str, /) -> Mapping[str, str]:
        """Return the cells of a clip or a recording, by the columns that its history has."""


Read = TypeVar("Read", bound=Content)
Answer = TypeVar("Answer")


class MovedOnError(Exception):
    """Where there are no locks: the file changed between reading and writing."""


def edit(
    path: Path, read: Callable[[], Read], change: Callable[[Read, History], Answer], *, who: str
) -> Answer:
    """Change a table while no other window and no other process does.

    Parameters
    ----------
    path
        The table. It need not exist; its folder is created. Its history lies beside it.
    read
        Reads it, once for each call of ``change``.
    change
        Changes what was read: the history first, then the table, with `replace_unchanged`. After
        a `MovedOnError` what it wrote to the history is taken back, and it is called again.
    who
        The coder, who takes back a change that is in the history and never came to the table.

    Returns
    -------
    What ``change`` returns.

    Raises
    ------
    ConflictError
        If another program changes the file all the time.
    UsageError
        If the history is none of mepipe's.
    """
    with _locked(path):
        for _ in range(_TRIES):
            content = read()
            try:
                return change(content, _healed(path, content, who))
            except MovedOnError:
                continue
    raise ConflictError(f"{path} is changed by another program all the time", "Try again.")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other windows and processes from writing a table during the body."""
    disk.make_folder(path.parent)
    with claim(path.with_name(f".{path.name}.lock"), wait=True):
        # What killed processes left, if the folder is one of outputs, is swept by nobody else.
        disk.sweep_stray(path.parent, of={path.name, history_path(path).name})
        yield


def _healed(path: Path, content: Content, who: str) -> History:
    """Return the history, in which a change is taken back that never came to the table."""
    history = History(history_path(path))
    missed = history.missed(content.cells_of)
    if missed is not None:
        history.take_back(missed, who, utc_now())
    return history


def replace_unchanged(path: Path, data: bytes, before: bytes | None) -> None:
    """Replace a file, atomically.

    Parameters
    ----------
    path
        The file.
    data
        Its new bytes.
    before
        The bytes that were read; None: there was no file.

    Raises
    ------
    MovedOnError
        If it no longer holds the bytes that were read.
    """
    if disk.read_bytes(path) != before:
        raise MovedOnError
    disk.write_atomic(path, data)


def utc_now() -> str:
    """Return the time as the tables state it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def version_of(data: bytes | None) -> str:
    """Return the version of some bytes, their sha256; empty where there are none.

    >>> version_of(None), version_of(b"clip")[:8]
    ('', '67905ad3')
    """
    return "" if data is None else hashlib.sha256(data).hexdigest()

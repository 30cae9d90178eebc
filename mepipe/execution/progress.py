"""Progress without a terminal: none, a callback, or the `mepipe` logger."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mepipe.schema import Progress

_LOG = logging.getLogger("mepipe")


class NoProgress:
    """A `mepipe.schema.Progress` that reports nothing."""

    def begin(self, title: str, total: int) -> None:
        """Do nothing."""

    def advance(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class CallbackProgress:
    """Calls ``callback(title, done, total)`` when work begins and after each part of it."""

    def __init__(self, callback: Callable[[str, int, int], object]) -> None:
        self._callback = callback
        self._title, self._done, self._total = "", 0, 0

    def begin(self, title: str, total: int) -> None:
        """Start counting to ``total``."""
        self._title, self._done, self._total = title, 0, total
        self._callback(title, 0, total)

    def advance(self) -> None:
        """Count one."""
        self._done += 1
        self._callback(self._title, self._done, self._total)

    def end(self) -> None:
        """Do nothing: the last call of `advance` reported the end."""


def _log(title: str, done: int, total: int) -> None:
    # One line for every tenth. A line per clip would flood the log.
    if done == 0 or done * 10 // total > (done - 1) * 10 // total:
        _LOG.info("%s: %d of %d", title, done, total)


def progress_for(progress: Progress | Callable[[str, int, int], object] | None) -> Progress:
    """Return the progress that a caller in Python means.

    A `Progress` is taken as it is, a function is called, and None logs to ``mepipe`` (INFO).
    """
    if callable(progress) or progress is None:
        return CallbackProgress(progress or _log)
    return progress

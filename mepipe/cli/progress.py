"""Progress on standard error: a bar on a terminal, a line every so often elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mepipe.cli.terminal import open_console, say
from mepipe.visible import visible

_SELDOM_S = 10  # between two lines
_AT_LEAST_S = 60  # without a line, even where no tenth is done

if TYPE_CHECKING:
    import rich.progress

    from mepipe.schema import Progress


class PlainProgress:
    """Prints a line every so often, for logs: at the end, and for each tenth of long work.

    Parameters
    ----------
    clock
        The time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def begin(self, title: str, total: int) -> None:
        """Start counting to ``total``."""
        self._title, self._total, self._done = title, total, 0
        self._started = self._printed = self._clock()
        self._told = 0
        if title.startswith("waiting"):
            # Printed at once: the first tenth may take as long as the other run.
            say(f"{title}: {total}", err=True)

    def advance(self) -> None:
        """Count one, and print a line if it is time for one."""
        self._done += 1
        since = self._clock() - self._printed
        tenth = self._done * 10 // self._total > self._told * 10 // self._total
        if self._done == self._total or (tenth and since > _SELDOM_S) or since > _AT_LEAST_S:
            self._printed, self._told = self._clock(), self._done
            elapsed = self._printed - self._started
            say(f"{self._title}: {self._done}/{self._total} ({elapsed:.0f} s)", err=True)

    def end(self) -> None:
        """Stop counting."""


class BarProgress:
    """A bar with the time left."""

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def begin(self, title: str, total: int) -> None:
        """Start counting to ``total``."""
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed
        from rich.progress import TimeRemainingColumn as Remaining

        self._bar = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            TextColumn("left"),
            Remaining(),
            console=open_console(err=True, highlight=True, soft_wrap=False),
        )
        self._task = self._bar.add_task(escape(visible(title)), total=total)
        self._bar.start()

    def advance(self) -> None:
        """Count one."""
        assert self._bar is not None
        assert self._task is not None
        self._bar.advance(self._task)

    def end(self) -> None:
        """Stop counting and leave the bar on the screen."""
        if self._bar is not None:
            self._bar.stop()


def make_progress(*, quiet: bool) -> Progress:
    """Return a bar if standard error is a terminal, else plain lines. Nothing if ``quiet``."""
    if quiet:
        from mepipe.execution.progress import NoProgress

        return NoProgress()
    return BarProgress() if sys.stderr is not None and sys.stderr.isatty() else PlainProgress()

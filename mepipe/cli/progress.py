"""Progress on standard error: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from mepipe.cli.terminal import open_console, say
from mepipe.visible import visible

if TYPE_CHECKING:
    import rich.progress

    from mepipe.schema import Progress


class PlainProgress:
    """Prints a line for every tenth, for logs."""

    def begin(self, title: str, total: int) -> None:
        """Start counting to ``total``."""
        self._title, self._total, self._done = title, total, 0
        self._started = time.monotonic()
        if title.startswith("waiting"):
            # Printed at once: the first tenth may take as long as the other run.
            say(f"{title}: {total}", err=True)

    def advance(self) -> None:
        """Count one, and print a line if a tenth is full."""
        self._done += 1
        if self._done * 10 // self._total > (self._done - 1) * 10 // self._total:
            elapsed = time.monotonic() - self._started
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

"""The one way to the terminal: names as they can be shown, and streams that may be closed or full.

A name of a dataset can hold control characters. A terminal would obey them: move its cursor,
change its title, or put a text of another into the clipboard (OSC 52). Everything that commands
print goes through this module, which shows such characters as codes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from mepipe.errors import SystemProblemError
from mepipe.visible import visible, visible_json

if TYPE_CHECKING:
    from types import TracebackType

    import rich.console


class ClosedOutputError(SystemProblemError):
    """Standard output or error cannot be written any more. ``gone``: its reader has left."""

    def __init__(self, error: OSError, *, gone: bool) -> None:
        super().__init__(
            f"cannot write to the standard output: {error.strerror}",
            "Send it elsewhere; the files of the command are not touched by this.",
        )
        self.gone = gone


def say(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line to standard output, or to standard error.

    Parameters
    ----------
    text
        The line; shown by `visible`.
    err
        If True, print to standard error. If that is closed, nothing happens.
    nl
        If True, end the line.

    Raises
    ------
    ClosedOutputError
        If standard output cannot be written.
    """
    _written(visible(str(text)), err=err, nl=nl)


def say_json(text: str) -> None:
    """Print a JSON text to standard output. Raises as `say`."""
    _written(visible_json(text), err=False, nl=True)


def _written(text: str, *, err: bool, nl: bool) -> None:
    with _writable(err=err):
        click.echo(text, err=err, nl=nl)


@contextmanager
def _writable(*, err: bool) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A window that was closed, a full disk behind >, a reader such as head that left.
        drop_stream(err=err)
        if not err:
            raise ClosedOutputError(error, gone=isinstance(error, BrokenPipeError)) from error


def drop_stream(*, err: bool) -> None:
    """Send what is still to come on a stream nowhere, so that the end of Python does not fail."""
    stream = sys.stderr if err else sys.stdout
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_console(*, err: bool = False, **options: Any) -> rich.console.Console:
    """Return a console of rich for tables and bars that shows texts by `visible`.

    Parameters
    ----------
    err
        If True, it prints to standard error.
    options
        As for `rich.console.Console`.
    """
    from rich.console import Console
    from rich.text import Text

    class Shown(Console):
        def render_str(self, text: str, **named: Any) -> Text:
            return super().render_str(visible(text), **named)

        def print(self, *objects: Any, **named: Any) -> None:
            with _writable(err=err):
                super().print(*objects, **named)

    return Shown(stderr=err, **{"highlight": False, "soft_wrap": True, **options})


def steady_streams() -> None:
    """Prepare the streams of a process of our own: none is closed, every name can be printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The next file that is opened would take the place: prints would go into it.
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        with suppress(AttributeError, ValueError):
            # In an old locale names of other scripts have no form.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    sys.excepthook = _show_bug


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug, which names the clip, as any other text."""
    import traceback

    with suppress(OSError, ValueError):
        sys.stderr.write(visible("".join(traceback.format_exception(kind, error, trace))))


def quiet_end() -> None:
    """Let the rest of a process of our own end without a word: its work and its code are done."""
    for err in (False, True):
        try:
            (sys.stderr if err else sys.stdout).flush()
        except (OSError, ValueError):
            drop_stream(err=err)
    # While Python ends, Ctrl-C would print a traceback of its own modules.
    with suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)

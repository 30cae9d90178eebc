"""How errors leave the program: one line, a remedy, and an exit code (docs/reference/json.md)."""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from mepipe.errors import (
    EXIT_ENVIRONMENT,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    MepipeError,
    SystemProblemError,
)

_ENVIRONMENT = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EPIPE,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
}


class TerminatedError(BaseException):
    """The process was asked to end (SIGTERM); not to be caught like an error."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise TerminatedError


@contextmanager
def exit_codes(
    *,
    as_json: bool = False,
    resume: str = "Everything finished is kept; the same command goes on from there.",
) -> Iterator[dict[str, Any]]:
    """Run a command's body; give every way out its exit code.

    ``resume`` says what becomes of interrupted work. Yields a mapping: what the
    body puts there is printed as the JSON object when it ends early (``schema``
    and ``error`` are added).
    """
    partial: dict[str, Any] = {}
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield partial
    except MepipeError as error:
        say_error(error)
        if as_json and error.exit_code != EXIT_USAGE:
            _print_error(partial, error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _ended(partial, "interrupted", resume, as_json=as_json)
        sys.exit(EXIT_INTERRUPTED)
    except TerminatedError:
        _ended(partial, "terminated", resume, as_json=as_json)
        sys.exit(EXIT_TERMINATED)
    except OSError as error:
        # Reads of the dataset and writes to the cache have errors of their own; what is
        # left here is a full temporary folder, standard output that has gone, or the
        # folder that a sample is written to.
        if error.errno not in _ENVIRONMENT:
            raise
        # Whoever closed the pipe (``| head``) has seen enough.
        if error.errno != errno.EPIPE:
            where = f"{error.filename}: " if error.filename else ""
            told = SystemProblemError(f"{where}{error.strerror}", "Choose another place.")
            say_error(told)
            if as_json:
                _print_error(partial, told)
        sys.exit(EXIT_ENVIRONMENT)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _print_error(partial: Mapping[str, Any], error: MepipeError) -> None:
    print_json({**partial, "error": {"message": error.message, "remedy": error.remedy}})


def _ended(partial: dict[str, Any], how: str, resume: str, *, as_json: bool) -> None:
    click.echo(f"mepipe: {how}. {resume}", err=True)
    if as_json:
        print_json({**partial, "error": {"message": how, "remedy": resume}})


def say_error(error: MepipeError) -> None:
    """Print an error and its remedy to standard error."""
    click.echo(f"mepipe: {error}", err=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object with the schema's version to standard output."""
    click.echo(json.dumps({"schema": 1, **content}, indent=1, ensure_ascii=False))

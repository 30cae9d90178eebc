"""Turn errors into one line, a remedy, and an exit code (docs/reference/json.md)."""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from mepipe.cli.terminal import ClosedOutputError, say, say_json
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
    """SIGTERM, or SIGHUP of a closed terminal, asked the process to end.

    Handlers of `Exception` must not catch it.
    """


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise TerminatedError


@contextmanager
def exit_codes(
    *,
    as_json: bool = False,
    resume: str = "Finished work is kept. Run the same command again to continue.",
) -> Iterator[dict[str, Any]]:
    """Run the body of a command and exit with the code of its outcome.

    ``resume`` tells the user how to continue interrupted work. Yields a mapping for the body
    to fill. If the body ends early, it is printed as the JSON object, with ``schema`` and
    ``error`` added.
    """
    partial: dict[str, Any] = {}
    previous = {number: signal.signal(number, _terminate) for number in _ends()}
    try:
        yield partial
    except ClosedOutputError as error:
        # A reader that left (``| head``) needs no message, and no stream is left for JSON.
        if not error.gone:
            print_error(error)
        sys.exit(EXIT_ENVIRONMENT)
    except MepipeError as error:
        print_error(error)
        # A usage error means that nothing ran, so there is no JSON object.
        if as_json and error.exit_code != EXIT_USAGE:
            _print_json_error(partial, error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _ended(partial, "interrupted", resume, as_json=as_json)
        sys.exit(EXIT_INTERRUPTED)
    except TerminatedError:
        _ended(partial, "terminated", resume, as_json=as_json)
        sys.exit(EXIT_TERMINATED)
    except OSError as error:
        # Reading datasets and writing the cache raise `MepipeError`. What remains here is a full
        # temporary folder, a closed standard output, or the folder of a sample.
        if error.errno == errno.ENOENT and _folder_is_gone():
            error.errno, error.filename = errno.ENOTDIR, None
            error.strerror = "the current folder was removed"
        if error.errno not in _ENVIRONMENT:
            raise
        # A closed pipe (``| head``) needs no message.
        if error.errno != errno.EPIPE:
            where = f"{error.filename}: " if error.filename else ""
            problem = SystemProblemError(f"{where}{error.strerror}", "Choose another folder.")
            print_error(problem)
            if as_json:
                _print_json_error(partial, problem)
        sys.exit(EXIT_ENVIRONMENT)
    finally:
        # Tests and programs that call a command keep their own handlers.
        for number, handler in previous.items():
            signal.signal(number, handler)


def _ends() -> list[int]:
    """Return the signals that ask a command to end."""
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    # With nohup a command outlives its terminal.
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _print_json_error(partial: Mapping[str, Any], error: MepipeError) -> None:
    with suppress(ClosedOutputError):
        print_json({**partial, "error": {"message": error.message, "remedy": error.remedy}})


def _ended(partial: dict[str, Any], how: str, resume: str, *, as_json: bool) -> None:
    say(f"mepipe: {how}. {resume}", err=True)
    # A terminal that was closed takes no answer any more.
    with suppress(ClosedOutputError):
        if as_json:
            print_json({**partial, "error": {"message": how, "remedy": resume}})


def print_error(error: MepipeError) -> None:
    """Print an error and its remedy to standard error."""
    say(f"mepipe: {error}", err=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object with the schema's version to standard output."""
    say_json(json.dumps({"schema": 1, **content}, indent=1, ensure_ascii=False))

"""The errors that mepipe raises on purpose, and the exit code of each.

Anything that is not one of these is a bug and keeps its traceback (exit 1).
"""

from __future__ import annotations

from collections.abc import Iterable

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_NOTHING_USABLE = 4
EXIT_DAMAGE = 5
EXIT_ENVIRONMENT = 6
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class MepipeError(Exception):
    """An error with a way out.

    Parameters
    ----------
    message
        What was wrong, naming the input.
    remedy
        What the user can do about it; one sentence, may be empty.
    """

    exit_code = EXIT_BUG

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class UsageError(MepipeError):
    """A wrong option, an unknown setting, no dataset recognised, a missing model file."""

    exit_code = EXIT_USAGE


class ConflictError(UsageError):
    """Somebody else changed a cell of a table of corrections meanwhile; nothing was written.

    Parameters
    ----------
    message, remedy
        As for `MepipeError`; the message gives both values.
    clip, column
        Whose cell it is.
    now
        What stands in it.
    wanted
        What should have been written.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        clip: str = "",
        column: str = "",
        now: str = "",
        wanted: str = "",
    ) -> None:
        super().__init__(message, remedy)
        self.clip, self.column, self.now, self.wanted = clip, column, now, wanted


class NothingUsableError(MepipeError):
    """The run ended without one usable clip."""

    exit_code = EXIT_NOTHING_USABLE


class DamageError(MepipeError):
    """A cache object does not match its digest or its declaration."""

    exit_code = EXIT_DAMAGE


class SystemProblemError(MepipeError):
    """No space, an I/O error or missing permission on the cache or the output."""

    exit_code = EXIT_ENVIRONMENT


class BadDataError(MepipeError):
    """The clip cannot be used, whatever the machine: the failure is a result.

    The message must follow from the bytes of the input and the settings alone
    (it is stored under the key of the object that it stands for), so it names
    frames by position and never by path.

    Parameters
    ----------
    message, remedy
        As for `MepipeError`.
    position
        0-based position of the frame in the clip that was bad, if one was.
    """

    exit_code = EXIT_SOME_FAILED

    def __init__(self, message: str, remedy: str = "", position: int | None = None) -> None:
        super().__init__(message, remedy)
        self.position = position
        self.args = (message, remedy, position)


class UnreadableInputError(MepipeError):
    """A file of the dataset cannot be read now, or changed while it was read.

    Unlike `BadDataError` it says nothing lasting about the data: it is
    reported for the clip and never stored.
    """

    exit_code = EXIT_SOME_FAILED


def suggest(
    word: str,
    choices: Iterable[str],
    *,
    cutoff: float = 0.6,
    form: str = " (did you mean {!r}?)",
) -> str:
    """Return a hint that names the choice closest to a misspelt word.

    Parameters
    ----------
    word
        What the user wrote.
    choices
        What could have been meant.
    cutoff
        How similar a choice must be, from 0 (anything) to 1 (the same).
    form
        The hint; ``{}`` in it becomes the choice.

    Returns
    -------
    str
        The hint, or an empty string if no choice is close.

    Examples
    --------
    >>> suggest("cassme2", ["casme2", "samm"])
    " (did you mean 'casme2'?)"
    >>> suggest("folder", ["casme2", "samm"])
    ''
    """
    # Every command imports this module; difflib is needed only once something went wrong.
    import difflib

    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=cutoff)
    return form.format(close[0]) if close else ""

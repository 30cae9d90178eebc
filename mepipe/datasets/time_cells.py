"""Cells that state a time where a frame number is expected: ``0.25``, ``250 ms``, ``0:00:01``."""

from __future__ import annotations

import re

from mepipe.schema import TimeUnit

_MS: dict[TimeUnit, float] = {"seconds": 1000.0, "milliseconds": 1.0}
_TIME = re.compile(
    r"([+-]?(?:[0-9]{1,12}(?:[.,][0-9]*)?|[.,][0-9]+)(?:e[+-]?[0-9]{1,2})?)"
    r"\s*(ms|msec|msecs|milliseconds?|s|sec|secs|seconds?)?\Z",
    re.IGNORECASE,
)
# Also what a spreadsheet makes of one: a day before it, or the frames of a time code behind it.
_CLOCK = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ T])?-?[0-9]{1,4}:[0-9]{1,2}(?::[0-9]{1,2})?"
    r"(?:[.,:;][0-9]+)?(?:\s*[ap]\.?m\.?)?\Z",
    re.IGNORECASE,
)


def is_clock(text: str) -> bool:
    """Say whether a cell holds a time of a clock, ``h:mm:ss`` or ``mm:ss``: it is ambiguous."""
    return _CLOCK.match(text.strip()) is not None


def is_time(text: str) -> bool:
    """Say whether a cell holds a time and no frame number: a fraction, a unit, or a clock's.

    Examples
    --------
    >>> is_time("0.25"), is_time("250 ms"), is_time("10.0"), is_time("?")
    (True, True, False, False)
    """
    match = _TIME.match(text.strip())
    if match is None:
        return is_clock(text)
    return bool(match[2]) or not _number(match[1]).is_integer()


def milliseconds(text: str, unit: TimeUnit) -> float | None:
    """Return the time in a cell, ms; None if it holds no plain number.

    A unit in the cell itself (``250 ms``) overrides ``unit``.
    """
    match = _TIME.match(text.strip())
    if match is None:
        return None
    own = (match[2] or "").casefold()
    factor = _MS[unit] if not own else 1.0 if own.startswith("m") else 1000.0
    return _number(match[1]) * factor


def _number(text: str) -> float:
    return float(text.replace(",", "."))

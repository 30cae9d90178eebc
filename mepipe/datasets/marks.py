"""Turns the cells of a sheet into key frames."""

from __future__ import annotations

import re

from mepipe.datasets.clip import Mark, MarkOrigin

# 18 digits fit a signed 64-bit integer. Spreadsheets write whole numbers as 46.0, too.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*|,0{1,2})?\Z")  # 46,000 may be 46 thousand


def parse_number(text: str) -> int | None:
    """Return the whole number in a cell (``46``, ``46.0``); None if it holds no such number."""
    text = text.strip()
    return int(text.replace(",", ".").partition(".")[0]) if _INTEGER.match(text) else None


def mark(text: str, origin: MarkOrigin = "annotation") -> Mark | None:
    """Return the key frame that a cell states.

    Parameters
    ----------
    text
        The cell.
    origin
        Who states it.

    Returns
    -------
    Mark or None
        None if the cell is empty: not annotated. A mark without a number if the
        cell holds other text: annotated, but not usable.

    Examples
    --------
    >>> mark("46").number
    46
    >>> mark("?").text
    '?'
    >>> mark("") is None
    True
    """
    text = text.strip()
    if not text:
        return None
    number = parse_number(text)
    return Mark(number, origin, "" if number is not None else text)

"""The cells of a sheet as frame numbers."""

from __future__ import annotations

import re

from mepipe.datasets.clip import Mark, MarkOrigin

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?\Z")


def parse_number(text: str) -> int | None:
    """Return the whole number that a cell holds (``46``, ``46.0``), else None."""
    text = text.strip()
    return int(text.partition(".")[0]) if _INTEGER.match(text) else None


def mark(text: str, origin: MarkOrigin = "annotation") -> Mark | None:
    """Return a cell as a key frame: None if it is empty, without number if it is text."""
    text = text.strip()
    if not text:
        return None
    number = parse_number(text)
    return Mark(number, origin, "" if number is not None else text)

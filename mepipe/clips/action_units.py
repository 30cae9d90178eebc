"""Parses action units as the sheets write them, into one form for all datasets.

::

    4+7+L10   R2+15   L12 or L14   (R6 or R12) + R15   10A/B   A1B+A2C   R14+17+soft focus

The notation is that of the Facial Action Coding System: the side (L left, R right,
U one side, A both but unequal), the number, and the intensity A to E. Text that
is not of this form is kept as it is and reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["both", "left", "right", "unilateral", "asymmetric"]

_SIDES: dict[str, Side] = {
    "": "both",
    "L": "left",
    "R": "right",
    "U": "unilateral",
    "A": "asymmetric",
}
_LETTERS = {side: letter for letter, side in _SIDES.items()}
_UNIT = re.compile(
    r"(?:AU\s*)?([LRUA]?)\s*([0-9]{1,2})\s*([A-E]?)(?:\s*[/-]\s*([A-E]))?\s*(\?*)", re.IGNORECASE
)
_JOINED = re.compile(r"[+,;&]")
# A slash separates alternatives only before a number: 10A/B is a range of intensity.
_ALTERNATIVES = re.compile(r"\bor\b|/(?=\s*(?:AU\s*)?[LRUA]?\s*[0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class ActionUnit:
    """One coded action unit.

    Parameters
    ----------
    unit
        Its number.
    side
        The side of the face.
    intensity
        ``A`` to ``E``, a range such as ``A/B``, or empty.
    uncertain
        True if the sheet gives it as an alternative, in brackets or with a
        question mark.
    raw
        The text in the sheet.
    """

    unit: int
    side: Side
    intensity: str
    uncertain: bool
    raw: str

    @property
    def text(self) -> str:
        """The unit in the form of the column ``au_units``."""
        return f"{_LETTERS[self.side]}{self.unit}{self.intensity}{'?' * self.uncertain}"


@dataclass(frozen=True)
class ActionUnits:
    """The action units of a cell, in its order, and the parts that are not action units."""

    units: tuple[ActionUnit, ...]
    unparsed: tuple[str, ...]

    @property
    def text(self) -> str:
        """The units as the column ``au_units`` holds them: ``R12B;L14?``."""
        return ";".join(unit.text for unit in self.units)


def parse_action_units(cell: str) -> ActionUnits:
    """Return the action units in a cell. Any text gives a result.

    Examples
    --------
    >>> parse_action_units("4+7+L10 or 12B").text
    '4;7;L10?;12B?'
    >>> parse_action_units("R14+soft focus").unparsed
    ('soft focus',)
    """
    units: list[ActionUnit] = []
    unparsed: list[str] = []
    for term in _split_terms(cell):
        found = _parse_term(term)
        if found is None:
            unparsed.append(term)
        else:
            units += found
    return ActionUnits(tuple(units), tuple(unparsed))


def _split_terms(cell: str) -> list[str]:
    """Split at joining marks outside brackets: (R6 or R12) + R15 is two terms."""
    terms, depth, start = [], 0, 0
    # No regular expression: brackets may be nested, and a cell may have one too few.
    for place, letter in enumerate(cell):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth = max(depth - 1, 0)  # a bracket too many must not hide the rest
        elif depth == 0 and _JOINED.match(letter):
            terms.append(cell[start:place])
            start = place + 1
    terms.append(cell[start:])
    return [term.strip() for term in terms if term.strip()]


def _parse_term(term: str) -> list[ActionUnit] | None:
    """Return the units of one term; None if any part of it is not a unit."""
    bare = term.replace("(", " ").replace(")", " ")
    parts = [part.strip() for joined in _JOINED.split(bare) for part in _ALTERNATIVES.split(joined)]
    # The coder was not sure of what is in brackets or joined by "or".
    doubtful = "(" in term or ")" in term or _ALTERNATIVES.search(bare) is not None
    units = []
    for part in parts:
        match = _UNIT.fullmatch(part)
        if match is None:
            return None
        side, number, intensity, upper, question = match.groups()
        units.append(
            ActionUnit(
                int(number),
                _SIDES[side.upper()],
                "/".join(letter.upper() for letter in (intensity, upper) if letter),
                doubtful or bool(question),
                part,
            )
        )
    return units

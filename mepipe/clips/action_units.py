"""Action units as the sheets write them, and one form for all of them.

::

    4+7+L10   R2+15   L12 or L14   (R6 or R12) + R15   10A/B   A1B+A2C   R14+17+soft focus

Coding follows the Facial Action Coding System: a number, before it the side
(L left, R right, U one side, A both but unequal), behind it the intensity A to
E. Whatever is not of this form stays as it is written and is named.
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
_ALTERNATIVES = re.compile(r"\bor\b|/(?=\s*(?:AU\s*)?[LRUA]?\s*[0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class ActionUnit:
    """One coded unit.

    Parameters
    ----------
    unit
        Its number.
    side
        Where it was seen.
    intensity
        ``A`` to ``E``, a range such as ``A/B``, or empty.
    uncertain
        Whether it is one of several alternatives, bracketed or questioned.
    raw
        As the sheet writes it.
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
    """The units of a cell, in its order, and the parts that are none."""

    units: tuple[ActionUnit, ...]
    unparsed: tuple[str, ...]

    @property
    def text(self) -> str:
        """The units as the column ``au_units`` holds them: ``R12B;L14?``."""
        return ";".join(unit.text for unit in self.units)


def parse_action_units(cell: str) -> ActionUnits:
    """Read a cell of action units; any text gives a result."""
    units: list[ActionUnit] = []
    unparsed: list[str] = []
    for term in _terms(cell):
        found = _term(term)
        if found is None:
            unparsed.append(term)
        else:
            units += found
    return ActionUnits(tuple(units), tuple(unparsed))


def _terms(cell: str) -> list[str]:
    """Split at the joining marks that stand in no bracket."""
    terms, depth, start = [], 0, 0
    for place, letter in enumerate(cell):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth = max(depth - 1, 0)
        elif depth == 0 and _JOINED.match(letter):
            terms.append(cell[start:place])
            start = place + 1
    terms.append(cell[start:])
    return [term.strip() for term in terms if term.strip()]


def _term(term: str) -> list[ActionUnit] | None:
    """Return the units of one term; None if any part of it is none."""
    bare = term.replace("(", " ").replace(")", " ")
    parts = [part.strip() for joined in _JOINED.split(bare) for part in _ALTERNATIVES.split(joined)]
    # What is bracketed together, or joined by "or", is only one way to see it.
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

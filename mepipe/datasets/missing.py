"""The words that programs and people write into a cell that has no value."""

from __future__ import annotations

# R, pandas, MATLAB, SQL, and what a spreadsheet shows for a formula without a result.
_PROGRAMS = frozenset(
    {"na", "n/a", "#n/a", "<na>", "nan", "-nan", "<nan>", "nat", "null", "none"}
    | {"1.#ind", "-1.#ind", "1.#qnan"}
)
_PEOPLE = frozenset({"n.a.", "n.a", "nil", "missing", "[]", ".", "..", "...", "?", "??", "???"})
_ERRORS = frozenset(
    {"#na", "#value!", "#ref!", "#div/0!", "#name?", "#num!", "#null!", "#spill!"}
    | {"#calc!", "#field!", "#getting_data", "#n/a n/a"}
)
_DASHES = "-\N{HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}_"


def is_missing(text: str) -> bool:
    """Say whether a cell has no value: it is empty, or holds a word for nothing.

    Not for names: a clip may be called NA.

    Examples
    --------
    >>> is_missing("#N/A"), is_missing(" -- "), is_missing("-1"), is_missing("none of them")
    (True, True, False, False)
    """
    word = " ".join(text.split()).casefold()
    return not word.strip(_DASHES) or word in _PROGRAMS | _PEOPLE | _ERRORS


def is_not_available(text: str) -> bool:
    """Say whether a program wrote a cell for a value that it had not: NA, NaN, NULL, None."""
    return " ".join(text.split()).casefold() in _PROGRAMS


def is_formula_error(text: str) -> bool:
    """Say whether a cell holds what a spreadsheet shows for a formula that failed."""
    return " ".join(text.split()).casefold() in _ERRORS

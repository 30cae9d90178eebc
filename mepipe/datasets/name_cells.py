"""Names in tables that a spreadsheet may open, where a cell that begins with = is a program.

A name that begins like a formula is written with an apostrophe before it, which spreadsheets
take for "this is text". Reading takes it away again, so every name comes back as it was.
"""

from __future__ import annotations

from mepipe.errors import UsageError

# With which a formula begins; Japanese and Chinese versions know the wide forms, too.
# Tab and carriage return are skipped by some, so that what follows is the formula.
_FORMULA = tuple("=+-@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
                 "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
_TEXT = "'"


def name_cell(name: str) -> str:
    """Return a name as the text of a cell that no spreadsheet takes for a formula.

    >>> name_cell("s01/interview"), name_cell("=1+2"), name_cell("'=1+2"), name_cell("'tis")
    ('s01/interview', "'=1+2", "''=1+2", "'tis")
    """
    return _TEXT + name if name.lstrip(_TEXT).startswith(_FORMULA) else name


def name_in_cell(cell: str) -> str:
    """Return the name that `name_cell` wrote as this cell.

    >>> name_in_cell("'=1+2"), name_in_cell("''=1+2"), name_in_cell("'tis"), name_in_cell("-1")
    ('=1+2', "'=1+2", "'tis", '-1')
    """
    guarded = cell.startswith(_TEXT) and cell.lstrip(_TEXT).startswith(_FORMULA)
    return cell[len(_TEXT) :] if guarded else cell


def check_name(name: str, what: str = "recording") -> None:
    """Raise UsageError if a table cannot hold a name as it is.

    Parameters
    ----------
    name
        The name.
    what
        Of what.

    Raises
    ------
    UsageError
        If it is empty, begins or ends with a blank, or has a line break, another control
        character or bytes that are no text.

    Examples
    --------
    >>> check_name("s01/Straße, 2. Teil")
    >>> check_name("two\\nlines")
    Traceback (most recent call last):
    mepipe.errors.UsageError: the name of the recording 'two\\nlines' has the character '\\n', \
which no table can hold. Rename it.
    """
    bad = next((char for char in name if not _is_text(char)), None)
    if bad is not None:
        problem = f"has the character {bad!r}, which no table can hold"
    elif not name:
        problem = "is empty"
    elif name != name.strip():
        problem = "begins or ends with a blank, which tables lose"
    else:
        return
    raise UsageError(f"the name of the {what} {name!r} {problem}", "Rename it.")


def _is_text(char: str) -> bool:
    """Return False for control characters, line ends, lone surrogates and what XML refuses."""
    code = ord(char)
    return not (
        code < 0x20
        or 0x7F <= code < 0xA0
        or char in "\u2028\u2029\ufeff"
        or 0xD800 <= code < 0xE000
        or code in {0xFFFE, 0xFFFF}
    )

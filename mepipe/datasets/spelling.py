"""Spellings of one name: what differs only in case, spaces, padding or the form of characters."""

from __future__ import annotations

import re
import unicodedata

_GAP = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")
# "s 1" is "s1", but "1 1" is not "11".
_NEEDLESS_GAP = re.compile(r"(?<![0-9]) | (?![0-9])")
_PADDING = re.compile(r"(?<![0-9])0+(?=[0-9])")
# A spreadsheet column with an empty cell becomes one of decimals: 1 is 1.0.
_DECIMAL = re.compile(r"([0-9]+)[.,]0+\Z")


def neat(text: str) -> str:
    """Return a name in one Unicode form, with single spaces between its words.

    macOS writes accents of file names as separate characters; spreadsheets do not, and
    neither keep spaces at the end.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def person_key(text: str) -> str:
    """Return what all spellings of one person's name share.

    Examples
    --------
    >>> person_key("Anna ") == person_key("ANNA"), person_key("s01") == person_key("S-1")
    (True, True)
    >>> person_key("1_1") == person_key("11")
    False
    """
    key = text
    # One pass may make what another would change again ("0.0" of "00.0"); it settles at once.
    for _ in range(8):
        before, key = key, _fold(key)
        if key == before:
            break
    return key


def _fold(text: str) -> str:
    # Compatible forms are one: full-width digits, no-break spaces, ligatures.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    folded = "".join(_plain(char) for char in folded)
    folded = _NEEDLESS_GAP.sub("", _GAP.sub(" ", folded).strip())
    folded = _DECIMAL.sub(r"\1", _PADDING.sub("", folded)) if folded else ""
    # A name of nothing but signs is its own.
    return folded or text.strip() or text


def _plain(char: str) -> str:
    """Return a character with any script's digits as 0 to 9, and none that has no width."""
    if unicodedata.category(char) == "Cf":
        return ""
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)

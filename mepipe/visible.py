"""A text that every terminal and every file can show and none obeys."""

from __future__ import annotations

import re

# Control characters of 7 and 8 bits, marks that turn the direction of a text or hide in it, line
# ends that no terminal agrees on, and halves of characters, which no stream can encode. The joiners
# (U+200C, U+200D) stay: names in Persian or Hindi need them.
_DANGEROUS = re.compile(
    "[\0-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_LAYOUT = "\n\t"


def visible(text: str) -> str:
    r"""Return a text with codes for characters that control a terminal or cannot be seen.

    Parameters
    ----------
    text
        What is to be shown. New lines and tabs stay.

    Returns
    -------
    str
        The text, with codes such as ``\x1b`` for characters that control a terminal,
        that have no width or that cannot be encoded.

    Examples
    --------
    >>> visible("s01/\x1b]52;c;cm0gLXJm\x07")
    's01/\\x1b]52;c;cm0gLXJm\\x07'
    >>> visible("Straße 表情\n")
    'Straße 表情\n'
    """
    return _DANGEROUS.sub(_code, text)


def on_one_line(text: str) -> str:
    r"""Return a text as `visible` does, without line ends and with single blanks.

    >>> on_one_line("a\nb\x1b")
    'a b\\x1b'
    """
    return visible(" ".join(text.split()))


def _code(found: re.Match[str]) -> str:
    char = found[0]
    if char in _LAYOUT:
        return char
    # A byte of a file name that is no text: Python keeps it as half of a character.
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()


def visible_json(text: str) -> str:
    """Return JSON that no terminal obeys, and that reads back as the same values.

    >>> visible_json('{"clip": "a\\x9b2J"}')
    '{"clip": "a\\\\u009b2J"}'
    """
    return _DANGEROUS.sub(_json_code, text)


def _json_code(found: re.Match[str]) -> str:
    char = found[0]
    if char in _LAYOUT:
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))

"""Copies that file managers make: ``img60 (1).jpg``, ``img60 - Copy.jpg``, ``Copy of img60.jpg``.

A name alone proves nothing: a whole sequence may be called ``clip (1).jpg``, ``clip (2).jpg``.
So a name is a copy's only if the original lies beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

_WORD = "copy|copie|kopie|kopia|kopi|copia|cópia|kópia|копия|副本|拷贝|コピー|사본|복사본"
_SUFFIXES = (
    # Windows, macOS, and people: "img60 - Copy (2)", "img60 copy 2", "img60_copy".
    re.compile(rf"(.+?)(?:\s*[-\u2013_]\s*|\s+)(?:{_WORD})(?:[\s_-]*\(?[0-9]{{1,3}}\)?)?\Z", re.I),
    re.compile(rf"(?:{_WORD})\s*(?:\([0-9]{{1,3}}\)\s*)?(?:of|von|van|de|di|av|af)\s+(.+)\Z", re.I),
    # GNOME and synchronised folders: "img60 (another copy)", "img60 (conflicted copy 2024-01-02)".
    re.compile(rf"(.+?)\s*\([^()]*(?:{_WORD})[^()]*\)\Z", re.I),
    # Browsers, Windows in a download folder: "img60 (1)".
    re.compile(r"(.+?)\s?\([0-9]{1,3}\)\Z"),
)
# macOS: "img60 2". Only behind a number, or "take 2" would be a copy of "take".
_SECOND = re.compile(r"(.*[0-9]) [2-9]\Z")
# One original with more "copies" than these is a sequence with a picture of its name beside it.
_MOST = 5


def copied_from(stem: str, *, second: bool = True) -> list[str]:
    """Return the names, from the longest, of which ``stem`` may be a copy.

    ``second`` says whether "img60 2" may be one of "img60", too.
    """
    found = []
    for pattern in (*_SUFFIXES, *([_SECOND] if second else [])):
        match = pattern.match(stem)
        if match and match[1] != stem:
            found.append(match[1])
            # A copy of a copy, whose original may be gone in between.
            found += copied_from(match[1], second=second)
    return sorted(set(found), key=lambda name: (-len(name), name))


def looks_copied(stem: str) -> bool:
    """Say whether a name has the form of a copy's; fast, because most names have not."""
    return not stem.isalnum() and (" " in stem or stem[-1:] == ")" or not stem[-1:].isdigit())


def find_copies(stems: Iterable[str]) -> dict[str, str]:
    """Return the original of each copy, by the copy's name; all are in ``stems``.

    Examples
    --------
    >>> find_copies(["img60", "img60 (1)", "img61", "clip (1)", "clip (2)"])
    {'img60 (1)': 'img60'}
    """
    stems = list(stems)
    candidates = [stem for stem in stems if looks_copied(stem)]
    if not candidates:
        return {}
    known = {stem.casefold(): stem for stem in stems}
    found: dict[str, str] = {}
    by_original: dict[str, list[str]] = defaultdict(list)
    for stem in candidates:
        original = next(
            (known[name.casefold()] for name in copied_from(stem) if name.casefold() in known), None
        )
        if original is not None:
            by_original[original].append(stem)
            found[stem] = original
    crowded = {stem for some in by_original.values() if len(some) > _MOST for stem in some}
    return {stem: original for stem, original in found.items() if stem not in crowded}

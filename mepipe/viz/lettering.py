"""Names in any script: fonts that have their letters, and what is drawn where none has.

The names of classes and clips are the user's. matplotlib's own font has Latin, Greek, Cyrillic,
Arabic and Hebrew letters. For others it would draw empty boxes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

# These draw a sign for any letter, or colours that matplotlib cannot draw.
_NOT_LETTERS = ("LastResort", "Last Resort", "Emoji")


@dataclass(frozen=True)
class Lettering:
    """How a set of texts is drawn.

    Parameters
    ----------
    families
        Installed fonts that are needed besides the default one.
    lacking
        Characters that no installed font has.

    Examples
    --------
    >>> lettering = Lettering.of(["surprise", "joie"])
    >>> lettering
    Lettering(families=(), lacking=frozenset())
    >>> lettering.plain("$5")
    '\\\\$5'
    >>> Lettering((), frozenset("厌恶")).plain("s01/厌恶")
    's01/\\\\u538c\\\\u6076'
    """

    families: tuple[str, ...]
    lacking: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Lettering:
        """Return the lettering for all these texts."""
        wanted = frozenset("".join(map(_visible, texts))) - {" ", "\n"}
        # Nearly every name is ASCII, which every font has.
        return (
            _fonts(wanted) if any(not char.isascii() for char in wanted) else cls((), frozenset())
        )

    def draws(self, text: str) -> bool:
        """Return True if installed fonts have all characters of a text."""
        return self.lacking.isdisjoint(text)

    def plain(self, text: str) -> str:
        """Return a text for matplotlib, with codes for characters that cannot be drawn.

        "$" is a dollar, not the start of a formula.
        """
        shown = "".join(
            char.encode("ascii", "backslashreplace").decode() if char in self.lacking else char
            for char in _visible(text)
        )
        return shown.replace("$", r"\$")

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let matplotlib use these fonts in the body, which makes and saves the figure."""
        if not self.families:
            yield
            return
        import matplotlib as mpl

        with mpl.rc_context({"font.family": [*mpl.rcParams["font.family"], *self.families]}):
            yield


def _visible(text: str) -> str:
    """Return a text without marks that only direct its layout; control characters become blanks."""
    kept = (char for char in text if unicodedata.category(char) != "Cf" and not _selects(char))
    return "".join(
        " " if unicodedata.category(char) == "Cc" and char != "\n" else char for char in kept
    )


def _selects(char: str) -> bool:
    """Return True for a variation selector, which asks for a colourful or a plain sign."""
    return "\ufe00" <= char <= "\ufe0f"


@lru_cache(maxsize=8)
def _fonts(wanted: frozenset[str]) -> Lettering:
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    lacking = wanted - _letters_of(findfont(FontProperties()), wanted)
    families: list[str] = []
    if lacking:
        # By name, so that the same installed fonts give the same picture.
        upright = sorted(
            {
                entry.name: entry.fname
                for entry in reversed(fontManager.ttflist)
                if entry.style == "normal" and not any(word in entry.name for word in _NOT_LETTERS)
            }.items()
        )
        held = {name: _letters_of(path, lacking) for name, path in upright}
        while lacking and held:
            best = max(held, key=lambda name: len(held[name] & lacking))
            if not held[best] & lacking:
                break
            families.append(best)
            lacking -= held.pop(best)
    return Lettering(tuple(families), lacking)


def _letters_of(path: str, wanted: frozenset[str]) -> frozenset[str]:
    """Return those of the characters that a font file has and matplotlib can draw."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        held = frozenset(char for char in wanted if ord(char) in font.get_charmap())
        font.set_size(12, 100)
        for char in held:
            font.load_char(ord(char))
    except (OSError, RuntimeError, ValueError):
        # No font that FreeType reads, or one of bitmaps only.
        return frozenset()
    return held

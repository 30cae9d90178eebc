"""Names of files and folders, for clips that may be called anything."""

from __future__ import annotations

import unicodedata

from mepipe.errors import UsageError

# What some file system takes for a separator, a drive, a pattern or a pipe.
_FORBIDDEN = frozenset('/\\:*?"<>|')
# These tables of pictures are read by the scripts of others, which know no apostrophe before what a
# spreadsheet would run (and no shell takes such a name for an option).
_FORMULA = ("=", "+", "-", "@")


def plain_name(text: str, clip: str) -> str:
    """Return ``text`` as a name that every file system takes; never empty, ``.`` or ``..``.

    Raises
    ------
    UsageError
        If nothing is left of it; ``clip`` is the clip that it belongs to.
    """
    name = "".join(
        "_" if one in _FORBIDDEN or not one.isprintable() else one for one in text
    ).strip()
    if name.startswith(_FORMULA):
        name = f"_{name[1:]}"
    if not name.strip("."):
        raise UsageError(
            f"{clip} has a part {text!r} that can name no file",
            "Rename it, or leave the clip out with --select.",
        )
    return name


def parts(clip: str) -> tuple[str, str, str]:
    """Return the collection, the subject and the name of a clip by its id."""
    collection, _, rest = clip.partition("/")
    subject, _, name = rest.partition("/")
    return collection, subject, name


class UniqueNames:
    """Names of files, each given to one owner only.

    Names that differ only in case or in how an accent is coded count as one:
    some file systems do not tell them apart.
    """

    def __init__(self, what: str, remedy: str) -> None:
        self._what, self._remedy = what, remedy
        self._owners: dict[str, tuple[str, str]] = {}

    def claim(self, name: str, owner: str, clip: str) -> None:
        """Note that ``owner`` has ``name``.

        Raises
        ------
        UsageError
            If another owner has it; both clips are named.
        """
        key = unicodedata.normalize("NFC", name).casefold()
        first_owner, first = self._owners.setdefault(key, (owner, clip))
        if first_owner != owner:
            raise UsageError(
                f"{first} and {clip} would both have the {self._what} {name!r}", self._remedy
            )

"""Subjects as cells and folder names write them, brought to one padded form."""

from __future__ import annotations

import re
from collections.abc import Callable


def numbered_subject(prefix: str, form: str) -> Callable[[str], str | None]:
    """Return a function that gives the padded subject for a cell or a folder's name.

    Parameters
    ----------
    prefix
        A regular expression for what may stand before the number.
    form
        The padded form, for `str.format`.

    Examples
    --------
    >>> subject = numbered_subject("(?:sub)?", "sub{:02d}")
    >>> subject("1"), subject("Sub001"), subject("README")
    ('sub01', 'sub01', None)
    """
    pattern = re.compile(rf"{prefix}0*([0-9]{{1,6}})\Z", re.IGNORECASE)

    def subject(text: str) -> str | None:
        match = pattern.match(text.strip())
        return form.format(int(match[1])) if match else None

    return subject

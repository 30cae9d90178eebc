"""The numbers in the first directory of a TIFF file, or of the EXIF data in another file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

# Bytes of a number of the types BYTE, SHORT, LONG, the same with a sign, LONG8 and SLONG8.
_BYTES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8, 17: 8}
_ENTRY = 12  # bytes: tag, type, count and the value, or where it is


def is_tiff(data: bytes) -> bool:
    """Return True if a file is a TIFF image, but not BigTIFF."""
    return data.startswith((b"II*\0", b"MM\0*"))


def tiff_numbers(data: bytes) -> dict[int, int] | None:
    """Return the first number of each tag in the first directory of a TIFF file.

    Returns
    -------
    The numbers by tag, without their signs; None if ``data`` ends before the directory does.
    """
    found: dict[int, int] = {}
    for at in _entries(data):
        if at + _ENTRY > len(data):
            return None
        # Values of other types have no meaning here.
        length = _BYTES.get(_number(data, at + 2, 2), 4)
        # Numbers that do not fit into the entry stand elsewhere.
        inline = length * _number(data, at + 4, 4) <= 4
        place = at + 8 if inline else _number(data, at + 8, 4)
        if place + length <= len(data):
            found.setdefault(_number(data, at, 2), _number(data, place, length))
    return found


def short_in_place(data: bytes, tag: int) -> int | None:
    """Return the number of 16 bits in the entry of a tag, whatever its type; None without one.

    Decoders read EXIF data like this.
    """
    for at in _entries(data):
        if at + 10 > len(data):
            return None
        if _number(data, at, 2) == tag:
            return _number(data, at + 8, 2)
    return None


def _entries(data: bytes) -> Iterator[int]:
    """Yield where each entry of the first directory starts; the last ones may exceed ``data``."""
    directory = _number(data, 4, 4)
    yield from range(directory + 2, directory + 2 + _ENTRY * _number(data, directory, 2), _ENTRY)


def _number(data: bytes, at: int, length: int) -> int:
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    return int.from_bytes(data[at : at + length], order)

"""The numbers in the first directory of a TIFF file, or of the EXIF data in another file."""

from __future__ import annotations

from typing import Literal

# Bytes of a number of the types BYTE, SHORT, LONG, the same with a sign, LONG8 and SLONG8.
_BYTES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8, 17: 8}


def is_tiff(data: bytes) -> bool:
    """Return True if a file is a TIFF image, but not BigTIFF."""
    return data.startswith((b"II*\0", b"MM\0*"))


def tiff_numbers(data: bytes) -> dict[int, int] | None:
    """Return the first number of each tag in the first directory.

    Parameters
    ----------
    data
        A TIFF file, or EXIF data without the file around it.

    Returns
    -------
    The numbers by tag, without their signs; None if ``data`` ends before the directory does.
    """
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)

    directory = number(4, 4)
    stop = directory + 2 + 12 * number(directory, 2)
    if stop > len(data):
        return None
    found: dict[int, int] = {}
    for at in range(directory + 2, stop, 12):
        # Values of other types have no meaning here.
        length = _BYTES.get(number(at + 2, 2), 4)
        # Numbers that do not fit into the entry stand elsewhere.
        place = at + 8 if length * number(at + 4, 4) <= 4 else number(at + 8, 4)
        if place + length <= len(data):
            found.setdefault(number(at, 2), number(place, length))
    return found

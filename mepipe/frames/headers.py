"""The size of an image from its file's header, without decoding the image.

A check looks at every frame of a dataset. Reading some bytes from both ends of
a file tells its size and whether it is whole; only where they do not is the file
read, and only a format that is not known here is decoded.
"""

from __future__ import annotations

import os
from pathlib import Path

from mepipe.errors import UnreadableInputError
from mepipe.frames.images import decode_image, incomplete

_HEAD, _TAIL = 4096, 64
_JPEG, _PNG, _BMP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM"
# Start-of-frame markers of JPEG; c4, c8 and cc are tables and extensions.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_size(path: Path | str) -> tuple[int, int]:
    """Return the width and height of an image file, px.

    Raises
    ------
    BadDataError
        If it is no image, or is truncated.
    UnreadableInputError
        If it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (a third of the time)
            head = file.read(_HEAD)
            length = os.fstat(file.fileno()).st_size
            tail = head
            if length > _HEAD:
                file.seek(-_TAIL, os.SEEK_END)
                tail = file.read(_TAIL)
            size = _size(head)
            if size and _whole(head, tail, length):
                return size
            file.seek(0)
            data = file.readall()
    except OSError as error:
        raise UnreadableInputError(
            f"cannot read {path}: {error.strerror}",
            "Restore the file, or give yourself permission to read it.",
        ) from error
    size = _size(data)
    if size and data.startswith((_JPEG, _PNG)) and incomplete(data) is None:
        return size
    height, width = decode_image(data).shape[:2]
    return width, height


def _whole(head: bytes, tail: bytes, length: int) -> bool:
    if head.startswith(_JPEG):
        return tail.endswith(b"\xff\xd9")
    if head.startswith(_PNG):
        return b"IEND" in tail
    return length >= int.from_bytes(head[2:6], "little")


def _size(data: bytes) -> tuple[int, int] | None:
    """Return width and height from the first bytes of a file; None if they do not tell."""
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data.startswith(_BMP) and len(data) >= 26 and data[14:18] == b"\x28\0\0\0":
        width, height = (
            int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22)
        )
        return width, abs(height)
    return _jpeg_size(data) if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAME_MARKERS:
            height, width = (int.from_bytes(data[i : i + 2]) for i in (at + 5, at + 7))
            return (width, height) if width and height else None
        # Fill bytes and markers without a segment are single.
        at += 1 if marker == 0xFF else 2
        if marker not in {0xFF, 0x01} and not 0xD0 <= marker <= 0xD8:
            at += int.from_bytes(data[at : at + 2])
    return None

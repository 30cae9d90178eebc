"""Which way up an image is, by the EXIF data of its file.

A camera that is held upright stores lying pictures with a number that says how to turn them.
The size of a frame is that of the turned picture, for a check as for a run. So mepipe reads the
number itself, and OpenCV's decoders turn nothing but TIFF.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.frames.formats import JPEG, PNG, is_webp, jpeg_segments, png_chunks
from mepipe.frames.tiff import is_tiff, short_in_place

_EXIF = b"Exif\0\0"
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_TAG = 0x0112
_UPRIGHT = 1
_WEBP_FLAGS = 20  # where the flags of the chunk VP8X are
_WEBP_HAS_EXIF = 0x08


def orientation(data: bytes) -> int | None:
    """Return the orientation of an image, 1 to 8 as EXIF counts.

    Parameters
    ----------
    data
        The file, or its start.

    Returns
    -------
    1 for a file that says nothing, or nothing that can be read, and for TIFF, which OpenCV turns.
    None if ``data`` ends before this is known.

    Examples
    --------
    >>> import cv2
    >>> file = cv2.imencode(".png", np.zeros((2, 3), np.uint8))[1].tobytes()
    >>> orientation(file), orientation(file[:33])
    (1, None)
    """
    if data.startswith(JPEG):
        return _of_jpeg(data)
    if data.startswith(PNG):
        return _of_png(data)
    return _of_webp(data) if is_webp(data) else _UPRIGHT


def turned_size(size: tuple[int, int], turned: int) -> tuple[int, int]:
    """Return the width and height of an image, px, after it was turned upright.

    >>> turned_size((64, 48), 6)
    (48, 64)
    """
    return size if turned < 5 else size[::-1]


def upright(image: NDArray[Any], turned: int) -> NDArray[Any]:
    """Return an image (H, W, C) with this orientation turned upright, (H, W, C) or (W, H, C).

    >>> stored = np.array([[1, 2, 3]], np.uint8)[..., None]
    >>> upright(stored, 6)[..., 0].tolist()  # turned to the right
    [[1], [2], [3]]
    >>> upright(stored, 2)[..., 0].tolist()  # a mirror image
    [[3, 2, 1]]
    """
    if turned >= 5:
        image = image.swapaxes(0, 1)
    if turned in {3, 4, 7, 8}:
        image = image[::-1]
    if turned in {2, 3, 6, 7}:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _stated(exif: bytes) -> int:
    """Return the orientation in EXIF data, which has the form of a TIFF file."""
    found = short_in_place(exif, _TAG) if is_tiff(exif) else None
    return found if found is not None and 1 <= found <= 8 else _UPRIGHT


def _of_jpeg(data: bytes) -> int | None:
    for marker, start, stop in jpeg_segments(data):
        if marker in {_SCAN, _END}:
            return _UPRIGHT
        if marker == _APP1 and data[start : start + 6] == _EXIF:
            return _stated(data[start + 6 : stop]) if stop <= len(data) else None
    return None


def _of_png(data: bytes) -> int | None:
    for kind, start, stop in png_chunks(data):
        if kind == b"IEND":
            return _UPRIGHT
        if kind == b"eXIf":
            if stop + 4 > len(data):
                return None
            # As libpng, which ignores a damaged chunk.
            sound = zlib.crc32(data[start - 4 : stop]) == int.from_bytes(data[stop : stop + 4])
            if sound:
                return _stated(data[start:stop])
    return None


def _of_webp(data: bytes) -> int | None:
    if data[12:16] != b"VP8X":
        return _UPRIGHT
    if len(data) <= _WEBP_FLAGS:
        return None
    if not data[_WEBP_FLAGS] & _WEBP_HAS_EXIF:
        return _UPRIGHT
    at = 12
    while at + 8 <= len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return _stated(data[at + 8 : stop]) if stop <= len(data) else None
        at = stop + stop % 2
    return None

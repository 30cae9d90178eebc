"""One image file's bytes to an array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames.formats import BMP, JPEG, PNG, bmp_length, bounded, stated_size
from mepipe.plausible import MOST_BYTES, is_size

_END_OF_JPEG, _START_OF_SCAN, _END_OF_PNG = b"\xff\xd9", b"\xff\xda", b"IEND"
_RESTORE = "Restore the file from the original, or delete it."


def decode_image(data: bytes, position: int | None = None) -> NDArray[np.uint8]:
    """Decode an image file.

    Parameters
    ----------
    data
        The bytes of a JPEG, PNG, BMP, WebP or TIFF file. 16-bit images are brought to
        8 bits, grey ones to three equal channels, transparency is dropped.
    position
        The frame's position in its clip, for the error.

    Returns
    -------
    (H, W, 3) uint8, in the order blue, green, red.

    Raises
    ------
    BadDataError
        If the file is empty, truncated, no image, of another format, or larger
        than a frame can be.
    MemoryError
        If there is not enough of it.
    """
    problem = incomplete(data)
    if problem is not None:
        raise BadDataError(f"the frame is {problem}", _RESTORE, position)
    bounded(data, position)
    import cv2

    # A broken image is told by our own error; OpenCV would say its piece as well.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with decoding("the frame is no image that can be decoded", position):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            if image is None:
                raise cv2.error("nothing was decoded")
    finally:
        cv2.utils.logging.setLogLevel(level)
    return np.asarray(image, dtype=np.uint8)


@contextmanager
def decoding(problem: str, position: int | None = None, remedy: str = _RESTORE) -> Iterator[None]:
    """Take what OpenCV raises in the body for a fault of the data.

    Parameters
    ----------
    problem, remedy, position
        Of the error.

    Raises
    ------
    BadDataError
        If the data cannot be decoded.
    MemoryError
        If there is not enough of it, which says nothing of the data.
    """
    import cv2

    try:
        yield
    except (cv2.error, OverflowError) as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise BadDataError(problem, remedy, position) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, whichever library says so."""
    import cv2

    # -4 is OpenCV's StsNoMem.
    told = isinstance(error, cv2.error) and getattr(error, "code", 0) == -4
    return told or isinstance(error, MemoryError)


def out_of_memory(what: str) -> UnreadableInputError:
    """Return the error that says that memory ran out while ``what``."""
    return UnreadableInputError(
        f"memory ran out while {what}",
        "Run again with fewer jobs, or with more memory; or leave the clip out.",
    )


def refuse_long_file(path: Path | str, length: int) -> None:
    """Refuse an image file that is longer than any frame.

    Raises
    ------
    UnreadableInputError
        If it is.
    """
    if length > MOST_BYTES:
        raise UnreadableInputError(
            f"{path} has {length} bytes; a frame of more than {MOST_BYTES} is not read",
            "Restore the file from the original, or delete it.",
        )


def incomplete(data: bytes) -> str | None:
    """Say what is missing of the file, or None.

    Some decoders fill the rest of a truncated JPEG with grey and say nothing.
    Within a scan the byte ff is only followed by 00 or a restart marker, so an
    end marker behind the last scan's start is the real one.
    """
    if not data:
        return "an empty file"
    if data.startswith(JPEG) and data.rfind(_END_OF_JPEG) < data.rfind(_START_OF_SCAN):
        return "a truncated JPEG"
    if data.startswith(JPEG) and _START_OF_SCAN not in data:
        return "a truncated JPEG"
    if data.startswith(PNG[:4]) and _END_OF_PNG not in data[-64:]:
        return "a truncated PNG"
    if data.startswith(BMP) and is_size(*(stated_size(data) or (0, 0))):
        return "a truncated BMP" if len(data) < bmp_length(data) else None
    return None

"""Decode the bytes of one image file to an array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames.formats import BMP, JPEG, PNG, bmp_length, bounded, stated_size
from mepipe.frames.orientation import orientation, upright
from mepipe.frames.samples import FULL, is_deep, is_packed, refuse_samples
from mepipe.plausible import MOST_BYTES, is_size

_END_OF_JPEG, _START_OF_SCAN, _END_OF_PNG = b"\xff\xd9", b"\xff\xda", b"IEND"
_RESTORE = "Restore the file from the original, or delete it."


def decode_image(
    data: bytes, position: int | None = None, bits: int | None = None
) -> NDArray[np.uint8]:
    """Decode an image file.

    Parameters
    ----------
    data
        The bytes of a JPEG, PNG, BMP, WebP or TIFF file. It is turned as its EXIF data says, grey
        images get three equal channels, transparency is dropped.
    position
        The frame's position in its clip, for the error.
    bits
        How many bits the samples of a file with 16 bits use, 8 to 16
        (`mepipe.frames.depth.clip_bits`): 10 maps 0 to 1023 to 0 to 255. None: all 16.

    Returns
    -------
    (H, W, 3) uint8, in the order blue, green, red.

    Raises
    ------
    BadDataError
        If the file is empty, truncated, no image, of another format or kind of samples, or larger
        than a frame can be; or if a sample exceeds ``bits``.
    MemoryError
        If memory runs out.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> from mepipe.frames import decode_image
    >>> file = cv2.imencode(".png", np.full((2, 3), 7, np.uint8))[1].tobytes()
    >>> decode_image(file).shape
    (2, 3, 3)
    >>> deep = cv2.imencode(".png", np.full((2, 3), 1000, np.uint16))[1].tobytes()
    >>> int(decode_image(deep).max()), int(decode_image(deep, bits=10).max())
    (3, 250)
    """
    packed = is_packed(data)
    if not packed and (bits is None or not is_deep(data)):
        return np.asarray(_decoded(data, position), dtype=np.uint8)
    # The samples of a packed file come left-aligned in 16 bits, however many there are.
    used = FULL if packed or bits is None else bits
    deep = decode_deep(data, position)
    peak = int(deep.max())
    if peak >= 2**used:
        raise BadDataError(
            f"the frame has samples up to {peak}, and the clip is read as of {used} bits "
            f"(up to {2**used - 1})",
            f"State the bits of the camera: --set data.bits={max(peak.bit_length(), used + 1)}.",
            position,
        )
    return (deep >> (used - 8)).astype(np.uint8)


def decode_deep(data: bytes, position: int | None = None) -> NDArray[np.uint16]:
    """Decode an image file with more than 8 bits a sample to (H, W, 3) uint16, not scaled.

    Raises as `decode_image`.
    """
    return np.asarray(_decoded(data, position, deep=True), dtype=np.uint16)


def _decoded(data: bytes, position: int | None, *, deep: bool = False) -> NDArray[Any]:
    problem = incomplete(data)
    if problem is not None:
        raise BadDataError(f"the frame is {problem}", _RESTORE, position)
    bounded(data, position)
    refuse_samples(data, position)
    import cv2

    turned = orientation(data) or 1
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    if deep:
        flags |= cv2.IMREAD_ANYDEPTH
    # Our own error reports a broken image. OpenCV would print a message as well.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with decoding("the frame is not an image that can be decoded", position):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if image is None:
                raise cv2.error("nothing was decoded")
    finally:
        cv2.utils.logging.setLogLevel(level)
    return image if turned == 1 else upright(np.asarray(image), turned)


@contextmanager
def decoding(problem: str, position: int | None = None, remedy: str = _RESTORE) -> Iterator[None]:
    """Turn errors of OpenCV in the body into errors about the data.

    Parameters
    ----------
    problem, remedy, position
        Of the error.

    Raises
    ------
    BadDataError
        If the data cannot be decoded.
    MemoryError
        If memory runs out, which says nothing about the data.
    """
    import cv2

    try:
        yield
    except (cv2.error, OverflowError) as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise BadDataError(problem, remedy, position) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if an error means that memory ran out, from OpenCV or Python."""
    import cv2

    # -4 is OpenCV's StsNoMem.
    told = isinstance(error, cv2.error) and getattr(error, "code", 0) == -4
    return told or isinstance(error, MemoryError)


def out_of_memory(what: str) -> UnreadableInputError:
    """Return the error "memory ran out while ``what``"."""
    return UnreadableInputError(
        f"memory ran out while {what}",
        "Run again with fewer jobs, or with more memory; or leave the clip out.",
    )


def refuse_long_file(path: Path | str, length: int) -> None:
    """Check that an image file is not longer than any frame can be.

    Raises
    ------
    UnreadableInputError
        If it has more than `mepipe.plausible.MOST_BYTES` bytes.
    """
    if length > MOST_BYTES:
        raise UnreadableInputError(
            f"{path} has {length} bytes; a frame of more than {MOST_BYTES} is not read",
            "Restore the file from the original, or delete it.",
        )


def incomplete(data: bytes) -> str | None:
    """Return what is wrong with an incomplete file, or None.

    Some decoders fill the rest of a truncated JPEG with grey without an error.
    Within a scan the byte ff is only followed by 00 or a restart marker. So an end
    marker after the start of the last scan is the real one.
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

"""One image file's bytes to an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_END_OF_JPEG, _START_OF_SCAN, _END_OF_PNG = b"\xff\xd9", b"\xff\xda", b"IEND"


def decode_image(data: bytes, position: int | None = None) -> NDArray[np.uint8]:
    """Decode an image file.

    Parameters
    ----------
    data
        The bytes of a JPEG, PNG or BMP file. 16-bit images are brought to 8
        bits, grey ones to three equal channels, transparency is dropped.
    position
        The frame's position in its clip, for the error.

    Returns
    -------
    (H, W, 3) uint8, in the order blue, green, red.

    Raises
    ------
    BadDataError
        If the file is empty, truncated, or no image.
    """
    problem = incomplete(data)
    image = None
    if problem is None:
        import cv2

        # A broken image is told by our own error; OpenCV would say its piece as well.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        finally:
            cv2.utils.logging.setLogLevel(level)
    if image is None:
        raise BadDataError(
            f"the frame is {problem or 'no image that can be decoded'}",
            "Restore the file from the original, or delete it.",
            position,
        )
    return np.asarray(image, dtype=np.uint8)


def incomplete(data: bytes) -> str | None:
    """Say what is missing of the file, or None.

    Some decoders fill the rest of a truncated JPEG with grey and say nothing.
    Within a scan the byte ff is only followed by 00 or a restart marker, so an
    end marker behind the last scan's start is the real one.
    """
    if not data:
        return "an empty file"
    if data.startswith(_JPEG) and data.rfind(_END_OF_JPEG) < data.rfind(_START_OF_SCAN):
        return "a truncated JPEG"
    if data.startswith(_JPEG) and _START_OF_SCAN not in data:
        return "a truncated JPEG"
    if data.startswith(_PNG) and _END_OF_PNG not in data[-64:]:
        return "a truncated PNG"
    return None

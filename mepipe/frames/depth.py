"""How many bits the frames of a clip use, where their files have 16: one number for a clip.

With a scale for each frame, a dark frame would become as bright as the others. So the number
follows from three fixed frames, whatever a stage reads, and stands in the digests of the frames.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mepipe.errors import BadDataError, UnreadableInputError
from mepipe.frames.images import decode_deep, out_of_memory, refuse_long_file
from mepipe.frames.reader import readable
from mepipe.frames.samples import FULL, is_deep, is_packed, stated_bits
from mepipe.frames.tiff import is_tiff

_DEPTHS = (8, 10, 12, 14, FULL)  # of cameras
_HEAD = 64  # bytes that tell a deep PNG from another


def clip_bits(files: Sequence[Path], given: int | None = None) -> int | None:
    """Return how many bits the frames of a clip use, or None if that is all that their files have.

    The first, the middle and the last file are looked at, and decoded only if they have 16
    bits a sample. What such a file states about itself (`mepipe.frames.samples.stated_bits`)
    holds if its samples do not exceed it. Otherwise it is the smallest of 8, 10, 12, 14 and 16
    that holds the largest sample. Files that cannot be used are passed over: a stage that needs
    them reports them.

    Parameters
    ----------
    files
        The image files of the clip, in order.
    given
        The number of bits that the user states, 8 to 16.

    Returns
    -------
    8 to 15. None for frames of 8 bits, for frames that fill 16, and for black ones.

    Raises
    ------
    UnreadableInputError
        If memory runs out.

    Examples
    --------
    A camera of 10 bits:

    >>> import tempfile
    >>> import cv2
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "1.png"
    ...     _ = file.write_bytes(cv2.imencode(".png", np.full((4, 4), 1000, np.uint16))[1])
    ...     clip_bits([file]), clip_bits([file], given=12)
    (10, 12)
    """
    peak, stated, deep = 0, 0, False
    for position in sorted({0, len(files) // 2, len(files) - 1}):
        try:
            data = _deep_file(files[position])
            if data is None:
                continue
            deep = True
            if given is None:
                stated = max(stated, stated_bits(data) or 0)
                peak = max(peak, int(decode_deep(data).max()))
        except (BadDataError, UnreadableInputError):
            continue
        except MemoryError as error:
            raise out_of_memory(f"{files[position]} was decoded") from error
    if not deep:
        return None
    bits = given if given is not None else _bits(peak, stated)
    return bits if bits < FULL else None


def _bits(peak: int, stated: int) -> int:
    """Return the bits of samples of at most ``peak``; ``stated`` is 0 if nothing is."""
    if stated:
        # A program that follows the specification of PNG has scaled the samples to 16 bits.
        return stated if peak < 2**stated else FULL
    return next(bits for bits in _DEPTHS if peak < 2**bits) if peak else FULL


def _deep_file(path: Path) -> bytes | None:
    """Return the content of a file whose samples have 16 bits, else None.

    Raises
    ------
    UnreadableInputError
        If it cannot be read.
    """
    with readable(path) as file:
        head = file.read(_HEAD)
        if not (is_tiff(head) or is_deep(head)):
            return None
        refuse_long_file(path, os.fstat(file.fileno()).st_size)
        data = head + file.read()
    return data if is_deep(data) and not is_packed(data) else None

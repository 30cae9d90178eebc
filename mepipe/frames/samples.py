"""How many bits the samples of an image have, by the header of its file.

Cameras of 10, 12 or 14 bits store their samples in files of 16 bits, mostly as they are: white is
1023 then, and not 65535.
"""

from __future__ import annotations

from mepipe.errors import BadDataError
from mepipe.frames.formats import JPEG, PNG, jpeg_frame, png_chunks
from mepipe.frames.tiff import is_tiff, tiff_numbers

FULL = 16  # bits of a sample in a deep image file

_BITS, _MOST, _MOST_STATED, _FORMAT = 258, 281, 341, 339  # tags of TIFF
_PACKED = (10, 12, 14)  # bits a sample, without a gap between samples: decoded to 16 bits
_KINDS = {2: "signed numbers", 3: "floating-point numbers"}
_GREY = (0, 4)  # colour types of PNG
_CONVERT = "Convert all frames of the clip to PNG with 8 or 16 bits a channel."


def is_deep(data: bytes) -> bool:
    """Return True if an image has more than 8 bits a sample, and so is scaled to 8.

    ``data`` is the file; the first 25 bytes of a PNG are enough.
    """
    if data.startswith(PNG):
        return data[24:25] == b"\x10"
    return is_tiff(data) and _tiff_bits(data) > 8


def is_packed(data: bytes) -> bool:
    """Return True if samples of 10, 12 or 14 bits fill the file, so that none is left over."""
    return is_tiff(data) and _tiff_bits(data) in _PACKED


def stated_bits(data: bytes) -> int | None:
    """Return how many bits of its 16 a deep image uses, as its file states; None if it does not.

    PNG states it in the chunk sBIT, TIFF in the largest sample value. By the PNG
    specification such samples are scaled to 16 bits; most programs leave them as they are.
    """
    if data.startswith(PNG):
        for kind, start, stop in png_chunks(data):
            if kind == b"IDAT":
                break
            if kind == b"sBIT":
                colours = 1 if data[25] in _GREY else 3
                return _usable(max(data[start : min(stop, start + colours)], default=0))
    elif is_tiff(data):
        tags = tiff_numbers(data) or {}
        return _usable(max(tags.get(_MOST, 0), tags.get(_MOST_STATED, 0)).bit_length())
    return None


def refuse_samples(data: bytes, position: int | None = None) -> None:
    """Raise `BadDataError` for an image whose kind of samples is not read.

    These are TIFF with signed or floating-point numbers, or with 9, 11, 13, 15 or more than 16
    bits, and JPEG with other than 8 bits.
    """
    problem = None
    if data.startswith(JPEG):
        at = jpeg_frame(data)
        if at is not None and data[at] != 8:
            problem = f"a JPEG with {data[at]} bits a sample"
    elif is_tiff(data):
        tags = tiff_numbers(data) or {}
        bits, kind = _tiff_bits(data), _KINDS.get(tags.get(_FORMAT, 1))
        if kind is not None:
            problem = f"a TIFF image of {bits}-bit {kind}"
        elif bits > 8 and bits not in {*_PACKED, FULL}:
            problem = f"a TIFF image with {bits} bits a sample"
    if problem is not None:
        raise BadDataError(f"the frame is {problem}, which is not read", _CONVERT, position)


def _tiff_bits(data: bytes) -> int:
    return (tiff_numbers(data) or {}).get(_BITS, 1)


def _usable(bits: int) -> int | None:
    return bits if 8 <= bits < FULL else None

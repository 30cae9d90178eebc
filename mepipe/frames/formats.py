"""The format and the size of an image, from the first bytes of its file.

OpenCV decodes twenty formats and trusts their headers, so 65 bytes can make it
allocate gigabytes. Only formats whose size is read here are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator

from mepipe.errors import BadDataError
from mepipe.frames.tiff import is_tiff, tiff_numbers
from mepipe.plausible import LONGEST_SIDE, MOST_PIXELS, is_size

JPEG, PNG, BMP = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM"

# Start-of-frame markers of JPEG; c4, c8 and cc are tables and extensions.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
# Markers without a segment: stuffing, TEM, RST0 to RST7, SOI.
_BARE_MARKERS = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_UNCOMPRESSED = (0, 3)  # BMP: plain, and plain with masks of the colours
_TIFF_WIDTH, _TIFF_HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323
HEAD_OF_PNG = 33  # bytes: the signature and the chunk IHDR

# Offset, magic bytes and name of formats that OpenCV decodes but nobody keeps frames in.
_FOREIGN = (
    (0, b"II+\0", "BigTIFF"), (0, b"MM\0+", "BigTIFF"), (0, b"GIF8", "GIF"),
    (0, b"P7", "PAM"), (0, b"PF", "PFM"), (0, b"Pf", "PFM"),
    *((0, b"P%d" % kind, "PNM") for kind in range(1, 7)),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"), (0, b"#?R", "Radiance HDR"),
    (4, b"jP  ", "JPEG 2000"), (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"), (4, b"ftyp", "AVIF or HEIF"),
)  # fmt: skip


def bounded(data: bytes, position: int | None = None) -> tuple[int, int]:
    """Return the width and height of an image, px, if its size is within bounds.

    Parameters
    ----------
    data
        The file, or enough of its start to hold the size.
    position
        The frame's position in its clip, for the error.

    Raises
    ------
    BadDataError
        If the format is not JPEG, PNG, BMP, WebP or TIFF, the header has no
        size, or the image would be too large.
    """
    size = stated_size(data)
    foreign = "" if size else _foreign(data)
    if foreign:
        raise BadDataError(
            f"the frame is a {foreign} image, whatever its name says",
            "Convert it to PNG.",
            position,
        )
    if size is None:
        raise BadDataError(
            "the frame is not an image that can be decoded",
            "Restore the file from the original, or delete it.",
            position,
        )
    if not is_size(*size):
        raise BadDataError(
            f"the frame is {size[0]} x {size[1]} px by its header, and more than "
            f"{MOST_PIXELS // 10**6} million px, or {LONGEST_SIDE} in a row, are not read",
            "Restore the file from the original, or reduce all frames of the clip.",
            position,
        )
    return size


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height that a file's first bytes state, or None."""
    size = None
    if data.startswith(JPEG):
        size = _jpeg_size(data)
    elif data.startswith(PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        size = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    elif data.startswith(BMP):
        size = _bmp_size(data)
    elif is_webp(data):
        size = _webp_size(data)
    elif is_tiff(data):
        size = _tiff_size(data)
    return size if size and min(size) > 0 else None


def is_webp(data: bytes) -> bool:
    """Return True if a file is a WebP image."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def bmp_length(data: bytes) -> int:
    """Return the smallest length of a whole BMP file, bytes, from its first bytes."""
    length = _little(data, 2, 4)
    size, core = _bmp_size(data), _little(data, 14, 4) == 12
    compression = 0 if core else _little(data, 30, 4)
    if size is None or compression not in _UNCOMPRESSED:
        return length
    depth = _little(data, 24 if core else 28, 2)
    row = (size[0] * depth + 31) // 32 * 4
    return max(length, _little(data, 10, 4) + row * size[1])


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, stop) of a JPEG's segments, found as libjpeg finds them.

    ``start`` and ``stop`` bound the content, which may exceed ``data``. The last one is the
    start of the first scan or the end of the image, unless ``data`` ends before it.
    """
    at = data.find(b"\xff", 2)
    while at >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _BARE_MARKERS:
            at += 2
        else:
            yield marker, at + 4, stop
            if marker in {_END_OF_IMAGE, _START_OF_SCAN}:
                return
            at = stop
        # Skip bytes between segments, as libjpeg does.
        at = data.find(b"\xff", at)


def jpeg_frame(data: bytes) -> int | None:
    """Return where the content of a JPEG's first frame header starts: precision, then size."""
    for marker, start, _ in jpeg_segments(data):
        if marker in _FRAME_MARKERS:
            return start if start + 5 <= len(data) else None
    return None


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, stop) of a PNG's chunks after the first.

    ``start`` and ``stop`` bound the content, which may exceed ``data``.
    """
    at = HEAD_OF_PNG
    while at + 8 <= len(data):
        stop = at + 8 + int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], at + 8, stop
        at = stop + 4


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = jpeg_frame(data)
    if at is None:
        return None
    return int.from_bytes(data[at + 3 : at + 5]), int.from_bytes(data[at + 1 : at + 3])


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 34:
        return None
    header = _little(data, 14, 4)
    if header == 12:
        return _little(data, 18, 2), _little(data, 20, 2)
    if header < 36:
        return None
    # A negative height means that the rows are stored from the top down.
    return _little(data, 18, 4, signed=True), abs(_little(data, 22, 4, signed=True))


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if len(data) < 30 and not (kind == b"VP8L" and len(data) >= 25):
        return None
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
    return None


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the first directory, or of its tiles where they are larger.

    A decoder allocates a whole tile, even for an image of a few px.
    """
    found = tiff_numbers(data) or {}
    width, height = found.get(_TIFF_WIDTH, 0), found.get(_TIFF_HEIGHT, 0)
    if min(width, height) == 0:
        return None
    return max(width, found.get(_TILE_WIDTH, 0)), max(height, found.get(_TILE_HEIGHT, 0))


def _foreign(data: bytes) -> str:
    for at, magic, name in _FOREIGN:
        if data[at : at + len(magic)] == magic:
            return name
    return ""


def _little(data: bytes, at: int, length: int, *, signed: bool = False) -> int:
    return int.from_bytes(data[at : at + length], "little", signed=signed)

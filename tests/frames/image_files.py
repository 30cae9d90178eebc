"""Image files made byte by byte, for what OpenCV does not write: EXIF data, sBIT, kinds of TIFF."""

import struct
import zlib

import numpy as np

PNG_HEAD = 33  # bytes: signature and IHDR


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def with_chunk(png, kind, content, *, behind=False):
    """Put a chunk before the image data of a PNG, or behind them."""
    at = png.rindex(b"IEND") - 4 if behind else PNG_HEAD
    return png[:at] + chunk(kind, content) + png[at:]


def exif(orientation, order="<", more=0):
    """EXIF data with ``more`` other tags before the orientation."""
    others = b"".join(struct.pack(order + "HHIHH", 0x100 + n, 3, 1, 5, 0) for n in range(more))
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    start = b"II*\0" if order == "<" else b"MM\0*"
    count = struct.pack(order + "H", 1 + more)
    return start + struct.pack(order + "I", 8) + count + others + entry + bytes(4)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif_segment(orientation, **options):
    return segment(0xE1, b"Exif\0\0" + exif(orientation, **options))


def webp_with_exif(webp, width, height, content):
    """Bring a plain WebP file into the extended form, with EXIF data behind the image."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<I", 10) + bytes([8, 0, 0, 0]) + sides
    data = b"EXIF" + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    body = b"WEBP" + head + webp[12:] + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def packed(samples, bits):
    """Return rows of samples without gaps, each row on a whole byte."""
    rows = b""
    for row in samples:
        text = "".join(format(int(sample), f"0{bits}b") for sample in np.ravel(row))
        text += "0" * (-len(text) % 8)
        rows += int(text, 2).to_bytes(len(text) // 8, "big")
    return rows


def tiff(samples, bits, data=None, **tags):
    """A grey TIFF file. ``tags``: numbers by "t" and the tag, 16 bits each."""
    height, width = np.shape(samples)
    if data is None:
        data = np.asarray(samples, "<u2").tobytes() if bits == 16 else packed(samples, bits)
    numbers = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: len(data),
        339: 1,
    } | {int(name[1:]): value for name, value in tags.items()}
    entries = b"".join(
        struct.pack("<HHII", tag, 4 if tag in {273, 279} else 3, 1, value)
        for tag, value in sorted(numbers.items())
    )
    data += bytes(len(data) % 2)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", len(numbers))
        + entries
        + bytes(4)
    )

"""Small files that ask for much: headers of huge images, and images of odd shapes."""

import struct
import zlib


def png(width, height, depth=8, colour=2):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def bmp(width, height, header=40, compression=0):
    if header == 12:
        core = struct.pack("<IHHHH", 12, width, height, 1, 24)
    else:
        core = struct.pack("<IiiHHIIiiII", header, width, height, 1, 24, compression, 0, 0, 0, 0, 0)
        core += bytes(header - 40)
    return b"BM" + struct.pack("<IHHI", 65, 0, 0, 14 + len(core)) + core + bytes(11)


def jpeg(width, height, before=b""):
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
    scan = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0"
    segment = b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    return b"\xff\xd8" + before + segment + scan + bytes(20) + b"\xff\xd9"


def webp(width, height, kind=b"VP8X"):
    if kind == b"VP8X":
        body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(5)
    else:
        body = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = b"WEBP" + kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk)) + chunk


def tiff(width, height, tile=()):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1),
            (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height)]  # fmt: skip
    tags += [(tag, 4, 1, side) for tag, side in zip((322, 323), tile, strict=False)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def netpbm(kind, width, height):
    return f"{kind}\n{width} {height}\n255\n".encode().ljust(65, b"\0")


def pam(width, height, depth=3):
    return (
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    ).encode() + bytes(9)


def gif(width, height, frames):
    """Return an animation whose frames change one px each: 22 bytes a frame, whatever its size."""
    start = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    one = b"\x21\xf9\4\4\x0a\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    return b"GIF89a" + start + (one + b"\2\2\x44\1\0") * frames + b";"


BIG = 60_000
HEADERS = {
    "png": png(BIG, BIG),
    "png of 3 GB": png(31_623, 31_623),
    "png, 16 bits with alpha": png(20_000, 20_000, 16, 6),
    "png, wide": png(2**31 - 1, 1),
    "png, long": png(1, 50_000),
    "bmp": bmp(BIG, BIG),
    "bmp, top down": bmp(BIG, -BIG),
    "bmp of OS/2": bmp(BIG, BIG, header=12),
    "bmp, version 4": bmp(BIG, BIG, header=108),
    "bmp, version 5": bmp(BIG, BIG, header=124),
    "bmp, run lengths": bmp(BIG, BIG, compression=1),
    "bmp, most negative": bmp(-(2**31), -(2**31)),
    "bmp below the bound": bmp(9_000, 9_000),
    "jpeg": jpeg(BIG, BIG),
    "jpeg behind fill and a comment": jpeg(BIG, BIG, b"\xff\xff\xfe\0\4ab"),
    "jpeg behind other bytes": jpeg(BIG, BIG, b"abc"),
    "webp": webp(2**24, 2**24),
    "webp, lossless": webp(16_383, 16_383, b"VP8L"),
    "webp, lossy": webp(16_383, 16_383, b"VP8 "),
    "tiff": tiff(BIG, BIG),
    "tiff of short numbers": tiff(BIG, BIG).replace(b"\0\1\4\0", b"\0\1\3\0"),
    "tiff, huge tiles": tiff(64, 64, (BIG, BIG)),
    "tiff, cut off": tiff(BIG, BIG)[:40],
    "big tiff": b"MM\0\x2b" + bytes(60),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + bytes(20),
    **{f"netpbm {kind}": netpbm(kind, BIG, BIG) for kind in ("P1", "P2", "P3", "P4", "P5", "P6")},
    "pam": pam(BIG, BIG),
    "pam, deep": pam(100, 100, 10**9),
    "pam, no number": pam("9" * 30, 10),
    "pfm": b"PF\n60000 60000\n-1.0\n".ljust(65, b"\0"),
    "pfm, grey": b"Pf\n60000 60000\n-1.0\n".ljust(65, b"\0"),
    "sun raster": struct.pack(">8I", 0x59A66A95, BIG, BIG, 24, 0, 1, 0, 0).ljust(65, b"\0"),
    "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n".ljust(90, b"\0"),
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "jpeg 2000, bare": b"\xff\x4f\xff\x51\0\x2f" + struct.pack(">3I", 0, BIG, BIG) + bytes(40),
    "exr": b"\x76\x2f\x31\x01" + bytes(60),
    "avif": b"\0\0\0\x20ftypavif" + bytes(60),
}  # fmt: skip

# Names that a file system allows and that some program obeys, or reads as something else.
NAMES = (
    "=cmd|'/c calc'!A1", "+1", "-1", "@x", "a\rb", "a\nb", "a\x1b]52;c;cm0gLXJm\x07", "a\x9b2J",
    "a\u2028b", "a\x85b", "evil\u202egnp", "<script>alert(1)", "a&b;\\input{x}", 'a"b', "a,b",
    "a'b", "%0a", "{{7*7}}", "a\udce4b",
)  # fmt: skip

"""What a camera can have made of a face: beyond these bounds a number in a dataset is an error."""

from __future__ import annotations

LOWEST_RATE, HIGHEST_RATE = 0.1, 100_000.0  # frames per second, the highest not included
RATES = "0.1 to 100000"
LONGEST_MS = 86_400_000.0  # of a clip: a day
MOST_PIXELS = 100_000_000  # of a frame
LONGEST_SIDE = 32_766  # px: OpenCV warps no image that is longer
MOST_BYTES = 1_000_000_000  # of an image file: those pixels uncompressed, 16 bits and alpha
DIGITS = 18  # of a frame's number: it always fits a signed 64-bit integer


def is_rate(fps: float) -> bool:
    """Say whether ``fps`` can be a camera's frames per second; NaN cannot."""
    return LOWEST_RATE <= fps < HIGHEST_RATE


def is_size(width: int, height: int) -> bool:
    """Say whether a frame can have this size, px."""
    return (
        min(width, height) > 0
        and max(width, height) <= LONGEST_SIDE
        and (width * height <= MOST_PIXELS)
    )

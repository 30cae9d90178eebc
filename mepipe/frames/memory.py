"""Frames of a clip that are already in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.frames.reader import FrameReader, Image

_SHAPES = "Give uint8 images of one size, (H, W, 3) in the order blue, green, red, or (H, W) grey."


class FramesInMemory(FrameReader):
    """Arrays with the interface of `FrameReader`, for use without files.

    Parameters
    ----------
    images
        (T, H, W, 3) uint8 BGR, (T, H, W) uint8 grey, or an iterable of such
        images. They are not copied, so they must not be changed afterwards.

    Raises
    ------
    UsageError
        If there is no image, or one is not uint8 or has another shape or size.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.frames import FramesInMemory
    >>> frames = FramesInMemory(np.zeros((5, 48, 64), np.uint8))
    >>> frames.count
    5
    >>> [position for position, image in frames.images([3, 1])]
    [1, 3]
    >>> frames.image(0).shape
    (48, 64, 3)
    """

    def __init__(self, images: Iterable[NDArray[Any]]) -> None:
        self._images = [
            _checked(image, position) for position, image in enumerate(_iterated(images))
        ]
        if not self._images:
            raise UsageError("there are no frames", "Give the images of one clip, in order.")
        first = self._images[0].shape[:2]
        for position, image in enumerate(self._images):
            if image.shape[:2] != first:
                raise UsageError(
                    f"frame {position} is {image.shape[1]} x {image.shape[0]} px, frame 0 is "
                    f"{first[1]} x {first[0]}",
                    _SHAPES,
                )
        super().__init__((), len(self._images), None, lambda _: None)

    def digest(self, position: int) -> str:
        """Return the sha256 of the frame's shape and pixels."""
        image = self._images[position]
        content = hashlib.sha256(repr(image.shape).encode())
        content.update(image.tobytes())
        return content.hexdigest()

    def images(self, positions: Sequence[int] | None = None) -> Iterator[tuple[int, Image]]:
        """Yield (position, (H, W, 3) uint8 BGR) for ``positions`` (None: all), ascending."""
        for position in range(self.count) if positions is None else sorted(set(positions)):
            image = self._images[position]
            # Three channels, as a grey image file is decoded.
            yield position, np.dstack([image] * 3) if image.ndim == 2 else image

    def name(self, position: int) -> str:
        """Return what a user calls the frame."""
        return f"frame {position}"


def _iterated(images: Iterable[NDArray[Any]]) -> Iterator[Any]:
    if isinstance(images, np.ndarray) and images.ndim not in (3, 4):
        raise UsageError(
            f"the frames have the shape {images.shape}, not (T, H, W, 3) or (T, H, W)", _SHAPES
        )
    try:
        return iter(images)
    except TypeError:
        raise UsageError(f"a {type(images).__name__} holds no frames", _SHAPES) from None


def _checked(image: Any, position: int) -> Image:
    if not isinstance(image, np.ndarray):
        raise UsageError(f"frame {position} is a {type(image).__name__}, no array", _SHAPES)
    if image.dtype != np.uint8:
        raise UsageError(
            f"frame {position} has the type {image.dtype}", f"{_SHAPES}{_scaling(image)}"
        )
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise UsageError(f"frame {position} has the shape {image.shape}", _SHAPES)
    return image


def _scaling(image: NDArray[Any]) -> str:
    """Return how such samples become uint8; the scale must be the same for all frames."""
    if image.dtype == np.uint16:
        return (
            " Scale all frames alike, by the bits of the camera: "
            'images >> (bits - 8), then .astype("uint8").'
        )
    if image.dtype.kind == "f":
        return (
            " Scale all frames alike: for samples from 0 to 1, "
            '(255 * images).round().astype("uint8").'
        )
    return ""

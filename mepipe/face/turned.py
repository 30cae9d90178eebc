"""Faces in a picture that lies on its side or upside down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mepipe.face.align import Float
from mepipe.face.detect import FALLBACK_SIZE, Face, face_scores, reduced_grey
from mepipe.face.levelled import Levelled, box_transform
from mepipe.face.plausible_face import Examined, settle

Image = NDArray[np.uint8]

# The detector sees faces that are rolled by up to 40 degrees, so eight turns see every face.
# Right angles come first: cameras lie on their side.
TURNS = (90, 270, 180, 45, 315, 135, 225)


def detect_turned(image: Image) -> Iterator[tuple[int, list[Face]]]:
    """Yield the faces that the detector sees in the picture turned, a list for each turn.

    The image is reduced to 800 px, or enlarged, at most twice. One turn is searched at a time.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.

    Yields
    ------
    By how many degrees faces are rolled clockwise in ``image``, one of `TURNS`, and the
    faces, highest score first. Their boxes are upright squares in px of ``image``.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import detect_turned
    >>> next(detect_turned(np.full((100, 100), 90, np.uint8)))
    (90, [])
    """
    grey, scale = reduced_grey(image, FALLBACK_SIZE, enlarge=2.0)
    for turn in TURNS:
        turned, back = _turned(grey, turn)
        yield turn, [_brought_back(face, back, scale) for face in face_scores(turned, 0.0)]


def _brought_back(face: Face, back: Float, scale: float) -> Face:
    # A box counts from the edge of its first pixel, whose centre is at 0.
    centre = np.reshape(face.box, (2, 2)).mean(axis=0) - 0.5
    x, y = (back[:, :2] @ centre + back[:, 2] + 0.5) / scale
    half = face.side / scale / 2
    return Face((x - half, y - half, x + half, y + half), face.score)


def _turned(grey: Image, turn: int) -> tuple[Image, Float]:
    """Return the picture in which a face rolled by ``turn`` is upright, and the way back (2, 3)."""
    import cv2

    height, width = grey.shape
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    # The picture turned against the face's roll, on a sheet that holds all of it.
    wide = int(np.ceil(abs(width * cos) + abs(height * sin) - 1e-6))
    high = int(np.ceil(abs(width * sin) + abs(height * cos) - 1e-6))
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([width - 1, height - 1]) / 2 - linear @ (np.array([wide - 1, high - 1]) / 2)
    back = np.column_stack([linear, shift])
    if turn % 90 == 0:
        # A copy: dlib refuses the strides of a view, even where a side of 1 px makes it contiguous.
        return np.rot90(grey, turn // 90).copy(order="C"), back
    turned = cv2.warpAffine(
        grey,
        back,
        (wide, high),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(turned, np.uint8), back


def settle_turned(image: Image, face: Face, turn: float) -> Examined:
    """Find the landmarks of a face that is rolled by about ``turn`` degrees.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    face
        The face in px of ``image``, from `detect_turned`.
    turn
        Degrees clockwise.

    Returns
    -------
    As `mepipe.face.settle`.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import Face, settle_turned
    >>> wall = np.full((200, 200), 90, np.uint8)
    >>> settle_turned(wall, Face((50.0, 50.0, 150.0, 150.0), 0.0), 90.0).settled
    False
    """
    level = Levelled.cut(image, box_transform(face.box, turn))
    return settle(image, level.landmarks())

"""Landmarks in a levelled picture: the face cut out upright, at one size.

The detector and the landmark model of `mepipe.face.detect` know upright faces. Where a
transform to the template is roughly known, the face can be cut out upright, and its
landmarks found there and brought back to the frame: then roll, and a frame that lies on
its side, do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.face.align import Float, compose, fit_similarity, invert, warp_face
from mepipe.face.detect import Face, face_scores, landmarks

Image = NDArray[np.uint8]

SIDE = 200  # px of the levelled picture
_MARGIN = 0.15  # sides of the aligned face, added on each side of it
_DETECTOR_SIDE = 110  # px: the face then has about the 80 px of the detector's window
LOW_CONTRAST = 75.0  # grey levels between the 5th and the 95th percentile
CONTRAST = 135.0  # that of ordinary photographs
_CENTRE = (0.5, 0.53)  # of the detector's box, in the levelled picture
_OFF_CENTRE = 0.12  # sides of the levelled picture

# dlib's box around a face, in fractions of the aligned face: mean over 45 faces.
_BOX = (0.0, 0.05, 1.0, 1.05)

# The landmark of the other half of the face, in the iBUG order.
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


def face_transform(points: Float) -> Float:
    """Return the similarity that takes a face to the template.

    Only landmarks on bone are fitted: brows and mouth would carry the expression into
    the alignment.

    Parameters
    ----------
    points
        (68, 2) landmarks, px.

    Returns
    -------
    (2, 3) float64, from px of the frame to fractions of the side of the aligned face.

    Raises
    ------
    BadDataError
        If the landmarks coincide.

    Examples
    --------
    >>> from mepipe.assets import template
    >>> from mepipe.face import face_transform
    >>> face_transform(template().points * 200).round(4) + 0.0
    array([[0.005, 0.   , 0.   ],
           [0.   , 0.005, 0.   ]])
    """
    rigid = list(template().rigid)
    return fit_similarity(points[rigid], template().points[rigid])


def box_transform(box: tuple[float, float, float, float], turn: float = 0.0) -> Float:
    """Return the transform of the face that fills a box, in a picture turned by ``turn``.

    Parameters
    ----------
    box
        x0, y0, x1, y1 in px. A box that is not square stands for the square around it.
    turn
        By how many degrees the face is rolled clockwise.

    Returns
    -------
    (2, 3) float64, from px of the frame to fractions of the side of the aligned face.

    Examples
    --------
    The head of a face on its side points right, so its centre line is level:

    >>> from mepipe.face import box_transform
    >>> transform = box_transform((0.0, 0.0, 100.0, 100.0), turn=90.0)
    >>> (transform @ [99.5, 49.5, 1.0]).round(2)
    array([0.5 , 0.05])
    """
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    # Pixel centres are at whole numbers: a box from 0 to 100 has its centre at 49.5.
    centre = complex(x0 + x1 - 1, y0 + y1 - 1) / 2
    middle = complex(_BOX[0] + _BOX[2], _BOX[1] + _BOX[3]) / 2
    a = np.exp(-1j * np.radians(turn)) / side
    b = middle - a * centre
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def roll(transform: Float) -> float:
    """Return by how many degrees a face is rolled clockwise in its frame: -180 to 180.

    Parameters
    ----------
    transform
        (2, 3), from px of the frame to the aligned face.

    Examples
    --------
    >>> from mepipe.face import box_transform, roll
    >>> round(roll(box_transform((0.0, 0.0, 80.0, 80.0), turn=270.0)), 6)
    -90.0
    """
    return float(-np.degrees(np.arctan2(transform[1, 0], transform[0, 0])))


def turn_about(transform: Float, degrees: float) -> Float:
    """Return the transform after which the aligned face is turned clockwise about its centre.

    Parameters
    ----------
    transform
        (2, 3), from px of the frame to the aligned face.
    degrees
        Of the turn.

    Examples
    --------
    >>> from mepipe.face import box_transform, roll
    >>> from mepipe.face.levelled import turn_about
    >>> round(roll(turn_about(box_transform((0.0, 0.0, 80.0, 80.0)), 20.0)), 6)
    -20.0
    """
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = np.array([_BOX[0] + _BOX[2], _BOX[1] + _BOX[3]]) / 2
    return compose(np.column_stack([linear, centre - linear @ centre]), transform)


def grey_range(picture: Image) -> tuple[float, float]:
    """Return the 5th and the 95th percentile of a grey picture (H, W), uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.levelled import grey_range
    >>> grey_range(np.arange(101, dtype=np.uint8)[None])
    (5.0, 95.0)
    """
    # Counting is ten times faster than sorting.
    below = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    low, high = np.searchsorted(below, np.array([0.05, 0.95]) * picture.size)
    return float(low), float(high)


def evened(picture: Image) -> Image:
    """Return a grey picture of low contrast with more of it; any other is returned unchanged.

    The landmark model compares differences of grey levels with fixed thresholds, learnt on
    pictures of ordinary contrast.

    Parameters
    ----------
    picture
        (H, W) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.levelled import evened
    >>> dark = np.tile(np.arange(0, 21, dtype=np.uint8), (21, 1))
    >>> evened(dark).min(), evened(dark).max()
    (np.uint8(53), np.uint8(203))
    """
    low, high = grey_range(picture)
    if high - low >= LOW_CONTRAST:
        return picture
    stretched = (picture - (low + high) / 2) * (CONTRAST / max(high - low, 1.0)) + 128
    return np.asarray(np.clip(np.rint(stretched), 0, 255), np.uint8)


@dataclass(frozen=True)
class Levelled:
    """A face cut out upright.

    Parameters
    ----------
    picture
        (200, 200) uint8, grey: the aligned face and a margin around it.
    transform
        (2, 3), from px of the frame to the aligned face: where it was cut out.
    """

    picture: Image
    transform: Float

    @classmethod
    def cut(cls, image: Image, transform: Float) -> Levelled:
        """Cut the face out of an image, (H, W, 3) BGR or (H, W) grey, uint8."""
        wide = transform.copy()
        wide[:, 2] += _MARGIN
        return cls(warp_face(image, wide / (1 + 2 * _MARGIN), SIDE), transform)

    @property
    def face(self) -> Image:
        """The aligned face without the margin, grey."""
        edge = round(SIDE * _MARGIN / (1 + 2 * _MARGIN))
        return self.picture[edge:-edge, edge:-edge]

    def landmarks(self, *, mirrored: bool = False) -> Float:
        """Return the landmarks (68, 2), px of the frame, found in the picture or its mirror image.

        Both are the same for a face, within a few percent of the distance of the eyes.
        """
        scale = SIDE / (1 + 2 * _MARGIN)
        x0, y0, x1, y1 = ((edge + _MARGIN) * scale for edge in _BOX)
        picture = evened(self.picture)
        if mirrored:
            picture = np.ascontiguousarray(picture[:, ::-1])
        found = landmarks(picture, Face((x0, y0, x1, y1), 0.0))
        if mirrored:
            found = (found * [-1.0, 1.0] + [SIDE - 1.0, 0.0])[list(MIRRORED)]
        aligned = (found + 0.5) / scale - _MARGIN
        back = invert(self.transform)
        return np.asarray(aligned @ back[:, :2].T + back[:, 2], np.float64)

    def score(self) -> float:
        """Return the detector's score of the face in its place: above 0 for a face, else -1."""
        import cv2

        size = (_DETECTOR_SIDE, _DETECTOR_SIDE)
        small = cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA)
        best = -1.0
        for face in face_scores(np.asarray(small, np.uint8), -1.0):
            centre = np.reshape(face.box, (2, 2)).mean(axis=0) / _DETECTOR_SIDE
            if np.abs(centre - _CENTRE).max() <= _OFF_CENTRE:
                best = max(best, face.score)
        return best

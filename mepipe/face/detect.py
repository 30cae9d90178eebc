"""Faces and landmarks in one image, with dlib.

Detector: histogram of oriented gradients with a sliding window (Dalal and
Triggs, CVPR 2005), as trained by dlib. Landmarks: an ensemble of regression
trees (Kazemi and Sullivan, CVPR 2014), 68 points in the iBUG order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# dlib's detector scans a pyramid down to faces of 80 px.
SMALLEST_FACE = 80


@dataclass(frozen=True)
class Face:
    """A face that was found.

    Parameters
    ----------
    box
        x0, y0, x1, y1 in px of the image; may reach beyond its border.
    score
        The detector's confidence; 0 is its threshold, 1 a clear frontal face.
    """

    box: tuple[float, float, float, float]
    score: float

    @property
    def side(self) -> float:
        """Mean of width and height, px."""
        return (self.box[2] - self.box[0] + self.box[3] - self.box[1]) / 2


@cache
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@cache
def _predictor() -> Any:
    import dlib

    from mepipe.assets import verified_model_path

    return dlib.shape_predictor(str(verified_model_path("shape_predictor_68")))


def detect(image: Image, search_size: int = 480) -> list[Face]:
    """Find the faces in an image.

    A reduced image, ``search_size`` on its long side, is searched first: that
    is several times quicker, and a face that fills a clip is still far above
    the detector's smallest. The full size is searched only if nothing was found.

    Parameters
    ----------
    image
        (H, W, 3) or (H, W) uint8.
    search_size
        Long side of the reduced image, px.

    Returns
    -------
    The faces, highest score first; none is an empty list.
    """
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    scale = search_size / max(grey.shape)
    if scale < 1:
        reduced = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces = _search(np.asarray(reduced, np.uint8), scale)
        if faces:
            return faces
    return _search(np.asarray(grey, np.uint8), 1.0)


def _search(grey: Image, scale: float) -> list[Face]:
    boxes, scores, _ = _detector().run(grey, 0, 0.0)
    faces = [
        Face(
            (
                float(box.left() / scale),
                float(box.top() / scale),
                float((box.right() + 1) / scale),
                float((box.bottom() + 1) / scale),
            ),
            float(score),
        )
        for box, score in zip(boxes, scores, strict=True)
    ]
    return sorted(faces, key=lambda face: (-face.score, face.box))


def choose_face(faces: Sequence[Face], height: int, width: int) -> Face:
    """Choose the larger and more central of several faces.

    The weight of a face is its side times a factor that falls from 1 at the
    centre of the image to 1/2 at its corners. A face whose score is below a
    third of the best one's is taken for a false find and left out.

    Parameters
    ----------
    faces
        At least one.
    height, width
        Of the image, px.
    """
    best = max(face.score for face in faces)

    def weight(face: Face) -> float:
        x = (face.box[0] + face.box[2]) / 2 - width / 2
        y = (face.box[1] + face.box[3]) / 2 - height / 2
        distance = min(1.0, float(np.hypot(x, y) / np.hypot(width / 2, height / 2)))
        return face.side * (1 - distance / 2)

    likely = [face for face in faces if face.score >= best / 3]
    return max(likely, key=lambda face: (weight(face), face.score))


def landmarks(image: Image, face: Face) -> NDArray[np.float64]:
    """Return the 68 landmarks of ``face``, (68, 2) in px of ``image`` (x right, y down).

    Parameters
    ----------
    image
        (H, W, 3) or (H, W) uint8.
    face
        Where the face is, from `detect`.
    """
    import cv2
    import dlib

    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    x0, y0, x1, y1 = (round(value) for value in face.box)
    shape = _predictor()(np.ascontiguousarray(grey), dlib.rectangle(x0, y0, x1 - 1, y1 - 1))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)

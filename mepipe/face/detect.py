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
ANYHOW_SIZE = 800  # px: long side of an image that the slower detectors look at
BORDER = 0.25  # of the long side, around a crop that is tight
NARROWEST = 16  # px: the convolutional detector fails on images below 10, which hold no face
SURE = 0.6  # the convolutional detector's confidence; below, it takes drawings for faces


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
def _convolutional_detector() -> Any:
    import dlib

    from mepipe.assets import verified_model_path

    return dlib.cnn_face_detection_model_v1(str(verified_model_path("mmod_human_face_detector")))


@cache
def _predictor() -> Any:
    import dlib

    from mepipe.assets import verified_model_path

    return dlib.shape_predictor(str(verified_model_path("shape_predictor_68")))


def load_models() -> None:
    """Read the model files of detector and landmarks now, so that the first image does not wait.

    Raises
    ------
    UsageError
        If a model file is missing or not the right one.
    """
    _detector()
    _predictor()


def detect(image: Image, min_face: float = SMALLEST_FACE) -> list[Face]:
    """Find every face of at least ``min_face`` px in an image.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) uint8.
    min_face
        Side of the smallest face, px. The detector's own is 80 px: below it the
        image is enlarged first, which takes time in proportion to its area.

    Returns
    -------
    The faces, highest score first; none is an empty list.
    """
    return _scaled(_grey(image), SMALLEST_FACE / min_face)


def detect_quickly(image: Image, search_size: int = 480) -> list[Face]:
    """Find the faces in an image in which one is likely to be large.

    A reduced image, ``search_size`` on its long side, is searched first: that
    is several times quicker, and a face that fills a clip is still far above
    the detector's smallest. The full size is searched only if nothing was found.
    Image and result are as those of `detect`.
    """
    grey = _grey(image)
    scale = search_size / max(grey.shape)
    return (_scaled(grey, scale) if scale < 1 else []) or _search(grey, 1.0)


def detect_anyhow(image: Image) -> list[Face]:
    """Find a face in an image in which `detect` sees none, by slower means in turn.

    With a border, for a crop that is tight around the face; enlarged, for small
    faces; and by dlib's convolutional detector (King, "Max-margin object
    detection", 2015), for faces that are turned or partly covered. Large images
    are reduced first. Result as that of `detect`.
    """
    grey = _grey(image)
    scale = min(1.0, ANYHOW_SIZE / max(grey.shape))
    return (
        _padded(grey, scale)
        or _scaled(grey, min(2.0, 2 * ANYHOW_SIZE / max(grey.shape)))
        or _convolutional(image, scale)
    )


def _grey(image: Image) -> Image:
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    return np.asarray(grey, np.uint8)


def _resized(image: Image, scale: float) -> Image:
    import cv2

    if scale == 1:
        return image
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    height, width = (round(side * scale) for side in image.shape[:2])
    if min(width, height) < 1:
        # A strip of a few pixels is still one when it is reduced.
        size = (max(width, 1), max(height, 1))
        return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def _scaled(grey: Image, scale: float) -> list[Face]:
    return _search(_resized(grey, scale), scale)


def _padded(grey: Image, scale: float) -> list[Face]:
    import cv2

    reduced = _resized(grey, scale)
    border = round(max(reduced.shape) * BORDER)
    edges = (border, border, border, border)
    wide = cv2.copyMakeBorder(reduced, *edges, cv2.BORDER_REPLICATE)
    return [_moved(face, -border / scale) for face in _search(np.asarray(wide, np.uint8), scale)]


def _convolutional(image: Image, scale: float) -> list[Face]:
    import cv2

    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    rgb = np.ascontiguousarray(_resized(np.asarray(colour, np.uint8), scale)[..., ::-1])
    if min(rgb.shape[:2]) < NARROWEST:
        return []
    found = [(one.rect, float(one.confidence)) for one in _convolutional_detector()(rgb)]
    return _faces([(box, score) for box, score in found if score >= SURE], scale)


def _moved(face: Face, by: float) -> Face:
    x0, y0, x1, y1 = (value + by for value in face.box)
    return Face((x0, y0, x1, y1), face.score)


def _search(grey: Image, scale: float) -> list[Face]:
    boxes, scores, _ = _detector().run(grey, 0, 0.0)
    return _faces(list(zip(boxes, scores, strict=True)), scale)


def _faces(found: Sequence[tuple[Any, float]], scale: float) -> list[Face]:
    """Return dlib's boxes in an image enlarged by ``scale`` as faces of the image itself."""
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
        for box, score in found
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
    import dlib

    x0, y0, x1, y1 = (round(value) for value in face.box)
    shape = _predictor()(np.ascontiguousarray(_grey(image)), dlib.rectangle(x0, y0, x1 - 1, y1 - 1))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)

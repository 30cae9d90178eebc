"""Faces and landmarks in one image, with dlib.

The detector is a histogram of oriented gradients under a sliding window (Dalal
and Triggs, CVPR 2005), trained by dlib. The landmarks come from an ensemble of
regression trees (Kazemi and Sullivan, CVPR 2014): 68 points in the iBUG order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# dlib's window is 80 px wide and its pyramid only reduces: smaller faces are never seen.
MIN_FACE = 80
FALLBACK_SIZE = 800  # px: long side to which images are reduced for the slower detectors
PAD_SHARE = 0.25  # of the long side: the border that is added around a tight crop
MIN_CNN_SIDE = 16  # px: the convolutional detector fails on images below 10, which hold no face
MIN_CNN_SCORE = 0.6  # of the convolutional detector: below it, drawings pass for faces


@dataclass(frozen=True)
class Face:
    """A detected face.

    Parameters
    ----------
    box
        x0, y0, x1, y1 in px of the image. It may reach beyond the border.
    score
        The detector's confidence. 0 is its threshold, 1 a clear frontal face.

    Examples
    --------
    >>> from mepipe.face import Face
    >>> Face(box=(10.0, 20.0, 110.0, 140.0), score=1.2).side
    110.0
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
    """Load the models of detector and landmarks now, so that the first image is not slower.

    Raises
    ------
    UsageError
        If a model file is missing or has another sha256 than expected.

    Examples
    --------
    >>> from mepipe.face import load_models
    >>> load_models()
    """
    _detector()
    _predictor()


def detect(image: Image, min_face: float = MIN_FACE) -> list[Face]:
    """Find every frontal face of at least ``min_face`` px in an image.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    min_face
        Side of the smallest face, px. dlib's own is 80. Below 80 the image is
        enlarged first, and the time grows with its area; above 80 it is reduced.

    Returns
    -------
    The faces, highest score first. Empty if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import detect
    >>> detect(np.zeros((120, 120), np.uint8))
    []
    """
    return _scaled(grey_of(image), MIN_FACE / min_face)


def detect_fast(image: Image, search_size: int = 480) -> list[Face]:
    """Find the faces in an image whose face is probably large, several times faster.

    The image is reduced to ``search_size`` first. It is searched at full size
    only if that finds nothing.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    search_size
        Long side of the reduced image, px.

    Returns
    -------
    As `detect`, in px of ``image``.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import detect_fast
    >>> detect_fast(np.zeros((240, 320, 3), np.uint8), search_size=160)
    []
    """
    grey = grey_of(image)
    # The time grows with the area. A face that fills a clip stays far above the 80 px of the
    # detector's window when it is reduced.
    scale = search_size / max(grey.shape)
    return (_scaled(grey, scale) if scale < 1 else []) or _search(grey, 1.0)


def detect_fallback(image: Image) -> list[Face]:
    """Find faces in an image in which `detect` finds none, by three slower ways in turn.

    1. With a border, for crops that are tight around the face.
    2. Enlarged, for small faces.
    3. With dlib's convolutional detector (King, "Max-margin object detection",
       arXiv 1502.00046, 2015), for faces that are turned or partly covered.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8. Large images are reduced first.

    Returns
    -------
    As `detect`, of the first way that finds a face.

    Raises
    ------
    UsageError
        If the convolutional detector is needed and its model file is missing.

    Examples
    --------
    The slowest way is left out for images too small for it:

    >>> import numpy as np
    >>> from mepipe.face import detect_fallback
    >>> detect_fallback(np.full((12, 12), 90, np.uint8))
    []
    """
    return detect_bordered(image) or detect_enlarged(image) or detect_network(image)


def detect_bordered(image: Image) -> list[Face]:
    """Find faces in an image with a border around it: the first way of `detect_fallback`."""
    import cv2

    grey, scale = reduced_grey(image, FALLBACK_SIZE, 1.0)
    border = round(max(grey.shape) * PAD_SHARE)
    edges = (border, border, border, border)
    # The window of the detector holds some background around the face; a tight crop has none.
    wide = cv2.copyMakeBorder(grey, *edges, cv2.BORDER_REPLICATE)
    return [_shifted(face, -border / scale) for face in _search(np.asarray(wide, np.uint8), scale)]


def detect_enlarged(image: Image) -> list[Face]:
    """Find faces in an image enlarged, at most twice: the second way of `detect_fallback`."""
    return _search(*reduced_grey(image, 2 * FALLBACK_SIZE, 2.0))


def detect_network(image: Image) -> list[Face]:
    """Find faces with the convolutional detector: the third way of `detect_fallback`."""
    import cv2

    scale = min(1.0, FALLBACK_SIZE / max(image.shape[:2]))
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    rgb = np.ascontiguousarray(_resized(np.asarray(colour, np.uint8), scale)[..., ::-1])
    if min(rgb.shape[:2]) < MIN_CNN_SIDE:
        return []
    found = [(one.rect, float(one.confidence)) for one in _convolutional_detector()(rgb)]
    return _faces([(box, score) for box, score in found if score >= MIN_CNN_SCORE], scale)


def grey_of(image: Image) -> Image:
    """Return an image, (H, W, 3) BGR or (H, W) grey, uint8, in grey."""
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
        # OpenCV refuses a side of 0, which a strip of a few pixels would get.
        size = (max(width, 1), max(height, 1))
        return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def _scaled(grey: Image, scale: float) -> list[Face]:
    return _search(_resized(grey, scale), scale)


def _shifted(face: Face, by: float) -> Face:
    x0, y0, x1, y1 = (value + by for value in face.box)
    return Face((x0, y0, x1, y1), face.score)


def face_scores(grey: Image, least: float) -> list[Face]:
    """Return what the detector sees in a grey picture with a score of at least ``least``."""
    return _search(grey, 1.0, least)


def reduced_grey(image: Image, size: int, enlarge: float) -> tuple[Image, float]:
    """Return the grey picture with a long side of ``size`` px, and its scale.

    The scale is at most ``enlarge``.
    """
    grey = grey_of(image)
    scale = min(enlarge, size / max(grey.shape))
    return _resized(grey, scale), scale


def _search(grey: Image, scale: float, least: float = 0.0) -> list[Face]:
    boxes, scores, _ = _detector().run(grey, 0, least)
    return _faces(list(zip(boxes, scores, strict=True)), scale)


def _faces(found: Sequence[tuple[Any, float]], scale: float) -> list[Face]:
    """Return dlib's boxes, found in an image scaled by ``scale``, as faces of the image itself."""
    faces = [
        Face(
            (
                float(box.left() / scale),
                float(box.top() / scale),
                float((box.right() + 1) / scale),  # dlib's right and bottom are inclusive
                float((box.bottom() + 1) / scale),
            ),
            float(score),
        )
        for box, score in found
    ]
    return sorted(faces, key=lambda face: (-face.score, face.box))


def choose_face(faces: Sequence[Face], height: int, width: int) -> Face:
    """Choose one face: the larger and more central one.

    The weight of a face is its side times a factor that falls from 1 at the
    centre of the image to 1/2 at its corners. A face whose score is below a
    third of the best one's is taken for a false positive and left out.

    Parameters
    ----------
    faces
        At least one.
    height, width
        Of the image, px.

    Raises
    ------
    ValueError
        If there is no face.

    Examples
    --------
    >>> from mepipe.face import Face, choose_face
    >>> small = Face((300.0, 200.0, 360.0, 260.0), score=1.0)
    >>> large = Face((200.0, 100.0, 420.0, 320.0), score=0.9)
    >>> choose_face([small, large], height=480, width=640) == large
    True
    """
    if not faces:
        raise ValueError("there is no face to choose")
    return ranked(faces, height, width)[0]


def ranked(faces: Sequence[Face], height: int, width: int) -> list[Face]:
    """Return the faces that `choose_face` considers, the one that it takes first."""
    best = max((face.score for face in faces), default=0.0)

    def weight(face: Face) -> float:
        x = (face.box[0] + face.box[2]) / 2 - width / 2
        y = (face.box[1] + face.box[3]) / 2 - height / 2
        distance = min(1.0, float(np.hypot(x, y) / np.hypot(width / 2, height / 2)))
        return face.side * (1 - distance / 2)

    likely = [face for face in faces if face.score >= best / 3]
    return sorted(likely, key=lambda face: (weight(face), face.score), reverse=True)


def landmarks(image: Image, face: Face) -> NDArray[np.float64]:
    """Return the 68 landmarks of a face (Kazemi and Sullivan, CVPR 2014).

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8.
    face
        The face, from `detect`. Landmarks are found in any box, a face or not.

    Returns
    -------
    (68, 2) float64, px of ``image``, x right and y down, in the iBUG order: jaw
    0 to 16, brows 17 to 26, nose 27 to 35, eyes 36 to 47, mouth 48 to 67. "Right"
    is the person's right. dlib gives whole px.

    Raises
    ------
    UsageError
        If the model file is missing or has another sha256 than expected.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face import Face, landmarks
    >>> image = np.zeros((200, 200), np.uint8)
    >>> points = landmarks(image, Face((50.0, 50.0, 150.0, 150.0), score=1.0))
    >>> points.shape, points.dtype
    ((68, 2), dtype('float64'))
    """
    import dlib

    x0, y0, x1, y1 = (round(value) for value in face.box)
    shape = _predictor()(
        np.ascontiguousarray(grey_of(image)), dlib.rectangle(x0, y0, x1 - 1, y1 - 1)
    )
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)

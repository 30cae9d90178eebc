"""Whether a face that is known from one frame is still seen in another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError
from mepipe.face.align import Float, compose, invert, warp_face
from mepipe.face.detect import face_scores, landmarks
from mepipe.face.levelled import Levelled, face_transform
from mepipe.face.plausible_face import LIKENESS, OUTSIDE, PROFILE, Examined, examine

Image = NDArray[np.uint8]

_SIDE = 120  # px of the face in the picture that is searched: the detector's window is 80
_AROUND = 0.75  # sides of the face that are searched on each side of where it was
_BLUR = 1 / 40  # of the crop's side: it sees a face, not its expression
# Two photographs of one person correlate by .77 and more, of two people by .5 in one pair of ten.
_SAME = 0.4
_GROWTH = 1.6  # a face does not come nearer, or go away, by more


def blurred(crop: Image) -> NDArray[np.float32]:
    """Return an aligned face without its mean, at length 1 and blurred, (S, S).

    The product of two is their correlation, which brightness and contrast do not change.

    Parameters
    ----------
    crop
        (S, S) uint8.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.same_face import blurred
    >>> crop = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
    >>> one, brighter = blurred(crop), blurred(2 * crop + 20)
    >>> bool(np.isclose(np.vdot(one, brighter), 1, atol=1e-3))
    True
    """
    import cv2

    smooth = np.asarray(cv2.GaussianBlur(crop, (0, 0), crop.shape[1] * _BLUR), np.float32)
    smooth -= smooth.mean()
    length = np.linalg.norm(smooth)
    return smooth / length if length > 0 else smooth


def same_face(image: Image, face: Image, transform: Float) -> bool:
    """Return True if the face of another frame is seen in this one, from the front.

    It is followed from its place, and searched around it. It may turn, grimace, tilt and
    move by three quarters of its width. Aligned again, it must resemble what it was: their
    correlation, both blurred by 1/40 of their side, is 0.4 or more.

    Parameters
    ----------
    image
        (H, W, 3) BGR or (H, W) grey, uint8: the frame that is asked about.
    face
        (S, S) uint8, grey: the aligned face of the frame in which it is known.
    transform
        (2, 3), from px of that frame to the aligned face.

    Examples
    --------
    >>> import numpy as np
    >>> from mepipe.face.same_face import same_face
    >>> wall = np.full((120, 120), 90, np.uint8)
    >>> same_face(wall, wall, np.array([[0.01, 0.0, -0.1], [0.0, 0.01, -0.1]]))
    False
    """
    return any(
        _is_face(found) and _resembles(image, found, face, transform)
        for found in (_followed(image, transform), _searched(image, transform))
        if found is not None
    )


def _followed(image: Image, transform: Float) -> Examined | None:
    return _examined(image, Levelled.cut(image, transform).landmarks())


def _searched(image: Image, transform: Float) -> Examined | None:
    """Return the face with the highest score around the place, upright as it was."""
    wide = transform.copy()
    wide[:, 2] += _AROUND
    wide /= 1 + 2 * _AROUND
    side = round(_SIDE * (1 + 2 * _AROUND))
    picture = warp_face(image, wide, side)
    faces = face_scores(picture, 0.0)
    if not faces:
        return None
    face = max(faces, key=lambda one: one.score)
    points = (landmarks(picture, face) + 0.5) / side
    back = invert(wide)
    return _examined(image, points @ back[:, :2].T + back[:, 2], face.score)


def _examined(image: Image, points: Float, seen: float = -1.0) -> Examined | None:
    try:
        return examine(image, points, seen)
    except BadDataError:
        return None  # all landmarks in one place: no face


def _is_face(found: Examined) -> bool:
    # Landmarks of a grimace may move; that it is a face is enough.
    return (
        found.likeness >= LIKENESS[0]
        and found.frontal >= PROFILE
        and found.outside <= OUTSIDE
        and not found.light.problem
    )


def _resembles(image: Image, found: Examined, face: Image, transform: Float) -> bool:
    again = face_transform(found.points)
    # From the face as it was aligned to the face aligned again.
    growth = float(np.sqrt(abs(np.linalg.det(compose(again, invert(transform))[:, :2]))))
    if not 1 / _GROWTH <= growth <= _GROWTH:
        return False
    now = warp_face(image, again, face.shape[0])
    return float(np.vdot(blurred(face), blurred(now))) >= _SAME

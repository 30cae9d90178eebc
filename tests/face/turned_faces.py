"""A face turned, darkened, made small and blurred, and what became of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from mepipe.assets import template
from mepipe.face import Face, face_transform, find_face, find_face_slowly
from mepipe.face.align import compose, invert

# Eyes, nose and mouth of the aligned face.
PLACES = np.array([[0.3, 0.38], [0.7, 0.38], [0.5, 0.6], [0.5, 0.8]])
OFF = 0.06  # inter-ocular distances: twice what another box in the same frame changes
ELSEWHERE = 1.0
TURNED_OFF = 4.0  # degrees


def turned(image, degrees):
    """Turn a picture clockwise on a sheet that holds it; give it and the way (2, 3) of a point."""
    height, width = image.shape[:2]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    wide = int(np.ceil(abs(width * cos) + abs(height * sin) - 1e-6))
    high = int(np.ceil(abs(width * sin) + abs(height * cos) - 1e-6))
    way = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    way[:, 2] = (np.array([wide, high]) - 1) / 2
    way[:, 2] -= way[:, :2] @ (np.array([width, height]) - 1) / 2
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(image, -degrees // 90)), way
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return cv2.warpAffine(image, way, (wide, high), **how), way


def resized(image, scale):
    """Make a picture smaller or larger; give it and the way (2, 3) of a point."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    x, y = small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]
    return small, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def found_in(image):
    """The face of a frame, as the face stage looks for it in the first."""
    found = find_face(image)
    if found is not None and (not found.problem or found.settled):
        return found
    return find_face_slowly(image) or found


@dataclass(frozen=True)
class Difference:
    """Between two transforms of one face: inter-ocular distances, degrees."""

    places: float
    degrees: float

    @property
    def wrong(self):
        return self.places > OFF or abs(self.degrees) > TURNED_OFF


def difference(transform, truth):
    there, here = (PLACES @ invert(m)[:, :2].T + invert(m)[:, 2] for m in (transform, truth))
    eyes = template().inter_ocular / np.hypot(*truth[:, 0])
    angles = [np.degrees(np.arctan2(m[1, 0], m[0, 0])) for m in (transform, truth)]
    return Difference(
        float(np.hypot(*(there - here).T).max() / eyes),
        float((angles[0] - angles[1] + 180) % 360 - 180),
    )


def judged(image, way, truth):
    """What became of a face whose transform before ``way`` is known.

    'used', 'refused: REASON', 'another' (person in the same photograph) or 'WRONG'.
    """
    found = found_in(image)
    if found is None:
        return "refused: no face"
    if found.problem:
        words = {
            "dark": "light", "exposed": "light", "contrast": "light", "away": "profile",
            "reliable": "landmarks", "outside": "outside", "look like": "no face",
            "too small": "size",
        }  # fmt: skip
        return "refused: " + next(name for word, name in words.items() if word in found.problem)
    off = difference(face_transform(found.points), compose(truth, invert(way)))
    if off.places > ELSEWHERE:
        return "another"
    return "WRONG" if off.wrong else "used"


def cut_out(image, face: Face, side=None):
    """The square of three sides of a face around it, the face ``side`` px wide."""
    scale = 1.0 if side is None else side / face.side
    x, y = np.reshape(face.box, (2, 2)).mean(axis=0)
    half = 1.5 * face.side
    x0, y0 = round(max(x - half, 0)), round(max(y - half, 0))
    part = image[y0 : round(y + half), x0 : round(x + half)]
    return resized(np.ascontiguousarray(part), scale)[0]

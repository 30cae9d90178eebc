"""Synthetic subjects: many faces from one photograph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mepipe.sample.movement import MIRROR
from mepipe.sample.photos import Photo

WIDTH, HEIGHT = 640, 480
EYE_DISTANCE = 110.0
IDENTITY = 3  # draws of a subject differ from those of its clips (numbered in render)
OVERSAMPLING = 2  # the face is kept at twice the frames' size, to be sampled between pixels


@dataclass(frozen=True)
class Subject:
    """A made person before a still background.

    Parameters
    ----------
    face
        (960, 1280, 3), float32, B G R, 0 to 255: the scene at twice the size of
        the frames, at the height of an expression.
    landmarks
        (68, 2) in px of the frames.
    head
        (480, 640), float32, 0 to 1: 1 on the face, falling to 0 on the
        background: how far a pixel follows the head.
    depth
        (480, 640), float32, px: how near to the camera the skin is.
    """

    face: NDArray[np.float32]
    landmarks: NDArray[np.float64]
    head: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def eye_distance(self) -> float:
        """The distance of the eye centres, in px of the frames."""
        right, left = self.landmarks[36:42].mean(axis=0), self.landmarks[42:48].mean(axis=0)
        return float(np.linalg.norm(left - right))


def _placement(
    landmarks: NDArray[np.float64], eye_distance: float, middle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the similarity (2, 3) that sets the eyes level, centred and so far apart."""
    right, left = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    axis = left - right
    c, s = eye_distance * axis / (axis @ axis)
    turn = np.array([[c, s], [-s, c]])
    return np.hstack([turn, (middle - turn @ ((left + right) / 2))[:, None]])


def shape_change(
    x: NDArray[np.float64], y: NDArray[np.float64], size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return by how much (x, y) of the photograph is read off, all in inter-ocular distances.

    The origin is between the eyes. ``size`` (8,) are the amounts of eight
    changes: width of jaw, eyes, nose and mouth, length of lower face and nose,
    height of the brows, tilt of the mouth line.
    """

    def window(cx: float, cy: float, wx: float, wy: float) -> NDArray[np.float64]:
        return np.exp(-(((x - cx) / wx) ** 2) - ((y - cy) / wy) ** 2)

    face = np.exp(-(((x / 1.5) ** 2 + ((y - 0.7) / 2.0) ** 2) ** 2))
    dx = size[0] * x * face / (1 + np.exp(-(y - 0.9) / 0.25))
    dx = dx + size[1] * np.tanh(x / 0.3) * window(0, 0, 0.9, 0.35)
    dx = dx + size[2] * x * 2 * window(0, 0.75, 0.35, 0.35)
    dx = dx + size[3] * x * 2 * window(0, 1.25, 0.5, 0.3)
    dy = size[4] * (y - 0.6) * face / (1 + np.exp(-(y - 0.9) / 0.25))
    dy = dy + size[5] * window(0, 0.7, 0.9, 0.35)
    dy = dy + size[6] * window(0, -0.25, 1.0, 0.22)
    dy = dy + size[7] * x * window(0, 1.25, 0.6, 0.3)
    return dx, dy


def _photograph(
    photo: Photo, mirror: bool, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the photograph on the large canvas with changed proportions, and its landmarks."""
    import cv2

    image, landmarks = photo.image, photo.landmarks
    if mirror:
        image = np.ascontiguousarray(image[:, ::-1])
        landmarks = landmarks[MIRROR] * [-1, 1] + [image.shape[1] - 1, 0]
    eye_distance = EYE_DISTANCE * rng.uniform(0.95, 1.05)
    middle = np.array([WIDTH / 2, 0.42 * HEIGHT]) + rng.uniform(-12, 12, 2)
    place = _placement(landmarks, eye_distance, middle)
    # A large photograph is reduced first, because sampling it directly would alias.
    shrink = min(1.0, 1.5 * OVERSAMPLING * float(np.hypot(*place[0, :2])))
    if shrink < 1:
        smaller = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        image = np.asarray(smaller, np.uint8)
    ys, xs = np.mgrid[: HEIGHT * OVERSAMPLING, : WIDTH * OVERSAMPLING] / OVERSAMPLING
    size = rng.uniform(-1, 1, 8) * [0.10, 0.05, 0.06, 0.06, 0.10, 0.06, 0.05, 0.03]

    def read_from(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Canvas px to canvas px of the unchanged face."""
        dx, dy = shape_change((x - middle[0]) / eye_distance, (y - middle[1]) / eye_distance, size)
        return np.stack([x + dx * eye_distance, y + dy * eye_distance], axis=-1)

    source = read_from(xs, ys)
    back = np.linalg.inv(place[:, :2])
    source = (source - place[:, 2]) @ back.T * shrink
    canvas = cv2.remap(
        image.astype(np.float32),
        source[..., 0].astype(np.float32),
        source[..., 1].astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    wanted = landmarks @ place[:, :2].T + place[:, 2]
    points = wanted.copy()
    for _ in range(20):  # the change is a contraction: fixed-point inversion
        points += wanted - read_from(points[:, 0], points[:, 1])
    return np.asarray(np.clip(canvas, 0, 255), np.float32), points


def _head(landmarks: NDArray[np.float64], eye_distance: float) -> NDArray[np.float32]:
    """Return the share (480, 640) with which each pixel follows the head."""
    eyes = landmarks[36:48].mean(axis=0)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    x, y = (xs - eyes[0]) / eye_distance, (ys - eyes[1]) / eye_distance
    radius = np.sqrt((x / 1.35) ** 2 + ((y - 0.55) / 1.85) ** 2)
    fade = np.clip((1.35 - radius) / 0.35, 0, 1)
    return np.asarray(fade * fade * (3 - 2 * fade), np.float32)


def _skin(
    canvas: NDArray[np.float32], head: NDArray[np.float32], landmarks: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return how much each pixel of the large canvas is skin: on the head, coloured like cheeks."""
    import cv2

    colour = cv2.cvtColor(cv2.GaussianBlur(canvas / 255, (0, 0), 3.0), cv2.COLOR_BGR2Lab)[..., 1:]
    cheeks = np.zeros(canvas.shape[:2], np.uint8)
    for corner in (landmarks[[1, 41, 31, 48, 4]], landmarks[[15, 46, 35, 54, 12]]):
        cv2.fillConvexPoly(cheeks, np.rint(corner * OVERSAMPLING).astype(np.int32), 1)
    away = np.linalg.norm(colour - np.median(colour[cheeks > 0], axis=0), axis=-1)
    return np.asarray(head * np.exp(-((away / 14.0) ** 2)), np.float32)


def _depth(landmarks: NDArray[np.float64], eye_distance: float) -> NDArray[np.float32]:
    """Return a rough relief (480, 640) of the face in px: an ellipsoid and a nose."""
    eyes, nose = landmarks[36:48].mean(axis=0), landmarks[30]
    ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    x, y = (xs - eyes[0]) / eye_distance, (ys - eyes[1] - 0.5 * eye_distance) / eye_distance
    dome = np.sqrt(np.clip(1 - (x / 1.6) ** 2 - (y / 2.2) ** 2, 0, None)) - 0.7
    nx, ny = (xs - nose[0]) / eye_distance, (ys - nose[1]) / eye_distance
    ridge = 0.25 * np.exp(-((nx / 0.2) ** 2) - (np.where(ny < 0, ny / 0.45, ny / 0.15)) ** 2)
    return np.asarray((dome + ridge) * eye_distance, np.float32)


def make_subject(photo: Photo, index: int, seed: int) -> Subject:
    """Make the subject ``index`` of a sample: shape, skin, tone and light of its own.

    The same photograph, index and seed give the same subject.
    """
    import cv2

    rng = np.random.default_rng([seed, index, 0, IDENTITY])
    canvas, landmarks = _photograph(photo, bool((index + seed) % 2), rng)
    spread = float(np.linalg.norm(landmarks[36:42].mean(axis=0) - landmarks[42:48].mean(axis=0)))
    head = _head(landmarks, spread)
    large = np.asarray(cv2.resize(head, canvas.shape[1::-1]), np.float32)
    skin = _skin(canvas, large, landmarks)[..., None]

    # Pores and blemishes, because an enlarged photograph has no fine texture.
    texture = np.zeros(canvas.shape[:2], np.float32)
    for sigma, strength in ((1.6, 0.020), (3.5, 0.018), (9.0, 0.012)):
        layer = cv2.GaussianBlur(
            rng.standard_normal(canvas.shape[:2], dtype=np.float32), (0, 0), sigma
        )
        texture += np.float32(strength) * layer / layer.std()
    canvas *= 1 + skin * texture[..., None]

    gamma = np.exp(rng.uniform(-0.25, 0.35))
    tone = np.exp(rng.uniform(-0.06, 0.06, 3) + rng.uniform(-0.3, 0.05))
    toned = 255 * (canvas / 255) ** np.float32(gamma) * tone.astype(np.float32)
    canvas += skin * (toned - canvas)

    ys, xs = np.mgrid[-1 : 1 : canvas.shape[0] * 1j, -1 : 1 : canvas.shape[1] * 1j]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.25)
    light = rng.uniform(0.85, 1.1) * (1 + slope * (np.cos(angle) * xs + np.sin(angle) * ys))
    canvas *= light.astype(np.float32)[..., None]
    # The lens; without fine detail, sampling between pixels is exact too.
    face = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.0), np.float32)
    return Subject(np.clip(face, 0, 255), landmarks, head, _depth(landmarks, spread))

"""Real faces with exactly known motion, for measuring flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.face import fit_similarity, warp_face
from mepipe.sample import exact_pair
from mepipe.sample.photos import Photo, load_photos

Grey = NDArray[np.uint8]

NOISE = 1.2  # grey levels, typical of a camera at 200 frames per second
LENS = 0.8  # px: without fine detail, interpolation between pixels is exact
REACH = (0.045, 0.065)  # sigma of a bump of motion, in sides of the face: a brow, a mouth's corner


@dataclass(frozen=True)
class Pair:
    """Two frames and the exact flow (2, H, W) from the first to the second."""

    reference: Grey
    moving: Grey
    truth: NDArray[np.float32]


def aligned_faces(folder: Path | None, size: int) -> list[NDArray[np.float64]]:
    """Return the aligned faces (size, size) of the photographs that have a face.

    Raises as `mepipe.sample.photos.load_photos`.
    """
    return [_aligned(photo, size) for photo in load_photos(folder)]


def _aligned(photo: Photo, size: int) -> NDArray[np.float64]:
    import cv2

    rigid = list(template().rigid)
    transform = fit_similarity(photo.landmarks[rigid], template().points[rigid])
    face = warp_face(photo.image, transform, size)
    return np.asarray(cv2.GaussianBlur(face.astype(np.float64), (0, 0), LENS), np.float64)


def pairs(faces: Sequence[NDArray[np.float64]], peak: float, seed: int) -> Iterator[Pair]:
    """Yield two pairs of each face: a bump of motion, ``peak`` px at its top, and noise."""
    rng = np.random.default_rng(seed)
    for face in faces:
        size = face.shape[0]
        y, x = np.mgrid[:size, :size]
        for _ in range(2):
            cx, cy = rng.uniform(0.25, 0.75, 2) * size
            sigma, angle = rng.uniform(*REACH) * size, rng.uniform(0, 2 * np.pi)
            bump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
            d = peak * bump[..., None] * np.array([np.cos(angle), np.sin(angle)])
            reference, moving, flow = exact_pair(face, d)
            yield Pair(_seen(reference, rng), _seen(moving, rng), np.moveaxis(flow, 2, 0))


def still_pairs(faces: Sequence[NDArray[np.float64]], seed: int) -> Iterator[Pair]:
    """Yield a pair of each face without motion: noise alone."""
    rng = np.random.default_rng(seed)
    for face in faces:
        yield Pair(_seen(face, rng), _seen(face, rng), np.zeros((2, *face.shape), np.float32))


def _seen(face: NDArray[Any], rng: np.random.Generator) -> Grey:
    noisy = face + rng.normal(0, NOISE, face.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

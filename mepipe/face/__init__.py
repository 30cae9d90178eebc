"""Faces: detection, landmarks, alignment to the template."""

from __future__ import annotations

from mepipe.face.align import fit_similarity, smooth_transforms, warp_face
from mepipe.face.detect import (
    Face,
    choose_face,
    detect,
    detect_fallback,
    detect_fast,
    landmarks,
    load_models,
)

__all__ = [
    "Face",
    "choose_face",
    "detect",
    "detect_fallback",
    "detect_fast",
    "fit_similarity",
    "landmarks",
    "load_models",
    "smooth_transforms",
    "warp_face",
]

"""Faces: detection, landmarks, alignment to the template."""

from __future__ import annotations

from mepipe.face.align import fit_similarity, steady, warp_face
from mepipe.face.detect import (
    Face,
    choose_face,
    detect,
    detect_anyhow,
    detect_quickly,
    landmarks,
    load_models,
)

__all__ = [
    "Face",
    "choose_face",
    "detect",
    "detect_anyhow",
    "detect_quickly",
    "fit_similarity",
    "landmarks",
    "load_models",
    "steady",
    "warp_face",
]

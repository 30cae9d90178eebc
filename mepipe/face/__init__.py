"""Faces: detection, landmarks, alignment to the template.

`detect` or `detect_fast` finds the faces of an image, `choose_face` takes one,
`landmarks` gives its 68 points, `fit_similarity` the transform to the template
(`mepipe.assets.template`), and `warp_face` the aligned face. dlib and OpenCV are
imported where they are used.
"""

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

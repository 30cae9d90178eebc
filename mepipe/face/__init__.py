"""Faces: detection, landmarks, alignment to the template.

`find_face` finds the face of an image and examines it. Its steps: `detect` or
`detect_fast` finds the faces, `choose_face` takes one, `landmarks` gives its 68 points,
`settle` says whether they are those of a face, `fit_similarity` the transform to the template
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
from mepipe.face.find import FoundFace, find_face, find_face_slowly, find_in_box
from mepipe.face.levelled import Levelled, box_transform, face_transform, roll
from mepipe.face.plausible_face import Examined, Light, examine, frontality, settle
from mepipe.face.same_face import same_face
from mepipe.face.turned import detect_turned, settle_turned

__all__ = [
    "Examined",
    "Face",
    "FoundFace",
    "Levelled",
    "Light",
    "box_transform",
    "choose_face",
    "detect",
    "detect_fallback",
    "detect_fast",
    "detect_turned",
    "examine",
    "face_transform",
    "find_face",
    "find_face_slowly",
    "find_in_box",
    "fit_similarity",
    "frontality",
    "landmarks",
    "load_models",
    "roll",
    "same_face",
    "settle",
    "settle_turned",
    "smooth_transforms",
    "warp_face",
]

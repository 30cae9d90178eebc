"""The photographs for synthetic subjects, each with a face that dlib detects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.extras import require

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
SEARCH_SIZE = 800  # long side in px at which a face is looked for


@dataclass(frozen=True)
class Photo:
    """A photograph with its main face.

    ``image`` is (H, W, 3), uint8, in OpenCV's order B, G, R; ``landmarks``
    (68, 2) in its px.
    """

    name: str
    image: NDArray[np.uint8]
    landmarks: NDArray[np.float64]


def main_face(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return the 68 landmarks (68, 2) of an image's main face, or None if it has none.

    In scikit-image's astronaut the HOG detector also sees a face of the same size
    in the space suit, with a tenth of the score: `choose_face` leaves it out.
    """
    from mepipe.face.detect import choose_face, detect_fast, landmarks

    faces = detect_fast(image, SEARCH_SIZE)
    if not faces:
        return None
    return landmarks(image, choose_face(faces, *image.shape[:2]))


def _photo(name: str, image: NDArray[np.uint8]) -> Photo | None:
    landmarks = main_face(image)
    if landmarks is None:
        return None
    return Photo(name, image, landmarks)


def astronaut() -> Photo:
    """Return scikit-image's photograph of Eileen Collins (NASA, public domain).

    Raises
    ------
    UsageError
        If scikit-image is not installed.
    """
    require(
        "sample",
        "the photograph that the sample is made from",
        otherwise="Or give photographs of faces: --photos DIR",
    )
    from skimage.data import astronaut as read

    picture: NDArray[np.uint8] = read()  # type: ignore[no-untyped-call]
    photo = _photo("astronaut", np.ascontiguousarray(picture[..., ::-1]))
    if photo is None:
        raise UsageError(
            "no face was found in scikit-image's astronaut photograph",
            "Run: pip install --force-reinstall scikit-image",
        )
    return photo


def photo_paths(source: Path) -> list[Path]:
    """Return the photographs in a folder, sorted by name. A single photograph is returned itself.

    Raises
    ------
    UsageError
        If it does not exist.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UsageError(f"the folder of photographs {source} does not exist", "Check --photos.")
    return sorted(
        p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
    )


def source_digests(source: Path | None) -> list[str]:
    """Return everything that `load_photos` depends on, without opening a picture."""
    if source is None:
        return ["astronaut"]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in photo_paths(source)]


def load_photos(source: Path | None) -> list[Photo]:
    """Return every photograph with a face in a folder, or the astronaut if it is None.

    A single photograph may stand for the folder.

    Raises
    ------
    UsageError
        If the source does not exist, or no image in it has a face.
    """
    if source is None:
        return [astronaut()]
    import cv2

    paths = photo_paths(source)
    photos: list[Photo] = []
    for path in paths:
        # imdecode raises for an empty buffer. For a single byte it returns None, as for any file
        # that is not an image.
        image = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR)
        photo = None if image is None else _photo(path.name, np.asarray(image, np.uint8))
        if photo is not None:
            photos.append(photo)
    if not photos:
        raise UsageError(
            f"dlib finds no face in any of the {len(paths)} images in {source}",
            "Give photographs of frontal faces (jpg, png, bmp, tif, webp).",
        )
    return photos

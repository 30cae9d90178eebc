"""Any number of tiny annotated clips of a face, each with bytes of its own, made in no time."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAMES = 8
_EMOTIONS = ("happiness", "surprise", "disgust")
_APEX = 5  # number of the frame with the largest movement
_PEAK_PX = 1.5
# Where scikit-image's astronaut has her face, and its mouth in this crop.
_CROP = (slice(20, 240), slice(110, 330))
_MOUTH = (116.0, 136.0)  # x, y
_SPREAD_PX = 14.0


def make_tiny_clips(folder: Path, clips: int) -> None:
    """Write ``clips`` annotated clips of `FRAMES` frames of 220 x 220 px, with labels.csv.

    All show one face, and a movement of its mouth that is a little different in each. Bytes behind
    the end of each picture make the other files differ, too, so that the cache knows nothing of one
    clip from another.
    """
    from mepipe.sample.photos import astronaut

    face = astronaut().image[_CROP]
    pictures = [
        _picture(face, _PEAK_PX * (1 - abs(n - _APEX) / _APEX)) for n in range(1, FRAMES + 1)
    ]
    rows = ["subject,clip,emotion,onset,apex,offset,fps"]
    for number in range(clips):
        subject, clip = f"s{number % 100:03d}", f"c{number // 100:04d}"
        place = folder / subject / clip
        place.mkdir(parents=True)
        pictures[_APEX - 1] = _picture(face, _PEAK_PX + 0.3 * number / clips)
        for frame, picture in enumerate(pictures, 1):
            path = place / f"{frame:03d}.jpg"
            path.write_bytes(picture + f"{number} {frame}".encode())
            # Old time stamps: the index does not store the digests of files that are too young.
            os.utime(path, (1_700_000_000, 1_700_000_000))
        rows.append(f"{subject},{clip},{_EMOTIONS[number % 3]},1,{_APEX},{FRAMES},200")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _picture(face: NDArray[np.uint8], peak: float) -> bytes:
    """Return a JPEG of the face with its mouth moved by ``peak`` px."""
    import cv2

    ys, xs = np.mgrid[: face.shape[0], : face.shape[1]].astype(np.float32)
    reach = np.exp(-((xs - _MOUTH[0]) ** 2 + (ys - _MOUTH[1]) ** 2) / (2 * _SPREAD_PX**2))
    moved = cv2.remap(face, xs, ys + np.float32(peak) * reach, cv2.INTER_CUBIC)
    whole, coded = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert whole
    return coded.tobytes()

"""The baseline of the benchmark: a script as a user writes it, in one process, without a cache.

It detects the face in the onset and the apex frame (dlib HOG, one upsampling), finds 68
landmarks, aligns the face by the eye line to 224 px, and computes TV-L1 with OpenCV and the
optical strain, reduced to 28x28.

``python -m mepipe.bench.peer DATASET`` over a generic folder with labels.csv.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def features(folder: Path) -> NDArray[np.float32]:
    """Return (N, 28, 28, 3) for the annotated clips of a folder, as `mepipe sample` writes it."""
    import cv2
    import dlib

    from mepipe.assets import model_path

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(model_path("shape_predictor_68")))
    solver = cv2.optflow.DualTVL1OpticalFlow_create()  # type: ignore[attr-defined]

    def aligned(path: Path) -> Any:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert grey is not None
        box = max(detector(grey, 1), key=lambda one: one.area())
        points = np.array([(p.x, p.y) for p in predictor(grey, box).parts()], np.float64)
        right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        (dx, dy), middle = left - right, (left + right) / 2
        turn = cv2.getRotationMatrix2D(
            (float(middle[0]), float(middle[1])),
            float(np.degrees(np.arctan2(dy, dx))),
            float(0.4 * 224 / np.hypot(dx, dy)),
        )
        turn[:, 2] += (112 - middle[0], 80 - middle[1])
        return cv2.warpAffine(grey, turn, (224, 224))

    rows = []
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            clip = folder / row["subject"] / row["clip"]
            onset, apex = (
                aligned(clip / f"{int(row[name]):04d}.jpg") for name in ("onset", "apex")
            )
            u, v = np.moveaxis(solver.calc(onset, apex, None), 2, 0)
            uy, ux = np.gradient(u)
            vy, vx = np.gradient(v)
            strain = np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2)
            rows.append(np.stack([cv2.resize(f, (28, 28)) for f in (u, v, strain)], axis=-1))
    return np.stack(rows).astype(np.float32)


if __name__ == "__main__":
    print(features(Path(sys.argv[1])).shape)

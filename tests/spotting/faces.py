"""A made face for spotting: textured crops whose regions move by a known course."""

import cv2
import numpy as np

from mepipe.assets import regions, template
from mepipe.spotting import RegionPolygon

SIZE = 160
INTER_OCULAR = template().inter_ocular * SIZE


def polygons():
    return [
        RegionPolygon(r.name, r.role, r.polygon(template().points) * SIZE - 0.5) for r in regions()
    ]


def centre(*names):
    return [p.vertices.mean(axis=0) for p in polygons() if p.name in names]


def crops(course, texture, *, where=("left_mouth_corner", "right_mouth_corner"), peak=(0.0, -1.2),
          drift=None, noise=1.0, seed=0):  # fmt: skip
    """Crops (N, S, S) in which ``where`` moves by ``peak`` px times ``course``.

    ``drift`` (N, 2) moves everything.
    """
    rng = np.random.default_rng(seed)
    image = texture(SIZE, 2.5, seed).astype(np.float32)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    bump = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 12**2)) for cx, cy in centre(*where))
    drift = np.zeros((len(course), 2)) if drift is None else drift
    frames = []
    for share, (dx, dy) in zip(course, drift, strict=True):
        moved = cv2.remap(
            image,
            (x - peak[0] * share * bump - dx).astype(np.float32),
            (y - peak[1] * share * bump - dy).astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        frames.append(np.clip(moved + rng.normal(0, noise, moved.shape), 0, 255).astype(np.uint8))
    return np.stack(frames)


def course(count=60, onset=12, apex=28, offset=48):
    """A rise and a fall as shares of the peak, 0 outside onset and offset."""
    t = np.arange(count, dtype=float)
    rise = np.sin(np.pi / 2 * np.clip((t - onset) / (apex - onset), 0, 1)) ** 2
    fall = np.sin(np.pi / 2 * np.clip((offset - t) / (offset - apex), 0, 1)) ** 2
    return np.where(t <= apex, rise, fall)

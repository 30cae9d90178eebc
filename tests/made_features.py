"""Features of made movements: three classes, distinct people, noise, head motion."""

from types import SimpleNamespace

import numpy as np

CLASSES = ("negative", "positive", "surprise")
# Of each class: centre (row, column), direction (u, v), width, in fractions of the face.
MOVEMENTS = (
    ((0.28, 0.38, 0.3, 0.6, 0.08), (0.28, 0.62, -0.3, 0.6, 0.08)),
    ((0.78, 0.33, -0.6, -0.6, 0.1), (0.78, 0.67, 0.6, -0.6, 0.1)),
    ((0.2, 0.3, 0.0, -1.0, 0.11), (0.2, 0.7, 0.0, -1.0, 0.11), (0.85, 0.5, 0.0, 0.6, 0.12)),
)

MODEL = {
    "name": "spp",
    "kernels": (2, 3, 4, 5, 6),
    "position": 2,
    "pool": "max",
    "width": 4,
    "dropout": 0.2,
}
TRAINING = {
    "epochs": 2,
    "batch": 8,
    "learning_rate": 4e-3,
    "weight_decay": 1e-2,
    "balance": True,
    "label_smoothing": 0.1,
    "mirror": True,
    "amplitude": 0.3,
    "shift": 2,
}


def made_features(subjects=4, size=28, seed=0):
    """One clip per subject and class, as `mepipe.load` would give them."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] / (size - 1)
    x, y, clip, group = [], [], [], []
    for subject in range(subjects):
        down, right = rng.normal(0, 0.03, 2)
        for label, blobs in enumerate(MOVEMENTS):
            strength = rng.uniform(0.3, 1.0)
            flow = np.zeros((2, size, size))
            for row, column, u, v, sigma in blobs:
                away = (rows - row - down) ** 2 + (columns - column - right) ** 2
                blob = strength * rng.uniform(0.6, 1.2) * np.exp(-away / (2 * sigma**2))
                flow += np.array([u, v])[:, None, None] * blob
            flow += rng.normal(0, 0.04, (2, 1, 1)) + rng.normal(0, 0.05, flow.shape)
            (uy, ux), (vy, vx) = np.gradient(flow[0]), np.gradient(flow[1])
            strain = np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2)
            x.append([*flow, 3 * strain])
            y.append(label)
            group.append(f"set/s{subject:02d}")
            clip.append(f"set/s{subject:02d}/c{label}")
    return features(np.clip(x, -1, 1).astype(np.float32), y, clip, group)


def features(x, y, clip, group, dataset=None):
    return SimpleNamespace(
        x=np.asarray(x),
        y=np.asarray(y, dtype=np.int64),
        clip=np.array(clip),
        group=np.array(group),
        dataset=np.array(dataset if dataset is not None else ["set"] * len(clip)),
        classes=CLASSES,
    )


def reordered(made, order):
    return features(
        made.x[order], made.y[order], made.clip[order], made.group[order], made.dataset[order]
    )

"""A small features file of made-up movements, to try code on. No face was ever in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.cache import disk
from mepipe.cache.keys import Json
from mepipe.cache.pack import COLUMNS, Pack, encode_pack
from mepipe.errors import UsageError
from mepipe.features.features import Features
from mepipe.schema import CLASSES, IMPORTED

# Of each class: where its movement is (row, column, of a face of side 1) and its
# direction (u right, v down): corners of the mouth, cheeks, brows.
_MOVEMENTS = ((0.75, 0.5, 0.5, 0.4), (0.6, 0.5, -0.5, -0.4), (0.25, 0.5, 0.0, -0.7))
_NOISE = 0.35
# Of each class: action units of such movements.
_UNITS = ("15", "6;12", "1;2")


def demo_features(
    path: str | Path, *, subjects: int = 6, size: int = 28, seed: int = 0
) -> Features:
    """Write a features.h5 of made-up movements and return its features.

    It stands for the file that ``mepipe run`` writes: a clip a class of each
    person, in two datasets. What is computed from it says nothing about faces.

    Parameters
    ----------
    path
        The file to write; there must be none yet.
    subjects
        How many persons, with three clips each.
    size
        Side of the tensors.
    seed
        Of the noise. The same arguments give the same features.

    Raises
    ------
    UsageError
        If there is a file at ``path``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5")
    >>> features.x.shape, features.y.tolist()[:3], features.classes
    ((18, 3, 28, 28), [0, 1, 2], ('negative', 'positive', 'surprise'))
    >>> folder.cleanup()
    """
    path = Path(path)
    if path.exists():
        raise UsageError(f"{path} is there already", "Name another file.")
    clips = sorted(
        (f"demo-{'ab'[number % 2]}", f"s{number:02d}", y)
        for number in range(subjects)
        for y in range(len(CLASSES))
    )
    x = _tensors([y for _, _, y in clips], size, np.random.default_rng(seed))
    # What nobody measured is unknown: no text, no number.
    unknown: dict[str, Json] = {
        name: "" if kind == "text" else None for name, kind in COLUMNS.items()
    }
    rows: list[dict[str, Json]] = [
        {
            **unknown,
            "clip": f"{dataset}/{subject}/{CLASSES[y]}",
            "dataset": dataset,
            "subject": subject,
            "group": f"{dataset}/{subject}",
            "label": CLASSES[y],
            "y": y,
            "movement": True,
            "au": _UNITS[y].replace(";", "+"),
            "au_units": _UNITS[y],
            "object": hashlib.sha256(tensor.tobytes()).hexdigest(),
        }
        for (dataset, subject, y), tensor in zip(clips, x, strict=True)
    ]
    # Marked as imported, for no run made it: a model that was trained on it is refused for videos.
    settings: dict[str, Json] = {
        "tensor": {"size": size, "scale": "fixed"},
        IMPORTED: {"demo": True},
    }
    disk.write_atomic(path, encode_pack(Pack(rows, CLASSES, settings, {}), x))
    return Features(path)


def _tensors(y: list[int], size: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return u, v and strain (N, 3, size, size): a smooth movement a class, and noise."""
    rows, columns = np.mgrid[0:size, 0:size] / (size - 1)
    tensors = np.empty((len(y), 3, size, size), dtype=np.float32)
    for tensor, label in zip(tensors, y, strict=True):
        row, column, u, v = _MOVEMENTS[label]
        away = (rows - row) ** 2 + (columns - column) ** 2
        movement = random.uniform(0.2, 1.0) * np.exp(-away / 0.02)
        flow = np.array([u, v])[:, None, None] * movement
        flow += random.normal(0, _NOISE, (2, 1, 1)) + random.normal(0, _NOISE, flow.shape)
        (uy, ux), (vy, vx) = np.gradient(flow[0]), np.gradient(flow[1])
        tensor[:2], tensor[2] = flow, np.sqrt(ux**2 + vy**2 + (uy + vx) ** 2 / 2)
    return tensors

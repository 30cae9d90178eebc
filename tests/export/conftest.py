import numpy as np
import pytest

from mepipe.features import Features


class WithFaces(Features):
    """Features whose file would hold faces: what `Features` offers of them."""

    faces: np.ndarray

    def read(self, name, rows=None):
        assert rows is None or len(rows) <= 256
        return super().read(name, rows) if name == "x" else self.faces[rows]


@pytest.fixture
def made(write_features, tmp_path):
    """Six people of two sets, three clips each, min-max scaled, 28x28; some things changed."""

    def make(change=lambda x, rows: None, **options):
        def scaled(x, rows):
            x -= x.min(axis=(2, 3), keepdims=True)
            x /= x.max(axis=(2, 3), keepdims=True)
            change(x, rows)

        options = {"size": 28, "scale": "minmax", **options}
        path = write_features(tmp_path / "features.h5", change=scaled, **options)
        return Features(path)

    return make


@pytest.fixture
def with_faces(made):
    """The same with an onset face and two target faces each, the second of them the apex."""

    def make(change=lambda x, rows: None, apex=9):
        def annotate(x, rows):
            for row in rows:
                row["apex"], row["apex_number"] = apex, 109
            change(x, rows)

        features = WithFaces(made(annotate).path)
        features.maps = ("x", "faces")
        rng = np.random.default_rng(1)
        features.faces = rng.integers(0, 256, (len(features), 3, 40, 40)).astype(np.uint8)
        features.targets = np.tile([4, 9], (len(features), 1))
        return features

    return make

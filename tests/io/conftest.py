import numpy as np
import pytest

from mepipe.cache.pack import Pack, encode_pack
from mepipe.features import Features


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


def unknown(value):
    return None if isinstance(value, float) and np.isnan(value) else value


@pytest.fixture
def with_faces(made):
    """The same with an onset face and two target faces each, the second of them the apex."""

    def make(change=lambda x, rows: None, apex=9):
        def annotate(x, rows):
            for row in rows:
                row["apex"], row["apex_number"] = apex, 109
            change(x, rows)

        plain = made(annotate)
        count = len(plain)
        faces = np.random.default_rng(1).integers(0, 256, (count, 3, 40, 40)).astype(np.uint8)
        facts = {name: values.tolist() for name, values in plain.columns.items()}
        rows = [
            {name: unknown(values[row]) for name, values in facts.items()} for row in range(count)
        ]
        pack = Pack(rows, plain.classes, plain.settings, plain.libraries, [[4, 9]] * count)
        plain.path.write_bytes(encode_pack(pack, plain.x, {"faces": faces}))
        return Features(plain.path)

    return make

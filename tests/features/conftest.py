import numpy as np
import pytest
from made_rows import rows

from mepipe.cache.pack import Pack, encode_pack


@pytest.fixture
def write(tmp_path):
    """Write a features.h5 and return its path."""

    def make(name="f.h5", table=None, classes=("negative", "positive", "surprise"), seed=0,
             settings=None, shape=(3, 4, 4)):  # fmt: skip
        path = tmp_path / name
        table = rows() if table is None else table
        x = np.random.default_rng(seed).standard_normal((len(table), *shape)).astype(np.float32)
        settings = settings if settings is not None else {"tensor": {"scale": "fixed"}}
        path.write_bytes(encode_pack(Pack(table, classes, settings, {"numpy": "2"}), x))
        return path

    return make

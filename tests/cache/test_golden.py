"""Files as every format version wrote them must stay readable; nothing may rewrite these."""

from pathlib import Path

import numpy as np
import pytest

import mepipe
from mepipe.cache.objects import FORMAT_VERSION as OBJECT_VERSION
from mepipe.cache.objects import decode
from mepipe.cache.pack import FORMAT_VERSION as PACK_VERSION

GOLDEN = Path(__file__).parent / "golden"


def test_an_object_of_version_1():
    item = decode((GOLDEN / "object-v1.h5").read_bytes())
    assert (item.stage, item.version) == ("flow", 2)
    assert item.parts == {"settings": {"tau": 0.25}, "frames": ["a" * 64, "b" * 64], "text": "é 中"}
    assert item.values == {"uv": "c" * 64, "inter_ocular": 60.5}
    assert item.libraries == {"numpy": "2.4.6"}
    assert item.failure is None
    np.testing.assert_array_equal(item.arrays["uv"], np.arange(18, dtype="f4").reshape(2, 3, 3))
    np.testing.assert_array_equal(item.arrays["motion"], np.eye(2, 3))


def test_a_failure_of_version_1():
    item = decode((GOLDEN / "failure-v1.h5").read_bytes())
    assert item.failure == {
        "error": "BadDataError", "message": "the frame is empty", "remedy": "Restore it.",
        "frame": 0,
    }  # fmt: skip
    assert item.arrays == {}


@pytest.mark.parametrize("version", range(1, PACK_VERSION + 1))
def test_features_of_every_version(version):
    features = mepipe.load(GOLDEN / f"features-v{version}.h5")
    np.testing.assert_array_equal(features.x, np.arange(96, dtype="f4").reshape(2, 3, 4, 4))
    assert features.clip.tolist() == ["a/s1/é 中", "a/s2/x"]
    assert features.y.tolist() == [1, -1]
    assert features.columns["apex_source"].tolist() == ["spotted", "spotted"]
    assert np.isnan(features.columns["fps"][1])
    assert features.classes == ("negative", "positive")
    assert features.settings == {"tensor": {"size": 4}}


def test_every_version_has_its_file():
    names = {path.name for path in GOLDEN.iterdir()}
    wanted = {f"object-v{version}.h5" for version in range(1, OBJECT_VERSION + 1)}
    wanted |= {f"features-v{version}.h5" for version in range(1, PACK_VERSION + 1)}
    assert wanted <= names

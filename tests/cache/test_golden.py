"""Files as every format version wrote them must stay readable; nothing may rewrite these."""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import mepipe
from mepipe.cache.object_files import FORMAT_VERSION as OBJECT_VERSION
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


def test_the_maps_of_version_3():
    with h5py.File(GOLDEN / "features-v3.h5") as file:
        flow, faces, sequence = (file[name] for name in ("flow", "faces", "sequence"))
        assert (flow.dtype, faces.dtype, sequence.dtype) == ("<f4", "u1", "<f4")
        assert faces.shape == (2, 3, 8, 8)
        np.testing.assert_array_equal(flow[()].ravel(), np.arange(256) / 4)
        np.testing.assert_array_equal(faces[()].ravel(), np.arange(384) % 251)
        np.testing.assert_array_equal(
            sequence[()], -np.arange(192, dtype="f4").reshape(2, 2, 3, 4, 4)
        )
        assert file["targets"].dtype == "<i8"
        assert file["targets"][()].tolist() == [[12, 40], [22, 40]]
        for name in ("x", "flow", "faces", "sequence"):
            digests = [hashlib.sha256(row.tobytes()).hexdigest() for row in file[name][()]]
            assert [d.decode() for d in file[f"{name}_sha256"][()]] == digests
        assert content(file) == file["content"][()].decode()


def content(file):
    """The digest as docs/reference/cache-format.md describes it, written from the page alone."""
    found = hashlib.sha256()
    for name in ("libraries", "settings"):
        found.update(name.encode() + b"\0text\0\0" + file.attrs[name])
    paths = ["channels", "classes", "targets", *(f"columns/{name}" for name in file["columns"])]
    paths += [name for name in file if name.endswith("_sha256")]
    for path in sorted(paths):
        array = file[path][()]
        kind, shape = array.dtype.str, ",".join(map(str, array.shape))
        found.update(f"{path}\0{kind}\0{shape}\0".encode() + array.tobytes())
    return found.hexdigest()


def test_every_version_has_its_file():
    names = {path.name for path in GOLDEN.iterdir()}
    wanted = {f"object-v{version}.h5" for version in range(1, OBJECT_VERSION + 1)}
    wanted |= {f"features-v{version}.h5" for version in range(1, PACK_VERSION + 1)}
    assert wanted <= names

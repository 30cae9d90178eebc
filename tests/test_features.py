import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

import mepipe
from mepipe.cache.pack import COLUMNS, Pack, encode_pack
from mepipe.errors import DamageError, UsageError

ROW = {
    "clip": "a/s1/é 中",
    "dataset": "a",
    "subject": "s1",
    "group": "a/s1",
    "emotion": "happiness",
    "label": "positive",
    "y": 1,
    "fps": 200.0,
    "frames": 60,
    "onset": 3,
    "apex": 20,
    "offset": 40,
    "onset_number": 46,
    "apex_number": 63,
    "offset_number": 83,
    "onset_source": "annotation",
    "apex_source": "spotted",
    "offset_source": "erratum",
    "onset_confidence": 1.0,
    "apex_confidence": 0.5,
    "offset_confidence": 1.0,
    "movement": True,
    "au": "R2+15",
    "au_units": "R2;15",
    "object": "f" * 64,
}
OTHER = {**ROW, "clip": "a/s2/x", "y": -1, "label": "", "fps": None, "movement": False}
X = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)


def pack(rows=(ROW, OTHER)):
    return Pack(rows, ("negative", "positive"), {"tensor": {"size": 4}}, {"numpy": "2"})


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "features.h5"
    file.write_bytes(encode_pack(pack(), X))
    return file


def test_what_was_packed_is_loaded(path):
    features = mepipe.load(path)
    np.testing.assert_array_equal(features.x, X)
    assert features.x.dtype == np.float32
    assert features.y.tolist() == [1, -1]
    assert features.clip.tolist() == ["a/s1/é 中", "a/s2/x"]
    assert features.classes == ("negative", "positive")
    assert features.channels == ("u", "v", "strain")
    assert features.settings == {"tensor": {"size": 4}}
    assert len(features) == 2
    for name in COLUMNS:
        if name != "fps":
            assert features.columns[name].tolist() == [ROW[name], OTHER[name]], name


def test_an_unknown_number_is_nan_and_never_a_guess(path):
    fps = mepipe.load(path).columns["fps"]
    assert fps[0] == 200
    assert np.isnan(fps[1])


def test_the_table_is_pandas(path):
    table = mepipe.load(path).table
    assert list(table.columns) == list(COLUMNS)
    assert table.loc[0, "au"] == "R2+15"


def test_equal_packs_have_equal_bytes():
    assert encode_pack(pack(), X) == encode_pack(pack([dict(ROW), dict(OTHER)]), X.copy())


def test_reading_needs_numpy_and_h5py_only(path):
    program = f"""
        import sys

        class Block:
            def find_spec(self, name, path=None, target=None):
                allowed = {{"numpy", "h5py", "mepipe"}} | sys.stdlib_module_names
                if name.split(".")[0] not in allowed:
                    raise ImportError(f"{{name}} is blocked")

        sys.meta_path.insert(0, Block())
        import mepipe
        features = mepipe.load({str(path)!r})
        print(features.x.sum(), features.y.tolist(), features.group.tolist())
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[0] == str(X.sum())


def test_torch_reads_the_same_in_every_worker(path):
    from torch.utils.data import DataLoader

    dataset = mepipe.load(path).torch()
    x, y = dataset[1]
    assert x.shape == (3, 4, 4)
    assert y == -1
    np.testing.assert_array_equal(dataset[-1][0], x)
    with pytest.raises(IndexError):
        dataset[2]
    for workers in (0, 2):
        batches = list(DataLoader(dataset, batch_size=1, num_workers=workers))
        np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), X)
        assert [int(b[1]) for b in batches] == [1, -1]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"none\.h5"):
        mepipe.load(tmp_path / "none.h5")


def test_a_truncated_file(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamageError, match=r"features\.h5"):
        mepipe.load(path)


def test_a_file_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(UsageError, match="no features file"):
        mepipe.load(tmp_path / "other.h5")


def test_a_newer_format(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(UsageError, match="newer") as caught:
        mepipe.load(path)
    assert "Update" in caught.value.remedy


def test_data_that_lies_elsewhere_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["x"]
        file.create_dataset("x", (2, 3, 4, 4), "f4", external=[("other", 0, 384)])
    with pytest.raises(DamageError, match="outside the file"):
        mepipe.load(path)


def test_columns_of_another_length_are_refused(path):
    with h5py.File(path, "r+") as file:
        del file["x"]
        file["x"] = X[:1]
    with pytest.raises(DamageError, match="length"):
        mepipe.load(path)

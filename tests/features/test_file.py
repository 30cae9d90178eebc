import os
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

import mepipe
from mepipe.cache.pack import COLUMNS, Pack, encode_pack
from mepipe.errors import DamageError, UsageError
from mepipe.features.measured import MEASURED

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
    assert list(table.columns) == [*COLUMNS, *MEASURED]
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
    with pytest.raises(UsageError, match="not a features file"):
        mepipe.load(tmp_path / "other.h5")


def test_a_newer_format(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(UsageError, match="newer") as caught:
        mepipe.load(path)
    assert "Update" in caught.value.remedy


def test_streamed_and_in_memory_are_the_same_bytes(tmp_path):
    from mepipe.cache import disk
    from mepipe.cache.pack import write_pack

    with disk.replacing(tmp_path / "f.h5") as output:
        write_pack(output, pack(), X.shape[1:], iter(X))
    assert (tmp_path / "f.h5").read_bytes() == encode_pack(pack(), X)


def test_a_row_of_a_map_of_another_shape_is_refused():
    from mepipe.cache.pack import Rows, write_pack

    class Nowhere:
        def write(self, data):
            pass

    flow = np.zeros((2, 2, 8, 8), np.float32)
    with pytest.raises(DamageError, match="a row of flow has the shape"):
        write_pack(Nowhere(), pack(), X.shape[1:], iter(X), {"flow": Rows((2, 4, 4), iter(flow))})


def test_no_time_stands_in_the_file():
    first = encode_pack(pack(), X)
    time.sleep(1.1)
    assert encode_pack(pack(), X) == first


def test_any_hdf5_library_reads_the_file(path):
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"][()], X)
        assert file["y"][()].tolist() == [1, -1]
        assert file["columns/clip"][0].decode() == ROW["clip"]


def test_a_tensor_of_another_shape_is_refused():
    from mepipe.cache.pack import write_pack

    class Nowhere:
        def write(self, data):
            pass

    with pytest.raises(DamageError, match="shape"):
        write_pack(Nowhere(), pack(), (3, 4, 4), iter([X[0, :, :2]]))


def external(file):
    del file["x"]
    file.create_dataset("x", (2, 3, 4, 4), "f4", external=[("/etc/passwd", 0, 384)])


def linked(file):
    file.move("x", "columns/hidden")
    file["x"] = h5py.SoftLink("/columns/hidden")


def linked_outside(file):
    del file["columns"]
    file["columns"] = h5py.ExternalLink("other.h5", "/columns")


def virtual(file):
    layout = h5py.VirtualLayout(shape=X.shape, dtype="f4")
    layout[:] = h5py.VirtualSource("gone.h5", "x", shape=X.shape)
    del file["x"]
    file.create_virtual_dataset("x", layout)


def other(name, **creation):
    def change(file):
        del file[name]
        file.create_dataset(name, **creation)

    return change


HOSTILE = {
    "external storage": (external, "outside the file"),
    "a link": (linked, "link"),
    "a link to another file": (linked_outside, "link"),
    "virtual": (virtual, "outside the file"),
    "texts of any length": (other("columns/au", data=["a", "b"]), "never writes"),
    "shorter columns": (other("columns/au", data=np.array([b"a"])), "digest"),
    "fewer tensors": (other("x", data=X[:1]), "length"),
    "a huge shape": (other("x", shape=(1 << 40, 3, 4, 4), dtype="f4"), "that its shape requires"),
    "whole numbers": (other("x", data=X.astype("i4")), "x is int32"),
    "changed labels": (other("columns/y", data=np.array([0, 0])), "digest"),
    "more columns": (lambda file: file.create_dataset("columns/z", data=[0]), "other columns"),
    "compressed": (other("x", data=X, compression="gzip"), "chunked"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_mepipe_never_writes_is_refused(path, what):
    change, message = HOSTILE[what]
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DamageError, match=message) as caught:
        mepipe.load(path)
    assert str(path) in caught.value.message


def test_a_changed_tensor_is_noticed_when_it_is_read(path):
    with h5py.File(path, "r+") as file:
        file["x"][1, 0, 0, 0] = 99
    features = mepipe.load(path)
    with pytest.raises(DamageError, match="a/s2/x does not match"):
        _ = features.x


def test_a_class_that_is_none_is_refused(tmp_path):
    path = tmp_path / "f.h5"
    path.write_bytes(encode_pack(pack([{**ROW, "y": 7}, OTHER]), X))
    with pytest.raises(DamageError, match="none of its classes"):
        mepipe.load(path)


MAPS = {
    "flow": np.arange(2 * 2 * 8 * 8, dtype=np.float32).reshape(2, 2, 8, 8),
    "faces": np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8),
    "sequence": np.arange(2 * 2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 2, 3, 4, 4),
}


@pytest.fixture
def wide(tmp_path):
    file = tmp_path / "wide.h5"
    rows = pack().rows
    more = Pack(rows, ("negative", "positive"), {"tensor": {}}, {}, targets=[[10, 20], [20, 40]])
    file.write_bytes(encode_pack(more, X, MAPS))
    return file


def test_every_map_is_read_by_row(wide):
    features = mepipe.load(wide)
    assert features.maps == ("x", "flow", "faces", "sequence")
    assert features.targets.tolist() == [[10, 20], [20, 40]]
    for name, values in MAPS.items():
        np.testing.assert_array_equal(features.read(name), values)
        np.testing.assert_array_equal(features.read(name, [1]), values[1:])
        assert features.read(name).dtype == values.dtype
    assert features.select(clip="a/s2/x").targets.tolist() == [[20, 40]]


def test_torch_reads_several_maps(wide):
    sequence, x, y = mepipe.load(wide).torch(of=("sequence", "x"))[1]
    np.testing.assert_array_equal(sequence, MAPS["sequence"][1])
    np.testing.assert_array_equal(x, X[1])
    assert y == -1


@pytest.mark.parametrize("name", MAPS)
def test_a_changed_row_of_any_map_is_noticed(wide, name):
    with h5py.File(wide, "r+") as file:
        values = file[name][1]
        values.flat[5] += 1
        file[name][1] = values
    features = mepipe.load(wide)
    features.read(name, [0])
    with pytest.raises(DamageError, match=f"the {name} of a/s2/x does not match"):
        features.read(name)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("flow", np.zeros((2, 2, 8), "f4"), "flow is float32 of shape"),
        ("faces", np.zeros((2, 3, 8, 8), "f4"), "faces is float32"),
        ("sequence", np.zeros((1, 2, 3, 4, 4), "f4"), "sequence differ in length"),
        ("targets", np.zeros((1, 2), "i8"), "digest"),
    ],
)
def test_a_map_of_another_kind_is_refused(wide, name, data, message):
    with h5py.File(wide, "r+") as file:
        del file[name]
        file[name] = data
    with pytest.raises(DamageError, match=message):
        mepipe.load(wide)


def content(features):
    """Everything that is read of a file, as bytes and texts."""
    arrays = {**features.columns, **{name: features.read(name) for name in features.maps}}
    if features.targets is not None:
        arrays["targets"] = features.targets
    return (
        features.settings, features.libraries, features.classes, features.channels,
        {name: (array.shape, array.tobytes()) for name, array in arrays.items()},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("which", ["path", "wide"])
def test_every_flipped_byte_is_noticed_or_changes_nothing(which, request):
    """Unused bytes of the file may change; what is read may not."""
    path = request.getfixturevalue(which)
    data = path.read_bytes()
    before = content(mepipe.load(path))
    wrong = []
    # Every byte in `make stress`; loading takes 2 ms.
    step = 1 if os.environ.get("MEPIPE_STRESS") else 101
    for position in range(0, len(data), step):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            after = content(mepipe.load(path))
        except (DamageError, UsageError):
            continue
        if after != before:
            wrong.append(position)
    assert wrong == []

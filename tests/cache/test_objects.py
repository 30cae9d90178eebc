import h5py
import numpy as np
import pytest

from mepipe.cache.objects import StoredObject, decode, encode, fixed_texts
from mepipe.errors import DamageError

ITEM = StoredObject(
    stage="flow",
    version=3,
    key="k" * 64,
    parts={"settings": {"tau": 0.25}, "text": "é 中"},
    values={"uv": "abc", "list": [1, 2.5, None]},
    arrays={"uv": np.arange(12, dtype=np.float32).reshape(2, 2, 3), "motion": np.eye(2, 3)},
    libraries={"numpy": "2.0"},
)


def test_an_object_comes_back_as_it_was():
    back = decode(encode(ITEM))
    assert (back.stage, back.version, back.key) == ("flow", 3, "k" * 64)
    assert back.parts == ITEM.parts
    assert back.values == ITEM.values
    assert back.libraries == ITEM.libraries
    assert back.failure is None
    assert back.arrays.keys() == ITEM.arrays.keys()
    for name, array in ITEM.arrays.items():
        assert back.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(back.arrays[name], array)


def test_equal_objects_have_equal_bytes():
    shuffled = StoredObject(
        **{
            **ITEM.__dict__,
            "arrays": dict(reversed(ITEM.arrays.items())),
            "values": dict(reversed(ITEM.values.items())),
        }
    )
    assert encode(ITEM) == encode(shuffled)


def test_a_failure_is_an_object_too():
    failure = {"error": "BadDataError", "message": "no face", "remedy": "", "position": None}
    back = decode(encode(StoredObject("face", 1, "k", {}, {}, {}, failure)))
    assert back.failure == failure
    assert back.arrays == {}


def test_empty_arrays_are_kept():
    back = decode(encode(StoredObject("spot", 1, "k", {}, {}, {"curve": np.empty(0, "f4")})))
    assert back.arrays["curve"].shape == (0,)
    assert back.arrays["curve"].dtype == np.float32


def test_texts_are_long_enough_for_the_longest():
    assert fixed_texts(["", "中中", "a"]).tolist() == [b"", "中中".encode(), b"a"]
    assert fixed_texts([]).shape == (0,)


def foreign(build):
    with h5py.File.in_memory() as file:
        build(file)
        file.flush()
        return bytes(file.id.get_file_image())


def with_array(add):
    """An object whose arrays were tampered with."""

    def build(file):
        with h5py.File.in_memory(encode(ITEM)) as source:
            for name, value in source.attrs.items():
                file.attrs[name] = value
            for name in ("parts", "values", "libraries"):
                source.copy(name, file)
        add(file.create_group("arrays"))

    return foreign(build)


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(DamageError, match="not an object of mepipe"):
        decode(foreign(lambda file: file.create_dataset("x", data=[1, 2])))


def test_noise_is_refused():
    with pytest.raises(DamageError, match="not an HDF5 file"):
        decode(b"noise" * 100)


def test_a_newer_format_says_so():
    def build(file):
        file.attrs["format"] = np.bytes_(b"mepipe-object")
        file.attrs["format_version"] = 99

    with pytest.raises(DamageError, match="newer") as caught:
        decode(foreign(build))
    assert "Update mepipe" in caught.value.remedy


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (
            lambda group: group.create_dataset("t", data="text", dtype=h5py.string_dtype()),
            "mepipe never writes",
        ),
        (
            lambda group: group.create_dataset("e", (4,), "f4", external=[("other", 0, 16)]),
            "outside the file",
        ),
        (lambda group: group.create_group("g"), "not a dataset"),
    ],
)
def test_what_mepipe_never_writes_is_refused(add, message):
    with pytest.raises(DamageError, match=message):
        decode(with_array(add))


def test_a_virtual_dataset_is_refused():
    def add(group):
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource("gone.h5", "x", shape=(4,))
        group.create_virtual_dataset("v", layout)

    with pytest.raises(DamageError, match="outside the file"):
        decode(with_array(add))

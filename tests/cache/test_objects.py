import h5py
import numpy as np
import pytest

from mepipe.cache.keys import object_key
from mepipe.cache.objects import (
    StoredObject,
    decode,
    encode,
    fixed_text,
    fixed_texts,
    refuse_undeclared,
)
from mepipe.errors import DamageError

PARTS = {"settings": {"tau": 0.25}, "text": "é 中", "frames": ["a", "b"]}
ITEM = StoredObject(
    stage="flow",
    version=3,
    key=object_key("flow", 3, PARTS),
    parts=PARTS,
    values={"uv": "abc", "list": [1, 2.5, None]},
    arrays={"uv": np.arange(12, dtype=np.float32).reshape(2, 2, 3), "motion": np.eye(2, 3)},
    libraries={"numpy": "2.0"},
)


def test_an_object_comes_back_as_it_was():
    back = decode(encode(ITEM))
    assert (back.stage, back.version, back.key) == ("flow", 3, ITEM.key)
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
    back = decode(encode(StoredObject("face", 1, object_key("face", 1, {}), {}, {}, {}, failure)))
    assert back.failure == failure
    assert back.arrays == {}


def test_empty_arrays_are_kept():
    key = object_key("spot", 1, {})
    back = decode(encode(StoredObject("spot", 1, key, {}, {}, {"curve": np.empty(0, "f4")})))
    assert back.arrays["curve"].shape == (0,)
    assert back.arrays["curve"].dtype == np.float32


def test_texts_are_long_enough_for_the_longest():
    assert fixed_texts(["", "中中", "a"]).tolist() == [b"", "中中".encode(), b"a"]
    assert fixed_texts([]).shape == (0,)


def tampered(change):
    """The bytes of an object that ``change`` was let loose on."""
    with h5py.File.in_memory(encode(ITEM)) as file:
        change(file)
        file.flush()
        return bytes(file.id.get_file_image())


def replaced(name, **creation):
    """Put another dataset in the place of one."""

    def change(file):
        del file[name]
        file.create_dataset(name, **creation)

    return change


def linked(name, link):
    def change(file):
        file.move(name, "arrays/hidden")
        file[name] = link

    return change


def virtual(file):
    layout = h5py.VirtualLayout(shape=(2, 2, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("gone.h5", "x", shape=(2, 2, 3))
    del file["arrays/uv"]
    file["arrays"].create_virtual_dataset("uv", layout)


def compound(file):
    del file["arrays/uv"]
    file["arrays"].create_dataset("uv", data=np.zeros(2, [("a", "f4"), ("b", "f4")]))


def never_written(file):
    """Declares 8 TB that are nowhere."""
    del file["arrays/uv"]
    file["arrays"].create_dataset("uv", (1 << 40, 2), "f4")


def circular(file):
    file["arrays/again"] = file["arrays"]


def committed_type(file):
    file["arrays/type"] = np.dtype("f4")


def attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


def attribute_of_an_array(file):
    file["arrays/uv"].attrs["note"] = 1


HOSTILE = {
    "external storage": (
        replaced("arrays/uv", shape=(4,), dtype="f4", external=[("/etc/passwd", 0, 16)]),
        "outside the file",
    ),
    "virtual": (virtual, "outside the file"),
    "soft link": (linked("arrays/uv", h5py.SoftLink("/arrays/hidden")), "link"),
    "dangling link": (linked("arrays/uv", h5py.SoftLink("/nowhere")), "link"),
    "external link": (linked("arrays/uv", h5py.ExternalLink("/etc/passwd", "/x")), "link"),
    "linked text": (linked("parts", h5py.ExternalLink("other.h5", "/x")), "link"),
    "variable-length text": (
        replaced("arrays/uv", data="text", dtype=h5py.string_dtype()),
        "type that mepipe never writes",
    ),
    "variable-length numbers": (
        replaced("arrays/uv", shape=(2,), dtype=h5py.vlen_dtype(np.int32)),
        "type that mepipe never writes",
    ),
    "references": (
        replaced("arrays/uv", shape=(2,), dtype=h5py.ref_dtype),
        "type that mepipe never writes",
    ),
    "compound": (compound, "type that mepipe never writes"),
    "opaque": (replaced("arrays/uv", data=np.zeros(2, "V8")), "type that mepipe never writes"),
    "never written": (never_written, "does not have the length that its shape requires"),
    "chunked": (replaced("arrays/uv", data=np.zeros(8), chunks=(4,)), "chunked"),
    "compressed": (replaced("arrays/uv", data=np.zeros(8), compression="gzip"), "chunked"),
    "no shape": (replaced("arrays/uv", data=h5py.Empty("f4")), "compact|no shape"),
    "a group for an array": (lambda file: file.create_group("arrays/g"), "not a dataset"),
    "a circle": (circular, "not a dataset"),
    "a named type": (committed_type, "not a dataset"),
    "a further text": (lambda file: file.create_dataset("more", data=1), "instead of"),
    "no values": (lambda file: file.__delitem__("values"), "instead of"),
    "no arrays": (lambda file: file.__delitem__("arrays"), "'arrays' is missing"),
    "parts that are no JSON": (replaced("parts", data=fixed_text("{")), "cannot be read"),
    "parts of another kind": (
        replaced("parts", data=fixed_text("[]")),
        "its texts are not JSON objects",
    ),
    "other parts": (replaced("parts", data=fixed_text('{"a":1}')), "key does not match its parts"),
    "parts as numbers": (replaced("parts", data=np.arange(3)), "not stored as fixed-length UTF-8"),
    "deep JSON": (replaced("parts", data=fixed_text("[" * 100_000)), "cannot be read"),
    "another version": (attribute("stage_version", np.int64(9)), "key does not match its parts"),
    "a further attribute": (attribute("note", np.int64(1)), "attributes"),
    "an attribute that varies in length": (attribute("stage", "flow"), "never writes"),
    "an attribute that is a list": (attribute("stage_version", [1, 2]), "not a single value"),
    "an array's attribute": (attribute_of_an_array, "attributes"),
    "another kind": (attribute("format", fixed_text("other")), "not an object of mepipe"),
    "no version": (attribute("format_version", np.int64(0)), "has no version"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_mepipe_never_writes_is_refused(what):
    change, message = HOSTILE[what]
    with pytest.raises(DamageError, match=message):
        decode(tampered(change))


def test_noise_is_refused():
    with pytest.raises(DamageError, match="not an HDF5 file"):
        decode(b"noise" * 100)


def test_a_newer_format_says_so():
    with pytest.raises(DamageError, match="newer") as caught:
        decode(tampered(attribute("format_version", np.int64(99))))
    assert "Update mepipe" in caught.value.remedy


def test_a_file_that_was_cut_or_has_a_block_before_it_is_refused():
    data = encode(ITEM)
    for part in (data[:-1], data[: len(data) // 2], b"\0" * 512 + data, b""):
        with pytest.raises(DamageError):
            decode(part)


@pytest.mark.parametrize(
    ("declared", "fits"),
    [
        ({"uv": ("f4", 3), "motion": ("f8", 2), "faces": ("u1", 3)}, True),
        ({"uv": ("f4", 3)}, False),
        ({"uv": ("f8", 3), "motion": ("f8", 2)}, False),
        ({"uv": ("f4", 2), "motion": ("f8", 2)}, False),
    ],
)
def test_arrays_that_the_stage_does_not_give_are_refused(declared, fits):
    if fits:
        refuse_undeclared(ITEM, declared)
    else:
        with pytest.raises(DamageError, match="is not an array of the stage flow"):
            refuse_undeclared(ITEM, declared)

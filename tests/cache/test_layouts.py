"""Objects that are laid out as earlier ones: the same bytes and the same content as by HDF5."""

from contextlib import suppress

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mepipe.cache import layouts, object_files, objects
from mepipe.cache.keys import object_key
from mepipe.cache.layouts import Layouts
from mepipe.cache.objects import StoredObject, decode, encode
from mepipe.errors import DamageError


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Nothing that other tests have taught this process."""
    forget(monkeypatch)


def forget(monkeypatch):
    monkeypatch.setattr(objects, "_WRITTEN", Layouts())
    monkeypatch.setattr(objects, "_READ", Layouts())


@pytest.fixture
def by_hdf5(monkeypatch):
    """How often HDF5 wrote and read a file."""
    done = []

    def told(what, function):
        def call(*args):
            done.append(what)
            return function(*args)

        return call

    monkeypatch.setattr(objects, "lay_out", told("write", object_files.lay_out))
    monkeypatch.setattr(objects, "read_checked", told("read", object_files.read_checked))
    return done


def item(number=0.25, seed=0, *, stage="flow", failure=None, shape=(2, 3, 3)):
    rng = np.random.default_rng(seed)
    parts = {"settings": {"tau": number}, "text": "é 中"}
    arrays = {
        "uv": rng.random(shape, dtype=np.float32),
        "motion": rng.random((2, 3)),
        "faces": rng.integers(0, 256, (1, 4, 4), np.uint8),
        "none": np.empty((0, 2)),
    }
    return StoredObject(
        stage, 3, object_key(stage, 3, parts), parts, {"seed": seed}, arrays, failure, {"a": "1"}
    )


def same(one, other):
    assert {**one.__dict__, "arrays": 0} == {**other.__dict__, "arrays": 0}
    assert list(one.arrays) == list(other.arrays)
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert array.tobytes() == other.arrays[name].tobytes()
        assert array.shape == other.arrays[name].shape
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_the_second_of_two_that_are_alike_needs_no_hdf5(by_hdf5, monkeypatch):
    first, second = item(0.25, 1), item(0.75, 2)
    data = [encode(first), encode(second)]
    found = [decode(one) for one in data]
    assert by_hdf5 == ["write", "read"]
    forget(monkeypatch)
    assert encode(second) == data[1]
    forget(monkeypatch)
    same(found[1], decode(data[1]))
    assert by_hdf5 == ["write", "read", "write", "read"]


@pytest.mark.parametrize(
    "other",
    [
        item(0.125),
        item(seed=10),
        item(stage="flew"),
        item(shape=(2, 9, 1)),
        item(failure={"error": "x"}),
    ],
)
def test_what_is_not_alike_has_a_layout_of_its_own(by_hdf5, other):
    encode(item())
    encode(other)
    assert by_hdf5 == ["write", "write"]


json = st.dictionaries(
    st.text(max_size=3),
    st.one_of(st.integers(-99, 99), st.floats(-9, 9), st.text(max_size=4), st.none()),
    max_size=3,
)
kinds = st.sampled_from(["f4", "f8", ">f4", "u1", "i8", "u2", "f2", "?"])


@settings(max_examples=60, deadline=None)
@given(
    parts=json,
    values=st.tuples(json, json),
    failure=st.none() | json,
    arrays=st.dictionaries(
        st.sampled_from(["a", "parts", "uv", "x"]),
        st.tuples(kinds, st.lists(st.integers(0, 30), min_size=1, max_size=3)),
        max_size=4,
    ),
    bits=st.randoms(use_true_random=False),
)
def test_the_bytes_are_those_of_hdf5(parts, values, failure, arrays, bits):
    def content():
        return {
            name: np.frombuffer(
                bits.randbytes(int(np.prod(shape)) * np.dtype(kind).itemsize), kind
            ).reshape(shape)
            for name, (kind, shape) in arrays.items()
        }

    key = object_key("s", 1, parts)
    for value in (*values, values[0]):
        one = StoredObject("s", 1, key, parts, value, content(), failure, {})
        data = encode(one)
        texts = {"parts": parts, "values": value, "libraries": {}}
        texts |= {} if failure is None else {"failure": failure}
        laid_out, _ = object_files.lay_out(
            object_files.Content(
                "s", 1, key,
                {name: objects.canonical(texts[name]).encode() for name in sorted(texts)},
                {name: one.arrays[name] for name in sorted(one.arrays)},
            )
        )  # fmt: skip
        assert data == laid_out
        if any(array.dtype.kind == "b" for array in one.arrays.values()):
            continue
        read, _, _ = object_files.read_checked(data)
        back = decode(data)
        assert {name: array.tobytes() for name, array in back.arrays.items()} == {
            name: array.tobytes() for name, array in read.arrays.items()
        }
        assert {name: (a.dtype, a.shape) for name, a in back.arrays.items()} == {
            name: (a.dtype, a.shape) for name, a in one.arrays.items()
        }


def test_one_other_byte_outside_the_content_is_read_by_hdf5_with_its_checks(by_hdf5):
    data = encode(item())
    decode(data)
    (layout,) = objects._READ.of(len(data))
    places = [start + at for start, piece in layout.frame for at in range(len(piece))]
    for place in np.random.default_rng(0).choice(places, 100, replace=False):
        by_hdf5.clear()
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(place) % 8
        with suppress(DamageError):
            decode(bytes(damaged))
        assert by_hdf5 == ["read"]


def put(data, old, new):
    assert len(old) == len(new)
    assert data.count(old) == 1
    return data.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'{"seed":0}', b'["seed",0]', "its texts are not JSON objects"),
        (b'{"seed":0}', b'{"seed":0,', "cannot be read"),
        (b'{"seed":0}', b'{"\xff\xff\xff\xff":0}', "cannot be read"),
        (b'"tau":0.25', b'"tau":0.26', "key does not match its parts"),
        (b'"tau":0.25', b'"tau":NaN ', "cannot be read"),
    ],
)
def test_content_that_no_object_has_is_refused_as_before(old, new, message):
    data = encode(item())
    decode(data)
    with pytest.raises(DamageError, match=message):
        decode(put(data, old, new))


def test_an_object_under_the_key_of_another_is_refused():
    data, other = encode(item(0.25)), item(0.75)
    decode(data)
    with pytest.raises(DamageError, match="key does not match its parts"):
        decode(put(data, item(0.25).key.encode(), other.key.encode()))


def test_a_key_that_stands_elsewhere_too_teaches_no_layout():
    key = object_key("s", 1, {})
    data = encode(StoredObject("s", 1, key, {}, {"other": key}, {}))
    assert decode(data).values == {"other": key}
    assert objects._READ.of(len(data)) == ()


def test_numbers_that_hdf5_converts_teach_no_layout():
    """24 of 32 bits: what is read are not the bytes of the file."""

    def narrow(file):
        kind = h5py.h5t.STD_I32LE.copy()
        kind.set_precision(24)
        del file["arrays/motion"]
        space = h5py.h5s.create_simple((2,))
        made = h5py.h5d.create(file["arrays"].id, b"motion", kind, space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([-5, 7], "<i4"))

    with h5py.File.in_memory(encode(item())) as file:
        narrow(file)
        file.flush()
        data = bytes(file.id.get_file_image())
    assert decode(data).arrays["motion"].tolist() == [-5, 7]
    assert objects._READ.of(len(data)) == ()


def test_a_process_keeps_a_bounded_number_of_layouts(monkeypatch, by_hdf5):
    monkeypatch.setattr(layouts, "_MOST", 3)
    for length in range(10):
        encode(StoredObject("s", 1, object_key("s", 1, {}), {}, {"text": "x" * length}))
    assert objects._WRITTEN._count <= 3
    assert by_hdf5 == ["write"] * 10

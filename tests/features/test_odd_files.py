"""Files of odd types and sizes, and files that change under the reader, are damage."""

import itertools
import pickle
import subprocess
import sys
from contextlib import suppress

import h5py
import numpy as np
import pytest
from test_file import OTHER, ROW, X, pack

import mepipe
from mepipe.cache.pack import encode_pack
from mepipe.errors import DamageError, MepipeError

BASE = encode_pack(pack(), X)
TYPES = ("i1", ">i4", "u8", "f2", ">f8", "f16", "S1", "c8")
SHAPES = ((), (0,), (2,), (2, 2), (2, 3, 4, 5), (2, 3, 0, 0))
NAMES = ("x", "y", "classes", "channels", "columns/fps", "columns/clip", "columns/au_units")


def as_version_1(file):
    """Files of the first version have no digests, so whoever writes one needs not know ours."""
    del file["content"], file["x_sha256"]
    file.attrs.modify("format_version", 1)


def used(path):
    """Use a file in every way that reads it."""
    features = mepipe.load(path)
    repr(features)
    _ = features.x, features.y, features.table, features.action_units
    for way in (features.loso, features.labelled, lambda: features.select(y=1)):
        with suppress(MepipeError):
            way()


@pytest.mark.slow
def test_every_type_and_shape_is_read_or_refused(tmp_path):
    path = tmp_path / "features.h5"
    read = 0
    for name, kind, shape in itertools.product(NAMES, TYPES, SHAPES):
        path.write_bytes(BASE)
        with h5py.File(path, "r+") as file:
            as_version_1(file)
            del file[name]
            file.create_dataset(name, data=np.ones(shape).astype(kind))
        with suppress(MepipeError):
            used(path)
            read += 1
    assert read, "some are odd and sound"


@pytest.mark.parametrize("name", ["settings", "libraries"])
@pytest.mark.parametrize(
    "text", ["[]", "5", "null", '"x"', "", "[" * 60_000, b"\xff", '{"tensor": 5, "flow": [1]}']
)
def test_settings_that_are_no_table_are_damage(tmp_path, name, text):
    path = tmp_path / "features.h5"
    path.write_bytes(BASE)
    with h5py.File(path, "r+") as file:
        as_version_1(file)
        del file.attrs[name]
        file.attrs[name] = np.bytes_(text if isinstance(text, bytes) else text.encode())
    if isinstance(text, str) and text.startswith("{"):
        used(path)
        return
    with pytest.raises(DamageError, match=str(path)):
        used(path)


@pytest.mark.parametrize("units", ["R", ";;", "²", "9" * 5000, "AU", "4;x;12"])
def test_units_that_are_none_are_passed_over(tmp_path, units):
    path = tmp_path / "features.h5"
    path.write_bytes(encode_pack(pack([{**ROW, "au_units": units}, OTHER]), X))
    used(path)
    if units == "4;x;12":
        assert {"AU4", "AU12"} <= set(mepipe.load(path).action_units)


def test_a_file_that_is_cut_off_after_it_was_opened_is_damage(tmp_path):
    """It was mapped into memory: what is gone then ended the process by SIGBUS."""
    code = (
        "import os, sys, numpy as np, mepipe\n"
        "from mepipe.errors import DamageError\n"
        "features = mepipe.load(sys.argv[1])\n"
        "features.read('x', [0])\n"
        "os.truncate(sys.argv[1], 4096)\n"
        "try: features.read('x')\n"
        "except DamageError as error: print(error.message)\n"
    )
    path = tmp_path / "features.h5"
    path.write_bytes(encode_pack(pack(), np.zeros((2, 3, 256, 256), np.float32)))
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "it was changed after it was opened" in done.stdout


def test_a_new_file_in_its_place_leaves_the_open_one_readable(tmp_path):
    path = tmp_path / "features.h5"
    path.write_bytes(BASE)
    features = mepipe.load(path)
    features.read("x", [0])
    other = tmp_path / "other"
    other.write_bytes(b"another")
    other.replace(path)
    np.testing.assert_array_equal(features.x, X)
    with pytest.raises(DamageError, match="changed after it was opened"):
        pickle.loads(pickle.dumps(features)).read("x")


def test_rows_in_any_order_and_again_and_none(tmp_path):
    path = tmp_path / "features.h5"
    many = np.arange(9 * 3 * 4 * 4, dtype=np.float32).reshape(9, 3, 4, 4)
    rows = [{**ROW, "clip": f"a/s1/{n}"} for n in range(9)]
    path.write_bytes(encode_pack(pack(rows), many))
    features = mepipe.load(path)
    for order in ([], [8], [3, 4, 5], [5, 4, 3, 3], [0, 2, 3, 8, 0], list(range(9))):
        np.testing.assert_array_equal(features.read("x", order), many[order])

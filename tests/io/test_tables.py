"""Each table is read back as its reader would."""

import json

import numpy as np
import pandas as pd
import pytest

from mepipe.cache.pack import COLUMNS
from mepipe.errors import BadDataError, NothingUsableError, UsageError
from mepipe.io import export
from mepipe.io import exported_rows as model


def test_npz_is_arrays_that_numpy_reads_without_unpickling(made, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "BLOCK", 4)
    features = made()
    counted = []
    done = export(features, "npz", tmp_path / "a" / "b", advance=lambda: counted.append(1))
    assert (done.clips, done.files, len(counted)) == (18, 1, 18)
    with np.load(tmp_path / "a" / "b" / "features.npz", allow_pickle=False) as read:
        assert set(read) == {"x", "classes", "channels", "settings", *COLUMNS}
        np.testing.assert_array_equal(read["x"], features.x)
        assert read["x"].dtype == np.float32
        for name in COLUMNS:
            np.testing.assert_array_equal(read[name], features.columns[name])
        assert tuple(read["channels"]) == ("u", "v", "strain")
        assert json.loads(str(read["settings"])) == features.settings


def test_npz_holds_what_more_the_file_holds(with_faces, tmp_path):
    features = with_faces()
    export(features, "npz", tmp_path / "out")
    with np.load(tmp_path / "out" / "features.npz") as read:
        np.testing.assert_array_equal(read["faces"], features.read("faces"))
        np.testing.assert_array_equal(read["targets"], features.targets)


def test_csv_gives_pandas_the_same_numbers(made, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "BLOCK", 5)

    def odd(x, rows):
        rows[0]["label"], rows[0]["fps"], rows[1]["fps"] = 'a "b", c', 59.94, None
        x[0, 0, 0, :3] = 1e-38, -1 / 3, 16777215

    features = made(odd)
    export(features, "csv", tmp_path / "out")
    read = pd.read_csv(tmp_path / "out" / "features.csv")
    assert list(read)[:8] == [
        "clip", "dataset", "subject", "group", "label", "y", "u_0_0", "u_0_1",
    ]  # fmt: skip
    assert list(read)[-1] == "strain_27_27"
    cells = read.iloc[:, 6:].to_numpy(np.float32).reshape(features.x.shape)
    np.testing.assert_array_equal(cells, features.x)
    assert read["v_3_5"].to_numpy(np.float32).tolist() == features.x[:, 1, 3, 5].tolist()
    assert read["clip"].tolist() == features.clip.tolist()
    assert read["y"].tolist() == features.y.tolist()
    assert read["label"][0] == 'a "b", c'
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert list(table) == list(COLUMNS)
    assert table["fps"][0] == 59.94
    assert np.isnan(table["fps"][1])
    assert table["movement"].dtype == bool


def test_rows_are_chosen(made, tmp_path):
    features = made()
    export(features, "npz", tmp_path / "out", rows=[3, 17])
    with np.load(tmp_path / "out" / "features.npz") as read:
        assert read["clip"].tolist() == features.clip[[3, 17]].tolist()
        np.testing.assert_array_equal(read["x"], features.x[[3, 17]])


@pytest.mark.parametrize("target", ["npz", "csv", "png", "ststnet"])
def test_equal_features_give_equal_bytes(made, tmp_path, target):
    features = made(people=2)
    for name in "ab":
        export(features, target, tmp_path / name)
    written = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*"))
            if path.is_file()
        }
        for name in "ab"
    ]
    assert written[0]
    assert written[0] == written[1]


def test_what_cannot_be_exported(made, tmp_path):
    features = made()
    with pytest.raises(UsageError, match="no export to 'xls'") as caught:
        export(features, "xls", tmp_path / "out")
    assert "npz, png, csv, ststnet, htnet" in caught.value.remedy
    with pytest.raises(NothingUsableError, match="holds no clip"):
        export(features, "csv", tmp_path / "out", rows=[])
    assert not (tmp_path / "out").exists()


def test_nan_is_no_picture(made, tmp_path):
    def spoil(x, rows):
        x[7, 2, 1, 1] = np.nan

    features = made(spoil)
    for target in ("png", "ststnet"):
        with pytest.raises(BadDataError, match=rf"{features.clip[7]} hold NaN"):
            export(features, target, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    export(features, "npz", tmp_path / "out")

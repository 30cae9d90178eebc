import csv

import cv2
import numpy as np
import pytest

from mepipe.errors import UsageError
from mepipe.io import export
from mepipe.viz.feature_picture import tensor_picture


def test_flow_is_colour_and_strain_is_grey():
    x = np.zeros((3, 4, 4), np.float32)
    x[0, 0, 0], x[0, 3, 3], x[2, 1, 2] = 0.5, -0.5, 0.2
    image = tensor_picture(x)
    assert image.shape == (224, 224 + 4 + 224, 3)
    flow, strain = image[:, :224], image[:, 228:]
    assert flow[10, 10].tolist() == [255, 0, 0]  # to the right: red
    assert flow[-10, -10].tolist() == [0, 255, 255]  # to the left: the opposite
    assert flow[100, 100].tolist() == [255, 255, 255]
    assert strain[60:110, 115:165].min() == 255
    assert strain[10, 10].tolist() == [0, 0, 0]


def test_every_clip_has_its_picture(made, tmp_path):
    features = made(scale="fixed")
    done = export(features, "png", tmp_path / "out")
    assert (done.files, done.notes) == (19, ())
    with (tmp_path / "out" / "pictures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == features.clip.tolist()
    for row in rows:
        assert row["picture"] == f"{row['clip']}.png"
        assert cv2.imread(str(tmp_path / "out" / row["picture"])).shape == (224, 452, 3)


def test_without_a_zero_the_median_is_no_motion(made, tmp_path):
    done = export(made(), "png", tmp_path / "out")
    (note,) = done.notes
    assert "min-max" in note
    image = cv2.imread(str(tmp_path / "out" / "a" / "p0" / "c0.png"))
    assert image[:, :224].min(axis=2).mean() > 150  # mostly pale: what does not move


def test_names_that_no_file_can_have(made, tmp_path):
    def rename(*clips):
        def change(x, rows):
            for row, clip in zip(rows, clips, strict=False):
                row["clip"] = clip

        return change

    export(made(rename("a/p0/b:c*")), "png", tmp_path / "one")
    assert (tmp_path / "one" / "a" / "p0" / "b_c_.png").is_file()
    with pytest.raises(UsageError, match=r"a/\.\./c has a part '\.\.' that can name no file"):
        export(made(rename("a/../c")), "png", tmp_path / "two")
    with pytest.raises(UsageError, match=r"a/p0/b:c and a/P0/B\*C would both have the picture"):
        export(made(rename("a/p0/b:c", "a/P0/B*C")), "png", tmp_path / "two")
    assert not (tmp_path / "two").exists()

"""The trees, read by code written to what public scripts do with them."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pandas
import pytest

import mepipe
from mepipe.errors import BadDataError, NothingUsableError, UsageError
from mepipe.io import export
from mepipe.io.import_features import import_features


def listed(folder):
    return [path.name for path in Path(folder).iterdir()]


def read_folds(root):
    """Walk through the tree as STSTNet's training script does: what it sees, fold by fold."""
    folds = {}
    for person in listed(root):
        sides = {}
        for side in ("u_train", "u_test"):
            x, y, names = [], [], []
            for label in listed(f"{root}/{person}/{side}"):
                for name in listed(f"{root}/{person}/{side}/{label}"):
                    x.append(cv2.imread(f"{root}/{person}/{side}/{label}/{name}"))
                    y.append(int(label))
                    names.append(name)
            sides[side] = (x, y, names)
        folds[person] = sides
    return folds


def test_ststnet_sees_the_pixels_of_the_features(made, tmp_path):
    features = made()
    done = export(features, "ststnet", tmp_path / "out")
    assert (done.clips, done.files, done.left_out) == (18, 18 * 6 + 1, ())
    folds = read_folds(tmp_path / "out" / "norm_u_v_os")
    assert set(folds) == {f"p{n}" for n in range(6)}
    row = {
        f"{clip.split('/')[1]}_{clip.split('/')[2]}.png": number
        for number, clip in enumerate(features.clip.tolist())
    }
    for person, sides in folds.items():
        test, train = sides["u_test"], sides["u_train"]
        assert {name.split("_")[0] for name in test[2]} == {person}
        assert set(train[2]) | set(test[2]) == set(row)
        assert len(train[2]) + len(test[2]) == len(row)
        for x, y, names in (test, train):
            for image, label, name in zip(x, y, names, strict=True):
                assert features.y[row[name]] == label
                # OpenCV sees blue, green, red: strain, v, u.
                seen = image[..., ::-1].transpose(2, 0, 1) / 255
                np.testing.assert_allclose(seen, features.x[row[name]], atol=0.5 / 255 + 1e-6)


def test_what_is_imported_from_the_tree_is_its_pixels(made, tmp_path):
    features = made()
    export(features, "ststnet", tmp_path / "out")
    folds = read_folds(tmp_path / "out" / "norm_u_v_os")
    done = import_features(tmp_path / "out", tmp_path / "back.h5")
    back = mepipe.load(tmp_path / "back.h5")
    assert (done.scale, done.scale_seen, done.notes) == ("minmax", True, ())
    for name in ("clip", "subject", "group", "dataset", "y", "label"):
        assert back.columns[name].tolist() == features.columns[name].tolist()
    by_name = {
        name: image
        for sides in folds.values()
        for image, name in zip(sides["u_test"][0], sides["u_test"][2], strict=True)
    }
    for clip, x in zip(back.clip.tolist(), back.x, strict=True):
        image = by_name["_".join(clip.split("/")[1:]) + ".png"]
        seen = image[..., ::-1].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(x, seen)
    # And so the same network on either: there and back again nothing changes any more.
    export(back, "ststnet", tmp_path / "again")
    for path in sorted((tmp_path / "out").rglob("*.png")):
        twin = tmp_path / "again" / path.relative_to(tmp_path / "out")
        assert twin.read_bytes() == path.read_bytes()


def test_any_scale_gives_the_same_picture(made, tmp_path):
    features = made()

    def stretch(x, rows):
        x *= np.float32(0.25)
        x -= np.float32(0.125)

    export(features, "ststnet", tmp_path / "one", rows=range(6))
    done = export(made(stretch, scale="fixed"), "ststnet", tmp_path / "two", rows=range(6))
    assert done.notes == ()
    for path in sorted((tmp_path / "one").rglob("*.png")):
        twin = cv2.imread(str(tmp_path / "two" / path.relative_to(tmp_path / "one")))
        assert np.abs(twin.astype(int) - cv2.imread(str(path))).max() <= 1

    def cut(x, rows):
        x[2, 0, 3, 3] = 1.0

    (note,) = export(made(cut, scale="fixed"), "ststnet", tmp_path / "three").notes
    assert "minmax" in note


def test_a_channel_that_is_still_is_black(made, tmp_path):
    def still(x, rows):
        x[0, 1] = 0.4

    features = made(still)
    export(features, "ststnet", tmp_path / "out")
    image = cv2.imread(str(tmp_path / "out/norm_u_v_os/p0/u_test/0/p0_c0.png"))
    assert (image[..., 1] == 0).all()
    assert image[..., 2].max() == 255


def test_clips_without_a_class_are_left_out_and_told(made, tmp_path):
    def unlabel(x, rows):
        rows[2]["y"], rows[2]["label"] = -1, ""

    features = made(unlabel)
    done = export(features, "ststnet", tmp_path / "out")
    assert (done.clips, done.left_out) == (17, (str(features.clip[2]),))
    folds = read_folds(tmp_path / "out" / "norm_u_v_os")
    assert len(folds["p1"]["u_train"][2]) + len(folds["p1"]["u_test"][2]) == 17
    # A class of which a person has nothing has an empty folder: some scripts list each.
    assert sorted(listed(tmp_path / "out/norm_u_v_os/p0/u_test")) == ["0", "1", "2"]


def every(**values):
    def change(x, rows):
        for row in rows:
            row.update(values)

    return change


@pytest.mark.parametrize(
    ("change", "options", "kind", "message", "remedy"),
    [
        (None, {"size": 12}, UsageError, "are 12x12", "tensor.size=28"),
        (every(y=-1, label=""), {}, NothingUsableError, "none of the 18 clips", "Give labels"),
        (every(group=""), {}, UsageError, "the person of a/p0/c0 is unknown", "subject"),
        (every(group="a/p0"), {}, UsageError, "all clips with a class are of a/p0", "two persons"),
    ],
)
def test_features_that_fit_no_tree(made, tmp_path, change, options, kind, message, remedy):
    features = made(change or every(), **options)
    with pytest.raises(kind, match=message) as caught:
        export(features, "ststnet", tmp_path / "out")
    assert remedy in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_other_classes_are_refused(made, tmp_path):
    features = made()
    features.classes = ("positive", "negative", "surprise")
    with pytest.raises(UsageError, match="the classes are positive, negative") as caught:
        export(features, "ststnet", tmp_path / "out")
    assert "labels.classes = megc3" in caught.value.remedy


def test_names_that_collide_are_refused_with_both_clips(made, tmp_path):
    def one_folder(x, rows):
        for row in rows:
            if row["group"] == "b/p1":
                row["group"] = "b/P0"

    with pytest.raises(UsageError, match=r"a/p0/c0 and b/p1/c0 would both have .* folder 'P0'"):
        export(made(one_folder), "ststnet", tmp_path / "out")

    def one_name(x, rows):
        # As in SMIC-HS and SMIC-VIS: the same person and the same clip's name.
        rows[1]["clip"], rows[1]["group"] = "b/p0/c0", rows[0]["group"]

    with pytest.raises(UsageError, match=r"a/p0/c0 and b/p0/c0 would both have the picture"):
        export(made(one_name), "ststnet", tmp_path / "out")


def test_no_name_leaves_the_folder(made, tmp_path):
    def climb(x, rows):
        rows[0]["group"], rows[1]["clip"] = "a/..", "a/p0/../../x"

    with pytest.raises(UsageError, match=r"part '\.\.'"):
        export(made(climb), "ststnet", tmp_path / "out")

    def slash(x, rows):
        rows[1]["clip"] = "a/p0/../../x"

    export(made(slash), "ststnet", tmp_path / "deep" / "out")
    assert len(list((tmp_path / "deep" / "out").rglob("p0_.._.._x.png"))) == 6
    assert listed(tmp_path / "deep") == ["out"]
    import_features(tmp_path / "deep" / "out", tmp_path / "back.h5")
    assert "a/p0/../../x" in mepipe.load(tmp_path / "back.h5").clip


def read_as_htnet(root):
    """Do with the files what HTNet's script does before it trains."""
    table = pandas.read_csv(root / "combined_3_class2_for_optical_flow.csv")
    faces = {}
    for i in range(len(table)):
        name = str(table["sub"][i]) + "_" + str(table["filename_o"][i]) + " .png"
        face = cv2.imread(f"{root}/datasets/combined_datasets_whole/" + table["imagename"][i])
        faces[name] = cv2.resize(face, (28, 28), interpolation=cv2.INTER_AREA)
    whole = root / "datasets" / "STSNet_whole_norm_u_v_os"
    flows = {}
    for name in listed(whole):
        assert name in faces
        flows[name] = cv2.imread(str(whole / name))
    folds = read_folds(root / "datasets" / "three_norm_u_v_os")
    for sides in folds.values():
        for x, _, names in sides.values():
            for image, name in zip(x, names, strict=True):
                np.testing.assert_array_equal(image, flows[name])
    return table, faces, flows, folds


def test_htnet_finds_everything_it_looks_for(with_faces, tmp_path):
    features = with_faces()
    done = export(features, "htnet", tmp_path / "out")
    table, faces, flows, folds = read_as_htnet(tmp_path / "out")
    assert done.files == sum(path.is_file() for path in (tmp_path / "out").rglob("*"))
    assert list(table) == [
        "dataset", "sub", "filename_o", "label", "apex", "imagename", "sub_filename",
    ]  # fmt: skip
    assert len(flows) == len(faces) == 18
    assert set(folds) == set(table["sub"])
    for row, clip in enumerate(features.clip.tolist()):
        dataset, person, name = clip.split("/")
        shown = table[(table["sub"] == person) & (table["filename_o"] == name)].iloc[0]
        assert (shown["dataset"], shown["label"], shown["apex"]) == (dataset, features.y[row], 109)
        face = cv2.imread(f"{tmp_path}/out/datasets/combined_datasets_whole/{shown['imagename']}")
        np.testing.assert_array_equal(face[..., 0], features.read("faces", [row])[0, 2])
        seen = flows[f"{person}_{name} .png"][..., ::-1].transpose(2, 0, 1) / 255
        np.testing.assert_allclose(seen, features.x[row], atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("people", "clips"),
    [
        (["006", "007", "011"], ["006_1_2", "3"]),  # SAMM alone: pandas takes the persons for 6, 7
        (["006", "sub01", "s1"], ["001", "002"]),
        (["1e3", "NA", "2.50"], ["nan", "a,b"]),
    ],
)
def test_names_survive_pandas(with_faces, tmp_path, people, clips):
    def rename(x, rows):
        for number, row in enumerate(rows):
            person, name = people[number % 3], clips[number // 3 % 2]
            row["subject"], row["group"] = person, f"samm/{person}"
            # Six clips a person, named 3, 30, 300, ... where they are numbers.
            row["clip"] = f"samm/{person}/{name}{'0' * (number // 6)}"

    features = with_faces(rename)
    done = export(features, "htnet", tmp_path / "out")
    table, faces, _, folds = read_as_htnet(tmp_path / "out")
    assert done.clips == len(faces) == 18
    assert set(folds) == {str(sub) for sub in table["sub"]}
    import_features(tmp_path / "out", tmp_path / "back.h5")
    back = mepipe.load(tmp_path / "back.h5")
    assert set(back.clip) == set(features.clip)


def test_features_without_the_apex_face_name_the_settings(made, with_faces, tmp_path):
    with pytest.raises(UsageError, match="holds no faces") as caught:
        export(made(), "htnet", tmp_path / "out")
    assert "flow.keep_faces=true" in caught.value.remedy
    assert 'pack.include=["x","faces"]' in caught.value.remedy
    for apex in (7, None):
        with pytest.raises(BadDataError, match=r"no face of the apex of a/p0/c0 .* 4, 9"):
            export(with_faces(apex=apex), "htnet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_index_names_every_picture(with_faces, tmp_path):
    features = with_faces()
    export(features, "htnet", tmp_path / "out")
    with Path(tmp_path / "out" / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == features.clip.tolist()
    assert rows[0]["picture"] == "p0_c0 .png"
    done = import_features(tmp_path / "out", tmp_path / "back.h5")
    assert sum(done.clips.values()) == 18

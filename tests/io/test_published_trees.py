"""Trees of pictures as others publish them, whole and broken."""

import shutil

import cv2
import numpy as np
import pytest

import mepipe
from mepipe.errors import BadDataError, UsageError
from mepipe.io.import_features import import_features

CLIPS = {"sub01": {"EP1": 0, "EP2": 2}, "s3": {"ne_1": 0}, "006": {"006_1": 1}}


def image(seed):
    found = np.random.default_rng(seed).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    found[0, 0], found[1, 1] = 0, 255
    return found


@pytest.fixture
def tree(tmp_path):
    """Pictures of three persons as OpenCV writes them, without any table."""
    root = tmp_path / "put" / "norm_u_v_os"
    for person in CLIPS:
        number = 0
        for owner, clips in CLIPS.items():
            for clip, y in clips.items():
                side = "u_test" if owner == person else "u_train"
                folder = root / person / side / str(y)
                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{owner}_{clip}.png"), image(number))
                number += 1
    return root


def test_a_tree_without_a_table_is_read(tree, tmp_path):
    out = tmp_path / "f.h5"
    done = import_features(tree.parent, out)
    features = mepipe.load(out)
    assert features.clip.tolist() == [
        "norm_u_v_os/006/006_1", "norm_u_v_os/s3/ne_1", "norm_u_v_os/sub01/EP1",
        "norm_u_v_os/sub01/EP2",
    ]  # fmt: skip
    assert features.y.tolist() == [1, 0, 0, 2]
    assert (done.scale, done.scale_seen, done.size, done.subjects) == ("minmax", True, 28, 3)
    (note,) = done.notes
    assert "--dataset" in note
    # OpenCV writes blue, green, red; u is red.
    seen = image(0)[..., ::-1].transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(features.x[2], seen)
    first = out.read_bytes()
    assert import_features(tree, out).sha256 == done.sha256
    assert out.read_bytes() == first


def test_its_dataset_is_said(tree, tmp_path):
    done = import_features(tree.parent, tmp_path / "f.h5", dataset="CASME2")
    assert done.notes == ()
    assert "casme2/sub01" in mepipe.load(tmp_path / "f.h5").group
    np.savez(tmp_path / "p.npz", x=0)
    with pytest.raises(UsageError, match="names the dataset of each clip itself"):
        import_features(tmp_path / "p.npz", tmp_path / "f.h5", dataset="CASME2")


def test_htnet_s_table_names_the_datasets(tree, tmp_path):
    root = tmp_path / "htnet"
    shutil.copytree(tree, root / "datasets" / "three_norm_u_v_os")
    for path in sorted(root.rglob("*.png")):
        path.rename(path.with_name(f"{path.stem} .png"))
    lines = ["dataset,sub,filename_o,label,apex,imagename,sub_filename"]
    for owner, clips in CLIPS.items():
        dataset = {"sub01": "casme2", "s3": "smic", "006": "samm"}[owner]
        lines += [f"{dataset},{owner},{clip},{y},1,x.png,x" for clip, y in clips.items()]
    table = root / "combined_3_class2_for_optical_flow.csv"
    table.write_text("\n".join(lines) + "\n")
    import_features(root, tmp_path / "f.h5")
    features = mepipe.load(tmp_path / "f.h5")
    assert features.clip.tolist() == [
        "casme2/sub01/EP1", "casme2/sub01/EP2", "samm/006/006_1", "smic/s3/ne_1",
    ]  # fmt: skip
    assert features.group.tolist()[-2:] == ["samm/006", "smic/s03"]
    before = (tmp_path / "f.h5").read_bytes()
    import_features(root / "datasets" / "three_norm_u_v_os", tmp_path / "f.h5")
    assert (tmp_path / "f.h5").read_bytes() == before
    table.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(BadDataError, match=r"006_006_1 \.png is not in .*combined_3"):
        import_features(root, tmp_path / "f.h5")
    table.write_text("\n".join([*lines, "samm,006,more,1,1,x.png,x"]) + "\n")
    with pytest.raises(BadDataError, match=r"names '006_more \.png', which is in nobody's u_test"):
        import_features(root, tmp_path / "f.h5")
    table.write_text("a,b\n1,2\n")
    with pytest.raises(BadDataError, match=r"row 1 of .* lacks dataset or sub"):
        import_features(root, tmp_path / "f.h5")


def move(start, end):
    def change(tree):
        (tree / end).parent.mkdir(parents=True, exist_ok=True)
        (tree / start).rename(tree / end)

    return change


def copy(start, end):
    def change(tree):
        (tree / end).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / start, tree / end)

    return change


def write(path, content):
    def change(tree):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (tree / path).write_bytes(content)
        else:
            cv2.imwrite(str(tree / path), content)

    return change


def cut(tree):
    path = tree / "006/u_test/1/006_006_1.png"
    path.write_bytes(path.read_bytes()[:200])


OWN, OTHER = "sub01/u_test/0/sub01_EP1.png", "s3/u_train/0/sub01_EP1.png"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (copy(OWN, "sub01/u_train/0/sub01_EP1.png"), "one clip on both sides"),
        (lambda tree: (tree / OTHER).unlink(), r"s3.u_train lacks 1 clip\(s\) .*sub01_EP1"),
        (lambda tree: shutil.rmtree(tree / "006/u_train"), r"006.u_train lacks 3 clip\(s\)"),
        (write(OTHER, image(77)), "one clip with other pixels"),
        (copy(OWN, "s3/u_test/0/sub01_EP1.png"), "one clip twice"),
        (copy(OWN, "sub01/u_test/2/sub01_EP1.png"), "one clip twice"),
        (copy(OTHER, "s3/u_train/1/sub01_EP1.png"), r"holds the clip 'sub01_EP1\.png' twice"),
        (move(OTHER, "s3/u_train/1/sub01_EP1.png"), "two classes"),
        (copy(OTHER, "s3/u_train/0/new.png"), "in nobody's u_test"),
        (move("s3/u_train/0", "s3/u_train/00"), "holds '00', and its folders are the classes"),
        (write("s3/u_test/0/Thumbs.db", b"x"), r"Thumbs\.db is no \.png file"),
        (write(OWN, b"x"), "one clip with other pixels|no PNG"),
        (write("006/u_test/1/006_006_1.png", image(0)[..., 0]), "no PNG of three channels"),
        (cut, "truncated PNG"),
    ],
)
def test_a_tree_that_gives_other_figures_is_refused(tree, tmp_path, change, message):
    change(tree)
    with pytest.raises(BadDataError, match=message) as caught:
        import_features(tree.parent, tmp_path / "f.h5")
    assert caught.value.remedy
    assert not (tmp_path / "f.h5").exists()


def test_the_same_pixels_packed_otherwise_are_the_same_clip(tree, tmp_path):
    cv2.imwrite(str(tree / OTHER), image(0), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    (tree / ".DS_Store").write_bytes(b"x")
    assert sum(import_features(tree.parent, tmp_path / "f.h5").clips.values()) == 4


def test_a_picture_that_claims_to_be_huge_is_not_decoded(tree, tmp_path):
    path = tree / "006/u_test/1/006_006_1.png"
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    for place in tree.rglob(path.name):
        place.write_bytes(data)
    with pytest.raises(BadDataError, match="100000x100000"):
        import_features(tree.parent, tmp_path / "f.h5")


def test_pictures_of_two_sizes_and_a_class_that_is_none(tree, tmp_path):
    for place in tree.rglob("006_006_1.png"):
        cv2.imwrite(str(place), image(3)[:14, :14])
    with pytest.raises(BadDataError, match="28x28"):
        import_features(tree.parent, tmp_path / "f.h5")
    for place in tree.rglob("006_006_1.png"):
        cv2.imwrite(str(place), image(3))
    with pytest.raises(BadDataError, match=r"006_1\) is 1, and the classes are 0 to 0"):
        import_features(tree.parent, tmp_path / "f.h5", classes=("one",))

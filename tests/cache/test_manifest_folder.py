"""A folder of an output folder: mepipe's files in it are replaced together, others stay."""

import json

import pytest

from mepipe.cache.manifest import Manifest
from mepipe.errors import UsageError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_of_before_go_and_those_of_others_stay(tmp_path):
    place = tmp_path / "pictures"
    Manifest(tmp_path).replace_folder("pictures", "k1", {"1.webp": b"one", "2.webp": b"two"})
    (place / "mine.txt").write_text("mine")
    again = Manifest(tmp_path)
    assert again.holds_folder("pictures")
    assert again.made("pictures/1.webp")
    again.replace_folder("pictures", "k2", {"2.webp": b"new"})
    assert names(place) == ["2.webp", "mine.txt"]
    assert (place / "2.webp").read_bytes() == b"new"
    Manifest(tmp_path).replace_folder("pictures", "k3", {})
    assert names(place) == ["mine.txt"]
    assert json.loads((tmp_path / "manifest.json").read_text()) == {}


def test_an_empty_folder_goes_and_none_is_made_for_nothing(tmp_path):
    Manifest(tmp_path).replace_folder("pictures", "k", {})
    assert names(tmp_path) == []
    Manifest(tmp_path).replace_folder("pictures", "k", {"1.webp": b"one"})
    Manifest(tmp_path).replace_folder("pictures", "k", {})
    assert names(tmp_path) == ["manifest.json"]


def test_a_missing_or_changed_file_is_seen(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.replace_folder("pictures", "k", {"1.webp": b"one"})
    (tmp_path / "pictures" / "1.webp").unlink()
    assert not Manifest(tmp_path).holds_folder("pictures")


@pytest.mark.parametrize("kind", ["link", "file", "inside"])
def test_what_is_not_of_mepipe_is_neither_replaced_nor_followed(tmp_path, kind):
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    place = out / "pictures"
    if kind == "link":
        place.symlink_to(other)
    elif kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "1.webp").write_text("mine")
    with pytest.raises(UsageError, match="not written by mepipe"):
        Manifest(out).replace_folder("pictures", "k", {"1.webp": b"one"})
    assert names(other) == []
    if kind == "inside":
        assert (place / "1.webp").read_text() == "mine"

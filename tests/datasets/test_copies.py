"""Copies that file managers make of frames, videos and folders."""

import pytest
from lookalikes import write_casme2, write_frames

from mepipe.datasets.casme2 import read as read_casme2
from mepipe.datasets.copies import find_copies
from mepipe.datasets.folder import read
from mepipe.datasets.frames_on_disk import list_frames

COPIES = (
    "img60 (1)", "img60(1)", "img60 - Copy", "img60 - Copy (2)", "img60 copy", "img60 copy 2",
    "img60_copy", "Copy of img60", "Copy (2) of img60", "img60 - Kopie", "Kopie von img60",
    "img60 - copia", "img60 2", "img60 (another copy)", "IMG60 (1)", "img60 - Copy - Copy",
)  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_a_frame_is_no_frame(tmp_path, name):
    write_frames(tmp_path, range(55, 62))
    (tmp_path / f"{name}.jpg").write_bytes(b"x")
    found = list_frames(tmp_path)
    assert found.images.numbers == tuple(range(55, 62))
    assert found.copies == (f"{name}.jpg",)
    (text,) = found.left_out
    assert text.startswith("1 image(s) are copies")
    assert f"{name}.jpg" in text


@pytest.mark.parametrize("pattern", ["clip ({}).jpg", "take 1 ({}).jpg", "img copy {}.jpg"])
def test_a_sequence_that_is_called_so_is_one(tmp_path, pattern):
    write_frames(tmp_path, range(1, 61), pattern)
    assert list_frames(tmp_path).images.numbers == tuple(range(1, 61))
    # With a picture of the sequence's name beside it, too.
    (tmp_path / f"{pattern.partition(' (')[0]}.jpg").write_bytes(b"x")
    assert find_copies(path.stem for path in tmp_path.iterdir()) == {}


def test_every_frame_may_have_its_copy(tmp_path):
    write_frames(tmp_path, range(1, 21))
    write_frames(tmp_path, range(1, 21), "img{} - Copy.jpg")
    found = list_frames(tmp_path)
    assert (len(found.images.names), len(found.copies)) == (20, 20)


@pytest.mark.parametrize("names", [("take", "take 2"), ("img1", "img2"), ("copy1", "copy2")])
def test_other_names_are_no_copies(names):
    assert find_copies(names) == {}


def test_a_copied_frame_of_a_published_set_is_noted(tmp_path):
    write_casme2(tmp_path)
    clip = tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f"
    (clip / "img50 - Copy.jpg").write_bytes(b"x")
    dataset = read_casme2(tmp_path, None)
    assert any("copies that a file manager made" in note.text for note in dataset.notes)
    assert dataset.rejects == ()


@pytest.mark.parametrize("name", ["c01 (1).mp4", "c01 - Copy.mp4", "Copy of c01.avi"])
def test_a_copied_video_is_left_out_where_it_is_one(tmp_path, name):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "c01.mp4").write_bytes(b"video")
    (tmp_path / "anna" / name).write_bytes(b"video")
    dataset = read(tmp_path, "d")
    assert [clip.id for clip in dataset.clips] == ["d/anna/c01"]
    assert name in dataset.notes[0].text
    (tmp_path / "anna" / name).write_bytes(b"other")
    dataset = read(tmp_path, "d")
    assert len(dataset.clips) == 2
    assert "differs: used" in dataset.notes[0].text


def test_a_copied_folder_of_frames_is_left_out_where_it_is_one(tmp_path):
    write_frames(tmp_path / "anna" / "c01", range(5))
    write_frames(tmp_path / "anna" / "c01 - Copy", range(5))
    dataset = read(tmp_path, "d")
    assert [clip.id for clip in dataset.clips] == ["d/anna/c01"]
    (tmp_path / "anna" / "c01 - Copy" / "img3.jpg").write_bytes(b"other")
    assert len(read(tmp_path, "d").clips) == 2

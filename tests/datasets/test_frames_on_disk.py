import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import write_frames

from mepipe.datasets.frames_on_disk import (
    frame_number,
    list_folder,
    list_frames,
    missing_runs,
)
from mepipe.errors import BadDataError, UnreadableInputError


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("img46", 46),
        ("reg_img46", 46),
        ("img001", 1),
        ("006_05562", 5562),
        ("reg_image0559740", 559740),
        ("7", 7),
        ("frame 12 (copy)", 12),
        ("clip2_frame", 2),
        ("cover", None),
        ("", None),
        ("frame٣", None),
    ],
)
def test_frame_number_is_the_last_run_of_digits(stem, number):
    assert frame_number(stem) == number


@given(
    st.text(alphabet="abc_-0123456789 ", max_size=12),
    st.integers(0, 10**9),
    st.integers(0, 8),
    st.text(alphabet="abc_- ()é", max_size=6),
)
def test_frame_number_survives_any_padding_prefix_and_suffix(prefix, number, width, suffix):
    assert frame_number(f"{prefix}x{number:0{width}d}{suffix}") == number


def test_frames_are_sorted_by_number_not_by_name(tmp_path):
    write_frames(tmp_path, (100, 9, 10, 46))
    frames = list_frames(tmp_path)
    assert frames.images.numbers == (9, 10, 46, 100)
    assert frames.images.names == ("img9.jpg", "img10.jpg", "img46.jpg", "img100.jpg")
    assert frames.unnumbered == ()


@given(numbers=st.sets(st.integers(0, 10**6), min_size=1, max_size=20))
def test_any_set_of_numbers_comes_back_ascending(numbers, tmp_path_factory):
    folder = write_frames(tmp_path_factory.mktemp("clip"), numbers, "f{}.bmp")
    assert list_frames(folder).images.numbers == tuple(sorted(numbers))


def test_list_frames_takes_suffixes_in_any_case_and_images_only(tmp_path):
    for name in ("1.JPG", "2.jpeg", "3.Bmp", "4.PNG", ".5.jpg", "._1.JPG", "6.txt", "cover.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "7.jpg").mkdir()
    frames = list_frames(tmp_path)
    assert frames.images.names == ("1.JPG", "2.jpeg", "3.Bmp", "4.PNG")
    assert frames.unnumbered == ("cover.jpg",)


def test_list_frames_names_both_files_of_one_number(tmp_path):
    for name in ("img1.jpg", "img2.jpg", "img02.png"):
        (tmp_path / name).touch()
    with pytest.raises(BadDataError, match=r"two files are frame 2: img02\.png and img2\.jpg"):
        list_frames(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "it is empty"),
        (("a1.tif", "a2.tif", "x.txt"), "it holds 2 .tif files"),
        (("cover.jpg",), "cover.jpg has no number"),
        (("9999999999999999999.jpg",), "more than 18 digits"),
    ],
)
def test_folders_without_usable_frames_say_what_they_hold(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(BadDataError, match=message):
        list_frames(tmp_path)


def test_list_frames_keeps_a_broken_link(tmp_path):
    write_frames(tmp_path, (1, 3))
    (tmp_path / "img2.jpg").symlink_to(tmp_path / "gone.jpg")
    assert list_frames(tmp_path).images.numbers == (1, 2, 3)


def test_list_folder_reports_names_that_are_not_utf8(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"img\xff1.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert list_folder(tmp_path).unnameable == ("img\\udcff1.jpg",)
    with pytest.raises(BadDataError, match="not valid UTF-8"):
        list_frames(tmp_path)


def test_list_folder_refuses_a_folder_that_cannot_be_listed(tmp_path):
    with pytest.raises(UnreadableInputError, match="cannot be read: No such file"):
        list_folder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([7], []),
        ([1, 2, 3, 4], []),
        ([1, 2, 5, 6, 7, 9, 10], [(3, 4), (8, 8)]),
        ([0, 2, 4, 6], []),  # every second frame was kept: no gap
    ],
)
def test_missing_runs_are_the_gaps_of_a_continuous_sequence(numbers, runs):
    assert missing_runs(numbers) == runs

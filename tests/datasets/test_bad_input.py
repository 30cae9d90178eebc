"""Bad input: one clear line each, nothing lost, and the rest goes on.

What concerns one module alone is tried in that module's tests: tables in
test_sheets, frame names in test_frames_on_disk, image files in
frames/test_headers and frames/test_images.
"""

import os
import struct
import zlib

import numpy as np
import pytest
from lookalikes import (
    CASME2_HEADER,
    CASME2_ROWS,
    write_casme2,
    write_folder,
    write_xlsx,
)

from mepipe.datasets import frames_on_disk
from mepipe.datasets.registry import open_dataset
from mepipe.errors import UsageError
from mepipe.frames import decode_image, image_size

SHEET = "CASME2-coding-20190701.xlsx"
TREE = "CASME2_RAW_selected"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
ALL = 4


def ids(dataset):
    return [clip.id for clip in dataset.clips]


def said(dataset):
    """Everything that is reported, in one text."""
    rejects = [f"{r.clip}: {r.message}. {r.remedy}" for r in dataset.rejects]
    return "\n".join([*rejects, *(f"{note.clip}: {note.text}" for note in dataset.notes)])


def without(*columns):
    """The sheet's rows without some of its columns."""
    kept = [i for i, name in enumerate(CASME2_HEADER) if name not in columns]
    return [[row[i] for i in kept] for row in (CASME2_HEADER, *CASME2_ROWS)]


def one_cell(column, value, row=0):
    """The sheet's rows with another value in one cell."""
    rows = [list(cells) for cells in (CASME2_HEADER, *CASME2_ROWS)]
    rows[row + 1][CASME2_HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([CASME2_ROWS[0]], "no header row: no cell reads 'Filename'"),
        ([()], "no header row"),
        ([CASME2_HEADER], ""),
        (without("Subject"), "no column 'Subject'"),
        (without("ApexFrame", "OffsetFrame"), "no column 'ApexFrame' or 'Apex', 'OffsetFrame'"),
        (without("Estimated Emotion"), "no column 'Estimated Emotion'"),
    ],
)
def test_readers_refuse_a_sheet_that_cannot_be_read_as_a_whole(tmp_path, rows, words):
    write_casme2(tmp_path)
    write_xlsx(tmp_path / SHEET, rows)
    if not words:  # a header alone: every folder is without a row, and is named
        dataset = open_dataset(str(tmp_path))
        assert dataset.clips == ()
        assert said(dataset).count("has no row") == ALL
        return
    with pytest.raises(UsageError, match=words) as caught:
        open_dataset(str(tmp_path))
    assert str(tmp_path / SHEET) in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: OLE + data,
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda _: b"x",
    ],
    ids=["password", "truncated", "empty", "text"],
)
def test_readers_refuse_a_workbook_that_cannot_be_opened(tmp_path, damage):
    write_casme2(tmp_path)
    sheet = tmp_path / SHEET
    sheet.write_bytes(damage(sheet.read_bytes()))
    with pytest.raises(UsageError, match=SHEET) as caught:
        open_dataset(str(tmp_path))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("Estimated Emotion", 3, "unknown emotion '3'"),
        ("Estimated Emotion", True, "unknown emotion 'true'"),
        ("Subject", "x9", "the subject is 'x9', not a number"),
        ("Subject", None, "the subject is '', not a number"),
        ("Filename", 12, "has no folder"),
    ],
)
def test_cells_of_the_wrong_type_reject_their_clip_only(tmp_path, column, value, words):
    write_casme2(tmp_path)
    write_xlsx(tmp_path / SHEET, one_cell(column, value))
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.clips) == ALL - 1
    (reject,) = dataset.rejects
    assert words in reject.message
    assert "row 2" in reject.message
    assert reject.remedy


@pytest.mark.parametrize("value", ["early", True, 46.5, "=SUM(D3:D5)", "46-48", "#REF!"])
def test_number_cells_that_hold_no_number_are_kept_as_text(tmp_path, value):
    write_casme2(tmp_path)
    write_xlsx(tmp_path / SHEET, one_cell("OnsetFrame", value))
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.clips) == ALL
    onset = dataset.clips[0].onset
    assert onset.number is None
    assert onset.text == str(value)


def test_remarks_blank_rows_and_a_second_header_are_not_clips(tmp_path):
    write_casme2(tmp_path)
    rows = [CASME2_HEADER, *CASME2_ROWS, (), CASME2_HEADER, ("Total", None, None, 255), ("© 2014",)]
    write_xlsx(tmp_path / SHEET, rows)
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.clips) == ALL
    assert "rows without a Filename are ignored: 7, 8, 9" in said(dataset)


def test_files_that_programs_leave_behind_are_not_clips(tmp_path):
    write_casme2(tmp_path)
    for path in (
        f"{TREE}/.DS_Store",
        f"{TREE}/._sub01",
        f"{TREE}/sub01/.DS_Store",
        f"{TREE}/sub01/EP02_01f/._img46.jpg",
        f"{TREE}/sub01/EP02_01f/Thumbs.db",
        f"{TREE}/sub01/EP02_01f/.hidden7.jpg",
        f"~${SHEET}",
        f"._{SHEET}",
    ):
        (tmp_path / path).write_bytes(b"\0\5\x16\7")
    (tmp_path / "__MACOSX").mkdir()
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.clips) == ALL
    assert len(dataset.clips[0].source.names) == 45
    assert said(dataset) == ""


def test_names_with_spaces_unicode_and_255_bytes_are_read(tmp_path):
    names = ["EP01 02", "EP é 中 🙂", "EP_" + "n" * 252, "EP01_'\"$(x)"]
    rows = [("03", name, None, 5, 9, 14, None, 4, "disgust", 4) for name in names]
    write_casme2(tmp_path / "a b\u00a0ü", rows)
    dataset = open_dataset(str(tmp_path / "a b\u00a0ü"))
    assert sorted(ids(dataset)) == sorted(f"casme2/sub03/{name}" for name in names)
    assert said(dataset) == ""


@pytest.fixture
def unreadable(monkeypatch):
    """Make folders unreadable, which the superuser cannot do by permissions."""
    closed = set()
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path) in closed:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(frames_on_disk.os, "scandir", refuse)
    return lambda path: closed.add(os.fspath(path))


def test_casme2_rejects_the_clips_of_unreadable_folders(tmp_path, unreadable):
    write_casme2(tmp_path)
    unreadable(tmp_path / TREE / "sub02")
    unreadable(tmp_path / TREE / "sub01/EP03_02")
    dataset = open_dataset(str(tmp_path))
    assert ids(dataset) == ["casme2/sub01/EP02_01f", "casme2/sub17/EP06_02_01"]
    assert [r.clip for r in dataset.rejects] == ["casme2/sub01/EP03_02", "casme2/sub02/EP01_2"]
    assert all("Permission denied" in reject.message for reject in dataset.rejects)
    assert all("permissions" in reject.remedy for reject in dataset.rejects)


@pytest.mark.parametrize("build", [write_casme2, write_folder])
def test_an_unreadable_root_is_a_usage_error(tmp_path, unreadable, build):
    build(tmp_path)
    unreadable(tmp_path)
    with pytest.raises(UsageError, match="Permission denied") as caught:
        open_dataset(str(tmp_path))
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("name", ["CASME2_RAW_selected", "Cropped", "CASME2"])
def test_a_tree_of_the_right_name_with_nothing_in_it_is_refused(tmp_path, name):
    (tmp_path / name / "sub01").mkdir(parents=True)
    for root in (tmp_path / name, tmp_path):
        with pytest.raises(UsageError, match=r"clips such as") as caught:
            open_dataset(str(root))
        assert caught.value.remedy


def grey_alpha_png(width, height):
    """An 8-bit PNG of grey and alpha, which OpenCV reads and does not write."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)
    rows = b"".join(b"\0" + bytes([y, 255]) * width for y in range(height))
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_a_grey_alpha_image_is_a_frame_like_others(tmp_path):
    data = grey_alpha_png(40, 30)
    (tmp_path / "img1.png").write_bytes(data)
    image = decode_image(data)
    assert (image.shape, image.dtype) == ((30, 40, 3), np.uint8)
    assert image[7, 0].tolist() == [7, 7, 7]
    assert image_size(tmp_path / "img1.png") == (40, 30)

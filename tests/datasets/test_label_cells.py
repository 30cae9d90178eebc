"""Cells of a user's table: words for nothing, class codes, times, merged cells, encodings."""

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import write_casme2, write_csv, write_frames, write_xlsx

from mepipe.datasets.casme2 import read as read_casme2
from mepipe.datasets.clip import Mark
from mepipe.datasets.emotions import normalise
from mepipe.datasets.folder import read
from mepipe.datasets.missing import is_missing
from mepipe.datasets.time_cells import is_clock, is_time, milliseconds

NOTHING = ("NA", "n/a", "#N/A", "NaN", "nan", "NULL", "None", "<NA>", "NaT", "-", "--", ".", "?",
           "missing", "#VALUE!", "#REF!", "#DIV/0!", " \u2014 ")  # fmt: skip


def folder(root, *keys):
    for key in keys or ("anna/c1", "anna/c2", "ben/c1"):
        write_frames(root / key, range(1, 11), "{:03d}.png")
    return root


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def by_id(dataset):
    return {clip.id: clip for clip in dataset.clips}


@pytest.mark.parametrize("word", NOTHING)
def test_a_word_for_nothing_is_an_empty_cell(tmp_path, word):
    header = ("subject", "clip", "emotion", "onset", "apex", "offset", "fps")
    rows = [header, ("anna", "c1", word, word, word, word, word)]
    write_csv(folder(tmp_path, "anna/c1") / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    (clip,) = dataset.clips
    assert (clip.emotion, clip.onset, clip.apex, clip.offset, clip.fps) == ("",) + (None,) * 4
    assert texts(dataset, clip.id) == []
    assert any("emotion reads as empty (lines 2)" in text for text in texts(dataset))


def test_na_of_numbers_is_not_even_worth_a_note(tmp_path):
    rows = [("subject", "clip", "onset", "fps"), ("anna", "c1", "NaN", "nan")]
    write_csv(folder(tmp_path, "anna/c1") / "labels.csv", rows)
    assert read(tmp_path, "d").notes == ()
    write_csv(tmp_path / "labels.csv", [*rows[:1], ("anna", "c1", "#REF!", "")])
    (text,) = texts(read(tmp_path, "d"))
    assert "'#REF!' in the column onset" in text


def test_a_subject_and_a_clip_may_be_called_na(tmp_path):
    rows = [("subject", "clip", "emotion"), ("NA", "None", "fear"), ("-", "NaN", "anger")]
    write_csv(folder(tmp_path, "NA/None", "-/NaN") / "labels.csv", rows)
    assert [clip.emotion for clip in read(tmp_path, "d").clips] == ["anger", "fear"]


@given(st.sampled_from(NOTHING), st.sampled_from((str.upper, str.lower, str.title)))
def test_words_for_nothing_in_any_case_and_with_blanks(word, case):
    assert is_missing(f"  {case(word)} ")


@given(st.integers(-(10**9), 10**9))
def test_no_number_is_a_word_for_nothing(number):
    assert not is_missing(str(number))
    assert not is_missing(str(number / 4))


def test_na_in_a_published_sheet_is_empty_and_a_question_mark_is_not(tmp_path):
    header = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame",
              "Estimated Emotion")  # fmt: skip
    rows = [(1, "EP02_01f", 46, 59, 86, "happiness"), (1, "EP03_02", 131, 161, 181, "disgust")]
    write_casme2(tmp_path, rows, header=header)
    rows = [(*rows[0][:3], "NA", *rows[0][4:]), (*rows[1][:3], "?", *rows[1][4:5], "nan")]
    write_xlsx(tmp_path / "CASME2-coding-20190701.xlsx", [header, *rows])
    dataset = read_casme2(tmp_path, None)
    assert [clip.apex for clip in dataset.clips] == [None, Mark(None, text="?")]
    assert dataset.clips[1].emotion == ""
    assert "row 2 of CASME2-coding-20190701.xlsx: the apex is empty" in texts(
        dataset, dataset.clips[0].id
    )


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (("0", "1", "0.0", "1.0"), {"0", "1"}),
        (("2", "2.00", "02", "+2"), {"2"}),
        (("-1", "-1.0", "1", "1,0"), {"-1", "1"}),
        (("\uff12", "2", "2.", "0"), {"2", "0"}),
    ],
)
def test_one_class_code_is_one_class_however_written(tmp_path, cells, classes):
    keys = [f"s{i}/c" for i in range(len(cells))]
    rows = [("clip", "emotion"), *zip(keys, cells, strict=True)]
    write_csv(folder(tmp_path, *keys) / "labels.csv", rows, ";")
    dataset = read(tmp_path, "d")
    assert {clip.emotion for clip in dataset.clips} == classes
    assert dataset.own_words


@given(st.text(max_size=12))
def test_normalising_a_word_again_changes_nothing(word):
    assert normalise(normalise(word)) == normalise(word)


@pytest.mark.parametrize("cell", ["0.25", ".5", "1,45", "250 ms", "0.3s", "2.5e-1", "0:00:01.5"])
def test_a_cell_that_is_a_time(tmp_path, cell):
    rows = [("subject", "clip", "onset", "apex"), ("anna", "c1", 1, 3), ("ben", "c1", 2, cell)]
    write_csv(folder(tmp_path) / "labels.csv", rows, ";")
    dataset = read(tmp_path, "d")
    assert dataset.table == tmp_path / "labels.csv"
    (time,) = dataset.times
    assert (time.line, time.column, time.text) == (3, "apex", cell)


@pytest.mark.parametrize("cell", ["10", "10.0", "10,0", "10.", "?", "", "1e1", "frame 3", "-1"])
def test_a_cell_that_is_no_time(cell):
    assert not is_time(cell)


def test_times_in_milliseconds():
    assert milliseconds("0.25", "seconds") == 250
    assert milliseconds("0,25", "seconds") == 250
    assert milliseconds("250", "milliseconds") == 250
    assert milliseconds("250 ms", "seconds") == 250
    assert milliseconds("0:00:01", "seconds") is None
    assert is_clock("00:01:02.5")
    assert is_clock("1900-01-01 00:00:01")
    assert not is_clock("1.5")


def merged(path, rows, *ranges):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for one in ranges:
        book.active.merge_cells(one)
    book.save(path)


def test_merged_cells_of_a_workbook_hold_for_all_their_rows(tmp_path):
    rows = [
        ("Subject", "Clip", "Frames", None, "Emotion"),
        (None, None, "onset", "apex", None),
        ("anna", "c1", 1, 4, "fear"),
        (None, "c2", 2, 5, None),
        ("ben", "c1", 3, 6, "anger"),
    ]
    merges = ("A1:A2", "B1:B2", "C1:D1", "E1:E2", "A3:A4", "E3:E4")
    merged(folder(tmp_path) / "labels.xlsx", rows, *merges)
    dataset = read(tmp_path, "d")
    clips = by_id(dataset)
    assert [clip.emotion for clip in clips.values()] == ["fear", "fear", "anger"]
    assert clips["d/anna/c2"].apex == Mark(5)
    assert texts(dataset) == []


def test_a_merged_range_larger_than_the_table_gives_no_rows(tmp_path):
    rows = [("subject", "clip", "emotion"), ("anna", "c1", "fear"), (None, "c2", "anger")]
    merged(folder(tmp_path, "anna/c1", "anna/c2") / "labels.xlsx", rows, "A2:A900")
    assert [clip.emotion for clip in read(tmp_path, "d").clips] == ["fear", "anger"]


def test_merged_cells_that_a_text_lost_are_taken_from_above(tmp_path):
    rows = [("subject", "clip", "emotion"), ("anna", "c1", "fear"), ("", "c2", "anger"),
            ("ben", "c1", "sadness")]  # fmt: skip
    write_csv(folder(tmp_path) / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert [clip.emotion for clip in dataset.clips] == ["fear", "anger", "sadness"]
    assert any("lines 3 have no subject" in text for text in texts(dataset))


def test_an_empty_subject_in_a_list_that_repeats_subjects_is_a_gap(tmp_path):
    rows = [("subject", "clip", "emotion"), ("anna", "c1", "fear"), ("", "c2", "anger"),
            ("anna", "c3", "sadness"), ("ben", "c2", "anger")]  # fmt: skip
    keys = ("anna/c1", "anna/c2", "anna/c3", "ben/c2")
    write_csv(folder(tmp_path, *keys) / "labels.csv", rows)
    assert by_id(read(tmp_path, "d"))["d/anna/c2"].emotion == ""


def test_the_subjects_of_a_published_sheet_are_taken_from_above(tmp_path):
    header = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame",
              "Estimated Emotion")  # fmt: skip
    rows = [(1, "EP02_01f", 46, 59, 86, "happiness"), (1, "EP03_02", 131, 161, 181, "disgust"),
            (2, "EP01_2", 20, 31, 40, "surprise")]  # fmt: skip
    write_casme2(tmp_path, rows, header=header)
    rows[1] = (None, *rows[1][1:])
    write_xlsx(tmp_path / "CASME2-coding-20190701.xlsx", [header, *rows])
    dataset = read_casme2(tmp_path, None)
    assert [clip.subject for clip in dataset.clips] == ["sub01", "sub01", "sub02"]
    assert dataset.rejects == ()
    assert any("rows 3 have no subject" in text for text in texts(dataset))


@pytest.mark.parametrize("name", ["labels.tsv", "Labels.TXT", "labels.CSV"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_of_all_names_and_encodings_are_read(tmp_path, name, encoding):
    rows = [("subject", "clip", "emotion"), ("anna", "c1", "fear")]
    write_csv(folder(tmp_path, "anna/c1") / name, rows, "\t", encoding)
    assert read(tmp_path, "d").clips[0].emotion == "fear"


@pytest.mark.parametrize("cell", ["2024-02-01 00:00:00", "02-Jan", "1.00E+03", "01/02/2024"])
def test_a_name_that_a_spreadsheet_damaged_is_named(tmp_path, cell):
    rows = [("subject", "clip", "emotion"), ("anna", cell, "fear")]
    write_csv(folder(tmp_path, "anna/01-02", "anna/1e3") / "labels.csv", rows)
    assert any("a spreadsheet made a date or a number" in t for t in texts(read(tmp_path, "d")))


def test_a_column_of_decimals_finds_its_subjects_and_clips(tmp_path):
    rows = [("subject", "clip", "emotion"), ("1.0", "2.0", "fear"), ("2.0", "1.0", "anger")]
    write_csv(folder(tmp_path, "01/2", "02/1") / "labels.csv", rows)
    assert [clip.emotion for clip in read(tmp_path, "d").clips] == ["fear", "anger"]

import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookalike_sets import (
    CASME_SQ_FOLDERS,
    CASME_SQ_ROWS,
    CASME_SQ_SUBJECTS,
    CASME_SQ_VIDEOS,
    write_casme_sq,
)
from lookalikes import write_csv, write_frames, write_xlsx

from mepipe.datasets.casme_sq import read
from mepipe.datasets.recordings import recordings
from mepipe.errors import UsageError

SHEET = "CAS(ME)^2code_final.xlsx"


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def contents(dataset):
    return [
        (
            clip.id.removeprefix("casme-sq/"),
            clip.kind,
            clip.emotion,
            *(mark and mark.number for mark in (clip.onset, clip.apex, clip.offset)),
        )
        for clip in dataset.clips
    ]


EXPECTED = [
    ("s15/15_0101disgustingteeth#1", "micro", "negative", 60, 66, 72),
    ("s15/15_0101disgustingteeth#2", "macro", "positive", 64, 80, 110),
    ("s15/15_0101disgustingteeth#3", "macro", "others", 150, 156, None),
    ("s15/15_0507climbingthewall#1", "micro", "surprise", 90, 96, 103),
    ("s16/16_0101disgustingteeth#1", "macro", "negative", 40, 46, 60),
]


def test_each_row_is_a_clip_of_its_recording(tmp_path):
    dataset = read(write_casme_sq(tmp_path), None)
    assert contents(dataset) == EXPECTED
    first = dataset.clips[0]
    assert (first.group, first.fps, first.action_units) == ("casme-sq/s15", 30.0, "4+7")
    assert first.recording == "casme-sq/s15/15_0101disgustingteeth"
    assert first.source.folder == tmp_path / "rawpic/s15/15_0101disgustingteeth"
    assert dataset.rejects == ()


def test_an_offset_of_0_is_unknown_and_said(tmp_path):
    dataset = read(write_casme_sq(tmp_path), None)
    (text,) = texts(dataset, "casme-sq/s15/15_0101disgustingteeth#3")
    assert text == f"row 3 of {SHEET}: the offset is 0, which is not a frame: unknown"


def test_recordings_hold_overlapping_movements_and_those_without_a_row(tmp_path):
    found = {
        one.id.split("/", 1)[1]: one for one in recordings(read(write_casme_sq(tmp_path), None))
    }
    assert sorted(found) == sorted(CASME_SQ_FOLDERS)
    events = found["s15/15_0101disgustingteeth"].events
    assert [(e.onset, e.apex, e.offset, e.kind) for e in events] == [
        (59, 65, 71, "micro"),
        (63, 79, 109, "macro"),
        (149, 155, None, "macro"),
    ]
    assert [e.offset_number for e in events] == [72, 110, None]
    assert found["s16/16_0507climbingthewall"].events == ()
    assert len(found["s16/16_0507climbingthewall"].source.names) == 300


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_sheets_of_codes_are_known_by_what_they_map(tmp_path, order):
    sheets = (CASME_SQ_SUBJECTS, CASME_SQ_VIDEOS)
    write_casme_sq(tmp_path, sheets=[sheets[i] for i in order])
    assert contents(read(tmp_path, None)) == EXPECTED


def test_another_table_of_numbers_beside_the_sheet_is_no_sheet_of_codes(tmp_path):
    write_casme_sq(tmp_path)
    # It maps every subject, to folders that are not there; the other one only some.
    write_csv(tmp_path / "A.csv", [(1, 71, 1), (2, 72, 2)])
    write_csv(tmp_path / "B.csv", [(9, 16, 1)])
    assert contents(read(tmp_path, None)) == EXPECTED


def test_other_columns_codes_as_numbers_and_padded_subjects_are_read(tmp_path):
    rows = [(f"{row[0]:02d}", *row[1:]) for row in CASME_SQ_ROWS]
    subjects = [(subject, f"s{code}", "name") for _, code, subject in CASME_SQ_SUBJECTS]
    videos = [(word, None, int(code)) for code, word in CASME_SQ_VIDEOS]
    write_casme_sq(tmp_path, rows, sheets=[subjects, videos])
    assert contents(read(tmp_path, None)) == EXPECTED


@pytest.mark.parametrize(("delimiter", "ending"), [(",", "csv"), (";", "csv"), ("\t", "tsv")])
def test_the_sheets_as_text_give_the_same(tmp_path, delimiter, ending):
    write_casme_sq(tmp_path)
    (tmp_path / SHEET).unlink()
    for name, rows in {
        "code": CASME_SQ_ROWS,
        "n1": CASME_SQ_SUBJECTS,
        "n2": CASME_SQ_VIDEOS,
    }.items():
        write_csv(tmp_path / f"{name}.{ending}", rows, delimiter)
    assert contents(read(tmp_path, None)) == EXPECTED


def test_a_sheet_with_the_folders_codes_needs_no_sheet_of_codes(tmp_path):
    rows = [(15, "0101_1", *CASME_SQ_ROWS[0][2:]), (15, "0507_1", *CASME_SQ_ROWS[3][2:])]
    assert contents(read(write_casme_sq(tmp_path, rows, sheets=()), None)) == [
        EXPECTED[0],
        EXPECTED[3],
    ]


@pytest.mark.parametrize(
    ("sheets", "what"),
    [
        ((), "subjects and videos"),
        ((CASME_SQ_SUBJECTS,), "videos by codes"),
        ((CASME_SQ_VIDEOS,), "subjects by codes"),
    ],
)
def test_without_its_sheets_of_codes_the_set_is_refused(tmp_path, sheets, what):
    write_casme_sq(tmp_path, sheets=sheets)
    with pytest.raises(UsageError, match=what) as caught:
        read(tmp_path, None)
    assert "two sheets of codes" in caught.value.remedy


def test_no_sheet_and_two_that_differ_are_refused(tmp_path):
    write_casme_sq(tmp_path)
    write_csv(tmp_path / "edited.csv", CASME_SQ_ROWS[:3])
    with pytest.raises(UsageError, match="two sheets of CAS"):
        read(tmp_path, None)
    (tmp_path / "edited.csv").unlink()
    (tmp_path / SHEET).write_bytes(b"PK cut off")
    with pytest.raises(UsageError, match=r"sheet of CAS\(ME\)2 .* is damaged or cut off"):
        read(tmp_path, None)


def test_rows_without_frames_and_unknown_codes_are_rejects(tmp_path):
    rows = [
        *CASME_SQ_ROWS,
        (2, "happy1_1", 5, 8, 20, "12", "positive", "macro-expression", "x"),
        (9, "disgust1_1", 5, 8, 20, "12", "positive", "macro-expression", "x"),
        (1, "anger7_1", 5, 8, 20, "12", "positive", "macro-expression", "x"),
        (1, "disgust1_4", 5, 8, 20, "12", "hapiness", "macro-expression", "x"),
    ]
    dataset = read(write_casme_sq(tmp_path, rows), None)
    messages = {reject.clip: reject.message for reject in dataset.rejects}
    assert "has no folder in" in messages["casme-sq/s16/16_0502#1"]
    assert "the subject '9' is in no sheet of codes" in messages["casme-sq/subject 9/disgust1#1"]
    assert "the video 'anger7_1' is in no sheet of codes" in messages["casme-sq/s15/anger7#1"]
    assert "did you mean 'happiness'" in messages["casme-sq/s15/15_0101disgustingteeth#4"]
    assert contents(dataset) == EXPECTED


def test_a_folder_of_another_subjects_name_belongs_to_the_folder_it_lies_in(tmp_path):
    rows = [(3, "happy1_1", 5, 8, 20, "12", "positive", "macro-expression", "x")]
    write_casme_sq(tmp_path, rows, folders=["s19/23_0502funnyerrors"])
    dataset = read(tmp_path, None)
    assert [clip.id for clip in dataset.clips] == ["casme-sq/s19/23_0502funnyerrors#1"]
    assert "bears the name of s23" in texts(dataset, "casme-sq/s19/23_0502funnyerrors")[0]
    write_frames(tmp_path / "rawpic/s19/19_0502funnyerrors", (1, 2))
    (reject,) = read(tmp_path, None).rejects
    assert "two folders of s19 have the code 0502" in reject.message


def test_rows_that_repeat_remarks_and_a_header_are_said(tmp_path):
    rows = [("Subject", "Video", "Onset"), *CASME_SQ_ROWS, CASME_SQ_ROWS[4], ("coded by two",)]
    dataset = read(write_casme_sq(tmp_path, rows), None)
    assert len(dataset.clips) == 6
    said = " ".join(texts(dataset))
    assert "rows 6 and 7 of" in said
    assert "rows 1, 8 name no video" in said


def test_a_row_without_a_kind_is_told_by_its_length(tmp_path):
    rows = [*CASME_SQ_ROWS[:2], (2, "disgust1_1", 40, 46, 55, "4", "negative"),
            (2, "disgust1_2", 40, 46, 56, "4", "negative")]  # fmt: skip
    found = recordings(read(write_casme_sq(tmp_path, rows), None))
    events = next(one.events for one in found if one.subject == "s16" and one.events)
    assert [(event.offset_number, event.kind) for event in events] == [(55, "micro"), (56, "macro")]


CELL = st.none() | st.integers(-5, 400) | st.floats() | st.text(max_size=6) | st.sampled_from(
    ["disgust1_1", "0101", "15", "s15", "macro-expression", "micro", "=A1", "/", "..", "nan", "-1"]
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 8), CELL), min_size=1, max_size=8)
)
def test_whatever_the_cells_no_row_is_lost(tmp_path, changes):
    if not (tmp_path / "rawpic").exists():
        write_casme_sq(tmp_path)
        (tmp_path / SHEET).unlink()
        write_csv(tmp_path / "n1.csv", CASME_SQ_SUBJECTS)
        write_csv(tmp_path / "n2.csv", CASME_SQ_VIDEOS)
    rows = [list(row) for row in CASME_SQ_ROWS]
    for row, column, cell in changes:
        rows[row][column] = cell
    write_csv(
        tmp_path / "code.csv",
        [[c if c is None else str(c).replace("\0", "") for c in row] for row in rows],
    )
    try:
        dataset = read(tmp_path, None)
    except UsageError:
        return
    with (tmp_path / "code.csv").open(newline="") as file:
        held = sum(any(cell.strip() for cell in row) for row in csv.reader(file))
    ignored = [t for t in texts(dataset) if "name no video with key frames" in t]
    left = ignored[0].split("rows ")[1].split(" name")[0].count(",") + 1 if ignored else 0
    assert len(dataset.clips) + len(dataset.rejects) + left == held
    ids = [clip.id for clip in dataset.clips] + [reject.clip for reject in dataset.rejects]
    assert len(ids) == len(set(ids))
    for one in recordings(dataset):
        for event in one.events:
            assert 0 not in (event.onset_number, event.apex_number, event.offset_number)


def test_the_tree_alone_and_its_parent_give_the_same(tmp_path):
    write_casme_sq(tmp_path / "set")
    whole = read(tmp_path / "set", None)
    assert read(tmp_path / "set/rawpic", None).clips == whole.clips
    write_xlsx(tmp_path / "set/rawpic/copy.xlsx", CASME_SQ_ROWS, CASME_SQ_SUBJECTS, CASME_SQ_VIDEOS)
    assert read(tmp_path / "set", None).clips == whole.clips

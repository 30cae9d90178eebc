"""Files of events: what is read, what is said, and errors that name the cell."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalike_sets import (
    smic_e_rows,
    write_casme3,
    write_casme3_macro,
    write_casme_sq,
    write_samm_long,
    write_smic_e,
)
from lookalikes import write_folder, write_xlsx

from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Video
from mepipe.errors import MepipeError, UsageError
from mepipe.evaluation.dataset_events import dataset_events
from mepipe.evaluation.spotting_metrics import Event, read_events, score

HEADER = "recording,onset,offset,fps"


@pytest.fixture
def write(tmp_path):
    def make(*lines, name="events.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return make


def test_a_plain_file(write):
    found = read_events(write(HEADER, "a,10,19,30", "a,60,119,30", "b,5,14,25"))
    assert found.events == (
        Event("a", 10, 19, 30.0), Event("a", 60, 119, 30.0), Event("b", 5, 14, 25.0),
    )  # fmt: skip
    assert found.notes == ()


def test_every_column_in_any_order_with_semicolons_and_a_byte_order_mark(write):
    path = write(
        "Subject;Emotion;OFFSET;Onset;apex;fps;video;Kind;remark",
        "s1;Happy;19;10;15;29,97;a;Micro-Expression;x",
        "s2;;59;10;-1;;b;macro;",
        encoding="utf-8-sig",
    )
    assert read_events(path).events == (
        Event("a", 10, 19, 29.97, "micro", "s1", "happiness", 15),
        Event("b", 10, 59, None, "macro", "s2"),
    )


def test_a_label_stands_for_an_emotion_and_whole_numbers_may_have_a_point(write):
    found = read_events(write("recording,onset,offset,label", "a,10.0,19.0,negative"))
    assert found.events == (Event("a", 10, 19, emotion="negative"),)


def test_a_workbook_is_a_table_too(tmp_path):
    write_xlsx(tmp_path / "e.xlsx", [("recording", "onset", "offset"), ("a", 10, 19)])
    assert read_events(tmp_path / "e.xlsx").events == (Event("a", 10, 19),)


def test_a_recording_without_events_is_a_row_with_its_name(write):
    found = read_events(write(HEADER, "a,10,19,30", "b,,,30"))
    assert list(found.recordings) == ["a", "b"]
    assert score(found, found).content["recordings"] == {"truth": 2, "predicted": 2, "both": 2}


def test_the_folder_of_a_run_and_the_datasets_own_numbers(write, tmp_path):
    write("recording,onset,offset,onset_number,offset_number,fps", "a,0,9,101,110,30")
    truth = write(HEADER, "a,101,110,30", name="truth.csv")
    assert read_events(tmp_path).events == (Event("a", 0, 9, 30.0),)
    assert read_events(tmp_path, numbers=True).events == (Event("a", 101, 110, 30.0),)
    assert score(truth, tmp_path).all["tp"] == 0
    assert score(truth, tmp_path, numbers=True).all["tp"] == 1


def test_other_kinds_are_not_scored_and_said(write):
    path = write("recording,onset,offset,fps,kind", "a,1,9,30,micro", "a,3,6,30,blink",
                 "a,3,9,30,Head turn", "b,,,30,cut")  # fmt: skip
    found = read_events(path)
    assert len(found.events) == 1
    assert list(found.recordings) == ["a", "b"]
    assert ["blink" in note for note in found.notes] == [True, False, False]


def test_an_empty_kind_follows_from_the_length_and_is_said(write):
    found = read_events(write("recording,onset,offset,fps,kind", "a,0,60,30,micro", "b,0,60,30,"))
    assert [one.kind for one in found.events] == ["micro", ""]
    assert "the kind is empty in line 3" in found.notes[0]
    assert score(found, found).macro["tp"] == 1


def test_repeated_and_overlapping_rows_count_and_are_said(write):
    found = read_events(write(HEADER, "a,0,9,30", "b,0,9,30", "a,5,14,30", "a,0,9,30"))
    assert len(found.events) == 4
    assert "lines 2 and 5 state the same event" in found.notes[0]
    assert "overlap" in found.notes[1]
    single = read_events(write(HEADER, "a,0,9,30", "b,0,9,30", name="p.csv"))
    assert score(single, found).all["fp"] == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("a,30,20,30",), "line 2, column offset: the offset 20 lies before the onset 30"),
        (("a,30,0,30",), r"In CAS\(ME\)2 an offset of 0 is an unknown one"),
        (("a,1,9,30", "a,x,20,30"), "line 3, column onset: 'x' is not the number of a frame"),
        (("a,0.5,1.2,30",), "'0.5' is not the number of a frame. Frames are compared"),
        (("a,,20,30",), "column onset: the cell is empty"),
        (("a,20,NA,30",), "column offset: the cell is empty"),
        (("a,-1,20,30",), "column onset: -1 is not a frame"),
        (("a,1,20,fast",), "column fps: 'fast' is not a rate"),
        (("a,1,20,0",), "column fps: '0' is not a rate"),
        (("a,1,20,30", "a,30,40,25"), "line 3, column fps: 25, and 30 in a row before"),
        (("a,1,20,30", ",30,40,25"), "line 3, column recording: no recording is named"),
    ],
)
def test_a_cell_that_cannot_be_right_is_named(write, lines, words):
    path = write(HEADER, *lines)
    with pytest.raises(UsageError, match=words) as error:
        read_events(path)
    assert str(path) in error.value.message
    assert error.value.remedy


def test_two_subjects_of_one_recording_and_unknown_kinds(write):
    with pytest.raises(UsageError, match="write them as SUBJECT/NAME"):
        read_events(write("recording,onset,offset,subject", "1,1,9,a", "1,20,29,b"))
    with pytest.raises(UsageError, match=r"column kind: 'mirco' .*did you mean 'micro'"):
        read_events(write("recording,onset,offset,kind", "1,1,9,mirco"))


def test_files_that_are_no_tables_of_events(write, tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "x.mp4").write_bytes(b"x")
    for path, words in (
        (tmp_path / "empty.csv", "empty.csv is empty"),
        (write("recording,start,end", "a,1,2", name="n.csv"), "no column 'onset', 'offset'"),
        (write("a,1,2", name="h.csv"), "no cell reads 'recording' or 'video'"),
        (tmp_path / "none.csv", "there is no file or folder"),
        (tmp_path / "x.mp4", "is not a table of events"),
    ):
        with pytest.raises(UsageError, match=words):
            read_events(path)


def test_found_nothing_is_a_file_with_a_header(write):
    truth = write(HEADER, "a,10,19,30", name="truth.csv")
    assert score(truth, write(HEADER)).all == {
        "tp": 0, "fp": 0, "fn": 1, "precision": None, "recall": 0, "f1": 0,
    }  # fmt: skip


def test_the_expressions_of_one_video_are_events_of_one_recording(tmp_path):
    found = read_events(write_casme3(tmp_path))
    assert [(one.recording, one.onset, one.offset) for one in found.events][:2] == [
        ("casme3/spNO.1/a", 10, 16), ("casme3/spNO.1/a", 20, 25),
    ]  # fmt: skip
    assert found.events[1].emotion == "happiness"
    assert found.events[1].subject == "casme3/spNO.1"
    numbers = read_events(tmp_path, numbers=True)
    assert (numbers.events[0].onset, numbers.events[0].apex) == (160, 163)


def test_a_dataset_against_a_table(tmp_path, write):
    write_smic_e(tmp_path / "data", smic_e_rows()[:2])
    truth = read_events(tmp_path / "data")
    names = list(truth.recordings)
    assert len(truth.events) == 4
    found = write("recording,onset,offset", f"{names[0].rpartition('/')[2]},2,6")
    result = score(tmp_path / "data", found)
    assert (result.all["tp"], result.all["fn"]) == (1, 3)
    assert result.content["unit"] == "subject"


def test_a_dataset_without_annotations_is_no_truth(tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data" / "labels.csv").unlink(missing_ok=True)
    with pytest.raises(UsageError, match=r"no clip of .* has an annotated onset and offset"):
        read_events(tmp_path / "data")


def test_recordings_of_which_nothing_is_known_are_not_scored(tmp_path, write):
    rows = smic_e_rows()[6:8]
    rows[1] = (*rows[1][:3], None, None, *rows[1][5:])  # its onset and offset are unknown
    truth = read_events(write_smic_e(tmp_path / "data", rows))
    known, unknown = truth.events[0].recording, next(iter(truth.unknown))
    found = write(HEADER, f"{known},2,6,100", f"{unknown},2,6,100")
    result = score(truth, found)
    assert (result.all["tp"], result.all["fp"], result.all["fn"]) == (1, 0, 0)
    assert any("what was found there is not counted" in note for note in result.notes)
    assert any("no usable onset and offset" in note for note in result.notes)


def test_the_folder_of_a_long_video_names_its_recording(tmp_path):
    truth = read_events(write_samm_long(tmp_path))
    assert [(one.recording, one.kind, one.onset, one.offset) for one in truth.events] == [
        ("samm-long/006/006_1", "macro", 2, 8), ("samm-long/006/006_1", "micro", 11, 17),
        ("samm-long/007/007_2", "micro", 4, 10),
    ]  # fmt: skip


def test_a_video_names_its_recording(tmp_path):
    clip = Clip("x/s/b", "d", "s", "g", Video(tmp_path / "b.mp4"), onset=Mark(3), offset=Mark(9))
    assert dataset_of(clip).events == (Event("x/s/b", 3, 9, subject="g"),)
    unsure = replace(clip, source=Video(tmp_path / "c.mp4", numbered=False), id="x/s/c")
    found = dataset_of(clip, unsure)
    assert (len(found.events), found.unknown) == (1, {"x/s/c"})
    assert len(dataset_of(clip, unsure, numbers=True).events) == 2


def dataset_of(*clips, numbers=False):
    with pytest.MonkeyPatch.context() as patch:
        made = Dataset("d", "d", Path("d"), clips)
        patch.setattr("mepipe.evaluation.dataset_events.open_dataset", lambda _: made)
        return dataset_events("d", numbers=numbers)


def test_an_end_before_the_begin_is_unknown_even_where_both_frames_are_missing():
    source = Images(Path("f"), ("a", "b"), (10, 14))
    marks = {"onset": Mark(12), "offset": Mark(11)}
    wrong = Clip("x/s/b#1", "d", "s", "g", source, **marks, recording="x/s/b")
    right = replace(wrong, id="x/s/b#2", onset=Mark(10), offset=Mark(14))
    found = dataset_of(wrong, right)
    assert [(one.onset, one.offset) for one in found.events] == [(0, 1)]
    assert found.unknown == set()
    assert any("x/s/b#1" in note for note in found.notes)


def test_casme_sq_is_a_truth_of_whole_recordings(tmp_path, write):
    truth = read_events(write_casme_sq(tmp_path / "data"))
    first = "casme-sq/s15/15_0101disgustingteeth"
    assert [(one.recording, one.kind, one.onset, one.offset) for one in truth.events] == [
        (first, "micro", 59, 71), (first, "macro", 63, 109),
        ("casme-sq/s15/15_0507climbingthewall", "micro", 89, 102),
        ("casme-sq/s16/16_0101disgustingteeth", "macro", 39, 59),
    ]  # fmt: skip
    assert {one.subject for one in truth.events} == {"casme-sq/s15", "casme-sq/s16"}
    assert any("#3" in note and "no usable" in note for note in truth.notes)
    # One that the coders looked at without a movement: known, and what is found there is false.
    empty = "casme-sq/s16/16_0507climbingthewall"
    assert empty in truth.recordings
    assert truth.unknown == set()
    found = write(HEADER, f"{first},60,71,30", f"{empty},5,14,30")
    result = score(truth, found)
    assert (result.all["tp"], result.all["fp"], result.all["fn"]) == (1, 1, 3)
    numbers = read_events(tmp_path / "data", numbers=True)
    assert (numbers.events[0].onset, numbers.events[0].apex, numbers.events[0].offset) == (
        60, 66, 72,
    )  # fmt: skip


def test_what_the_coders_call_a_movement_goes_before_its_length(tmp_path):
    rows = [(1, "disgust1_1", 60, 66, 90, "4+7", "negative", "micro-expression", "disgust")]
    truth = read_events(write_casme_sq(tmp_path, rows))
    assert [one.kind for one in truth.events] == ["micro"]


def test_a_recording_of_which_only_the_offset_is_unknown_is_not_scored(tmp_path, write):
    rows = [
        (1, "disgust1_1", 60, 66, 72, "4+7", "negative", "micro-expression", "disgust"),
        (2, "disgust1_1", 40, 46, 0, "4", "negative", "macro-expression", "disgust"),
    ]
    truth = read_events(write_casme_sq(tmp_path / "data", rows))
    assert truth.unknown == {"casme-sq/s16/16_0101disgustingteeth"}


def test_macro_rows_of_casme3_are_events_of_the_same_recording(tmp_path):
    write_casme3(tmp_path)
    truth = read_events(write_casme3_macro(tmp_path))
    kinds = [(one.kind, one.onset, one.offset) for one in truth.events
             if one.recording == "casme3/spNO.1/a"]  # fmt: skip
    assert kinds == [("macro", 2, 22), ("micro", 10, 16), ("micro", 20, 25)]
    assert "casme3/spNO.3/d" in truth.recordings
    assert "casme3/spNO.3/d" not in truth.unknown


cells = st.one_of(
    st.sampled_from(["", "0", "7", "-1", "NA", "micro", "blink", "1e9", "3.5", "0:01", "\t", "é"]),
    st.text(max_size=6),
)


@given(st.lists(st.lists(cells, min_size=5, max_size=5), max_size=4))
@settings(deadline=None, max_examples=150)
def test_any_cells_are_read_or_named(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("cells") / "events.csv"
    lines = ["recording;onset;offset;fps;kind", *(";".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
    found, problem = None, None
    try:
        found = read_events(path)
    except MepipeError as error:
        problem = error
    if found is None:
        assert str(path) in problem.message
        assert problem.remedy
    else:
        assert all(one.onset <= one.offset for one in found.events)
        assert {one.recording for one in found.events} <= set(found.recordings)

import pytest
from lookalike_sets import write_fourdme
from lookalikes import write_frames, write_xlsx

from mepipe.datasets.clip import NotRecognisedError
from mepipe.datasets.fourdme import read
from mepipe.datasets.recordings import recordings

SHEET = "4DME/4DME_Labelling_Micro_release v1.xlsx"
HEADER = ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs")


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def test_clips_marks_and_words(tmp_path):
    dataset = read(write_fourdme(tmp_path), None)
    assert [
        (clip.id, clip.emotion, clip.onset.number, clip.apex.number, clip.offset.number)
        for clip in dataset.clips
    ] == [
        ("4dme/S01/S1_001", "positive", 4, 8, 12),
        ("4dme/S01/S1_002", "", 4, 8, 12),
        ("4dme/S02/S2_001", "repression", 4, 8, 12),
    ]
    assert {(clip.fps, clip.recording, clip.excerpt) for clip in dataset.clips} == {
        (60.0, "", False)
    }
    assert dataset.clips[1].action_units == "1+2+4"
    assert dataset.rejects == ()


def test_several_emotions_are_none_and_said(tmp_path):
    dataset = read(write_fourdme(tmp_path), None)
    (text,) = texts(dataset, "4dme/S01/S1_002")
    assert "names negative and surprise: the clip has no label" in text


def test_rows_without_frames_and_frames_without_rows_are_said(tmp_path):
    write_fourdme(tmp_path)
    rows = [("S1", "S1_001", "positive", 4, 8, 12, 12), ("S7", "S7_001", "positive", 4, 8, 12, 12),
            ("S1", "S1_002", "posittive", 4, 8, 12, 12)]  # fmt: skip
    write_xlsx(tmp_path / SHEET, [HEADER, *rows])
    dataset = read(tmp_path, None)
    messages = {reject.clip: reject.message for reject in dataset.rejects}
    assert "has no folder" in messages["4dme/S07/S7_001"]
    assert "did you mean 'positive'" in messages["4dme/S01/S1_002"]
    assert "no row" in texts(dataset, "4dme/S02/S2_009")[0]


def test_two_movements_of_one_clip_are_one_recording(tmp_path):
    write_fourdme(tmp_path)
    rows = [("S1", "S1_001", "positive", 4, 6, 8, 12), ("S1", "S1_001", "surprise", 9, 12, 15, 1)]
    write_xlsx(tmp_path / SHEET, [HEADER, *rows])
    dataset = read(tmp_path, None)
    assert [clip.id for clip in dataset.clips] == ["4dme/S01/S1_001#1", "4dme/S01/S1_001#2"]
    (one,) = recordings(dataset)
    assert one.id == "4dme/S01/S1_001"
    assert [(e.onset, e.offset, e.kind) for e in one.events] == [(3, 7, "micro"), (8, 14, "micro")]


def test_other_sets_of_its_shape_are_not_taken_for_it(tmp_path):
    write_frames(tmp_path / "S1" / "c1", range(5))
    write_xlsx(tmp_path / "labels.xlsx", [("subject", "clip", "emotion"), ("S1", "c1", "fear")])
    with pytest.raises(NotRecognisedError):
        read(tmp_path, None)


def test_the_tree_alone_with_the_sheet_beside_it(tmp_path):
    write_fourdme(tmp_path)
    assert len(read(tmp_path / "4DME/gray_micro", None).clips) == 3

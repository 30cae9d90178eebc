import pytest
from lookalike_sets import write_casme, write_casme3, write_casme3_macro, write_dfme, write_mmew
from lookalikes import write_csv, write_frames, write_xlsx

from mepipe.clips.annotation import resolve
from mepipe.datasets import Mark, casme, casme3, dfme, mmew
from mepipe.datasets.recordings import recordings
from mepipe.errors import UsageError


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def contents(dataset):
    return [
        (clip.id, clip.emotion, clip.onset.number, clip.apex.number, clip.offset.number)
        for clip in dataset.clips
    ]


def test_casme_reads_marks_emotions_and_action_units(tmp_path):
    dataset = casme.read(write_casme(tmp_path), None)
    assert (dataset.name, dataset.reader, dataset.rejects) == ("casme", "casme", ())
    assert contents(dataset) == [
        ("casme/sub01/EP01_5", "tense", 4, 8, 12),
        ("casme/sub01/EP03_1", "happiness", 4, 7, 12),
        ("casme/sub02/EP01_5", "surprise", 4, 8, 12),
    ]
    assert {clip.fps for clip in dataset.clips} == {60.0}
    assert [clip.action_units for clip in dataset.clips] == ["4", "R12", "1"]
    assert texts(dataset) == ["1 rows of casme.xlsx have a second apex: the first is used"]


def test_casme_in_a_renamed_folder_is_recognised_by_its_sheet(tmp_path):
    write_casme(tmp_path, tree="frames")
    assert len(casme.read(tmp_path / "frames", None).clips) == 3


def test_casme3_makes_each_expression_a_clip_of_the_whole_video(tmp_path):
    dataset = casme3.read(write_casme3(tmp_path), None)
    assert contents(dataset) == [
        ("casme3/spNO.1/a#1", "others", 160, 163, 166),
        ("casme3/spNO.1/a#2", "happiness", 170, 172, 175),
        ("casme3/spNO.2/a", "others", 160, 163, 166),
        ("casme3/spNO.2/b", "surprise", 160, 163, 166),
    ]
    clip = dataset.clips[0]
    assert (clip.group, clip.fps) == ("casme3/spNO.1", 30.0)
    assert clip.source.folder == tmp_path / "part_A/spNO.1/a/color"
    assert clip.source.names[0] == "150.jpg"
    assert 178 not in clip.source.numbers
    assert clip.onset == Mark(160)
    assert (dataset.rejects, dataset.notes) == ((), ())


def test_casme3_notes_a_video_without_a_row(tmp_path):
    write_casme3(tmp_path)
    write_frames(tmp_path / "part_A/spNO.3/z/color", (1,))
    (text,) = texts(casme3.read(tmp_path, None), "casme3/spNO.3/z")
    assert "no row" in text


def test_casme3_numbers_the_macro_expressions_after_the_micro_ones(tmp_path):
    before = casme3.read(write_casme3(tmp_path), None).clips
    after = casme3.read(write_casme3_macro(tmp_path), None)
    assert [clip for clip in after.clips if clip.kind == "micro"] == list(before)
    assert [
        (c.id, c.recording, c.emotion, c.onset.number, c.offset.number)
        for c in after.clips
        if c.kind == "macro"
    ] == [
        ("casme3/spNO.1/a#3", "casme3/spNO.1/a", "disgust", 152, 172),
        ("casme3/spNO.2/b#2", "casme3/spNO.2/b", "happiness", 155, 178),
        ("casme3/spNO.3/c", "casme3/spNO.3/c", "anger", 400, 430),
    ]
    assert after.rejects == ()
    assert any("3 rows of" in text and "macro" in text for text in texts(after))


def test_casme3_recordings_have_positions_over_dropped_frames(tmp_path):
    found = recordings(casme3.read(write_casme3_macro(write_casme3(tmp_path)), None))
    assert [(one.id, len(one.events)) for one in found] == [
        ("casme3/spNO.1/a", 3),
        ("casme3/spNO.2/a", 1),
        ("casme3/spNO.2/b", 2),
        ("casme3/spNO.3/c", 1),
        ("casme3/spNO.3/d", 0),
    ]
    a, b = found[0], found[2]
    assert [(e.clip[-2:], e.onset, e.apex, e.offset) for e in a.events] == [
        ("#3", 2, 10, 22),
        ("#1", 10, 13, 16),
        ("#2", 20, 22, 25),
    ]
    # Frame 178 was dropped. Of 177 and 179, both one number away, the earlier is taken.
    macro = b.events[0]
    assert (macro.offset_number, macro.offset) == (178, b.source.numbers.index(177))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("casme3 macro-expressions.xlsx", {"macro"}),
        ("MaE.xlsx", {"macro"}),
        ("part_A_ME_label_maeda.xlsx", {"micro"}),
        ("micro without macro.xlsx", {"micro"}),
    ],
)
def test_casme3_sheets_are_told_by_their_names(tmp_path, name, kinds):
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
    write_casme3(tmp_path)
    (tmp_path / "part_A_ME.xlsx").unlink()
    row = ("spNO.1", "a", 152, 160, 172, "4", 4, "disgust")
    write_xlsx(tmp_path / name, [header, row])
    assert {clip.kind for clip in casme3.read(tmp_path, None).clips} == kinds


def test_casme3_without_any_sheet_says_which_is_missing(tmp_path):
    write_casme3(tmp_path)
    (tmp_path / "part_A_ME.xlsx").unlink()
    with pytest.raises(UsageError, match="micro-expressions of part A"):
        casme3.read(tmp_path, None)


def test_mmew_follows_the_sheet_where_the_emotion_folder_differs(tmp_path):
    dataset = mmew.read(write_mmew(tmp_path), None)
    assert contents(dataset) == [
        ("mmew/s01/S01-01-001", "happiness", 2, 5, 9),
        ("mmew/s01/S01-01-002", "anger", 2, 5, 9),
        ("mmew/s02/S02-01-001", "others", 2, 5, 9),
    ]
    assert {clip.fps for clip in dataset.clips} == {90.0}
    (text,) = texts(dataset, "mmew/s01/S01-01-002")
    assert "says anger, its folder disgust: the sheet is followed" in text
    assert len(dataset.notes) == 1


def test_dfme_reads_parts_with_their_rates_as_one_dataset(tmp_path):
    dataset = dfme.read(write_dfme(tmp_path), None)
    assert contents(dataset) == [
        ("dfme/sub0003/A_3_1", "happiness", 22, 30, 41),
        ("dfme/sub0003/A_3_2", "fear", 22, 30, 41),
        ("dfme/sub0104/B_104_1", "contempt", 22, 30, 41),
    ]
    assert [clip.fps for clip in dataset.clips] == [500.0, 200.0, 300.0]
    assert (dataset.rejects, dataset.notes) == ((), ())


@pytest.mark.parametrize(
    "rate", ["?", "0", "-200", "1e-300", "inf", "nan", "1e300", "100000", "9" * 18, "9" * 25]
)
def test_dfme_rejects_a_clip_whose_rate_no_camera_has(tmp_path, rate):
    write_dfme(tmp_path)
    header = (tmp_path / "part_B.csv").read_text().splitlines()[0].split(",")
    write_csv(tmp_path / "part_B.csv", [header, (104, "B_104_1", 22, 30, 41, "fear", 1, rate, 4)])
    (reject,) = dfme.read(tmp_path, None).rejects
    assert reject.clip == "dfme/sub0104/B_104_1"
    assert f"{rate!r}, not a number" in reject.message
    assert reject.remedy


@pytest.mark.parametrize("number", ["9" * 18, "9" * 25, "1e18", "-1" + "0" * 17])
def test_dfme_apex_with_an_impossible_number_is_left_to_spotting(tmp_path, number):
    write_dfme(tmp_path)
    header = (tmp_path / "part_B.csv").read_text().splitlines()[0].split(",")
    row = (104, "B_104_1", 22, number, 41, "fear", 1, 300, 4)
    write_csv(tmp_path / "part_B.csv", [header, row])
    dataset = dfme.read(tmp_path, None)
    clip = next(clip for clip in dataset.clips if clip.id == "dfme/sub0104/B_104_1")
    found = resolve(clip, clip.source.numbers, repair="spot", missing="nearest", max_missing=2)
    assert (found.onset.number, found.apex, found.offset.number) == (22, None, 41)
    assert number in found.notes[0]

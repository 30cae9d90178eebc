import shutil
from collections import Counter
from pathlib import Path

import pytest
from lookalike_sets import CASME2_COUNTS, casme2_rows, write_whole_casme2
from lookalikes import (
    CASME2_HEADER,
    CASME2_ROWS,
    write_casme2,
    write_csv,
    write_frames,
    write_xlsx,
)

from mepipe.datasets.casme2 import read
from mepipe.datasets.clip import Mark, NotRecognisedError
from mepipe.errors import UsageError

IDS = [
    "casme2/sub01/EP02_01f",
    "casme2/sub01/EP03_02",
    "casme2/sub02/EP01_2",
    "casme2/sub17/EP06_02_01",
]


def ids(dataset):
    return [clip.id for clip in dataset.clips]


def row(subject, name, onset=20, apex=30, offset=40, emotion="fear"):
    return (subject, name, None, onset, apex, offset, None, 12, emotion, 1)


def texts(dataset, clip):
    return [note.text for note in dataset.notes if note.clip == clip]


def test_raw_selected_is_read_with_marks_emotions_and_units(tmp_path):
    dataset = read(write_casme2(tmp_path), None)
    assert (dataset.name, dataset.reader, dataset.own_words) == ("casme2", "casme2", False)
    assert ids(dataset) == IDS
    assert dataset.rejects == ()
    assert dataset.notes == ()
    first = dataset.clips[0]
    assert (first.subject, first.group, first.fps) == ("sub01", "casme2/sub01", 200.0)
    assert (first.onset, first.apex, first.offset) == (Mark(46), Mark(59), Mark(86))
    assert (first.emotion, first.action_units) == ("happiness", "4+7+L10")
    assert first.source.folder == tmp_path / "CASME2_RAW_selected/sub01/EP02_01f"
    assert first.source.numbers == tuple(range(44, 89))
    assert first.source.names[0] == "img44.jpg"
    assert [clip.action_units for clip in dataset.clips] == ["4+7+L10", "12", "R2+15", ""]
    assert dataset.clips[1].emotion == "others"
    assert dataset.clips[2].apex == Mark(31)


@pytest.mark.parametrize(
    ("tree", "pattern"),
    [
        ("Cropped", "reg_img{}.jpg"),
        ("CASME2_RAW_selected/CASME2_RAW_selected", "img{}.jpg"),
        ("CASME2-RAW_selected", "img{}.jpg"),
        ("Cropped/Cropped", "reg_img{}.jpg"),
        ("CASME2_RAW_selected/CASME2_RAW_selected/CASME2_RAW_selected", "img{}.jpg"),
        ("CASME2-RAW", "img{:03d}.jpg"),
        ("CASME2-RAW/CASME2-RAW", "img{:03d}.jpg"),
    ],
)
def test_every_tree_is_found_under_its_usual_names(tmp_path, tree, pattern):
    dataset = read(write_casme2(tmp_path, tree=tree, pattern=pattern), "mine")
    assert ids(dataset) == IDS
    assert {clip.dataset for clip in dataset.clips} == {dataset.name} == {"mine"}
    assert dataset.rejects == ()


@pytest.mark.parametrize("tree", ["CASME2_RAW_selected", "Cropped"])
@pytest.mark.parametrize("inside", [True, False])
def test_the_tree_itself_is_read_with_the_sheet_in_it_or_beside_it(tmp_path, tree, inside):
    write_casme2(tmp_path, tree=tree)
    if inside:
        shutil.move(tmp_path / "CASME2-coding-20190701.xlsx", tmp_path / tree)
    assert ids(read(tmp_path / tree, None)) == IDS


def test_a_renamed_tree_is_recognised_by_its_sheet(tmp_path):
    write_casme2(tmp_path, tree="renamed")
    assert ids(read(tmp_path / "renamed", None)) == IDS


def test_subject_folders_called_01_are_sub01(tmp_path):
    write_casme2(tmp_path)
    for folder in sorted((tmp_path / "CASME2_RAW_selected").iterdir()):
        folder.rename(folder.with_name(folder.name.removeprefix("sub")))
    assert ids(read(tmp_path, None)) == IDS


def test_the_sheet_of_2014_and_the_edited_copy_are_read(tmp_path):
    for number, columns in enumerate(([*range(9)], [0, 1, 3, 4, 5, 7, 8])):
        root = tmp_path / str(number)
        header = [CASME2_HEADER[i] for i in columns]
        rows = [[entry[i] for i in columns] for entry in CASME2_ROWS]
        write_casme2(root, rows, header=header, sheet="CASME2-coding-20140508.xlsx")
        dataset = read(root, None)
        assert ids(dataset) == IDS
        assert dataset.clips[0].offset == Mark(86)


def test_a_sheet_saved_as_csv_is_read(tmp_path):
    write_casme2(tmp_path, sheet=None)
    rows = [[cell if cell is not None else "" for cell in r] for r in (CASME2_HEADER, *CASME2_ROWS)]
    write_csv(tmp_path / "CASME2-coding-20190701.csv", rows, ";", "utf-8-sig")
    assert ids(read(tmp_path, None)) == IDS


def test_the_newer_of_two_sheets_is_used_and_noted(tmp_path):
    write_casme2(tmp_path)
    write_xlsx(tmp_path / "CASME2-coding-20140508.xlsx", [CASME2_HEADER, *CASME2_ROWS[:1]])
    (tmp_path / "~$CASME2-coding-20190701.xlsx").write_bytes(b"lock")
    dataset = read(tmp_path, None)
    assert len(dataset.clips) == 4
    assert any("20140508.xlsx is not used" in text for text in texts(dataset, None))


def test_two_sheets_of_one_date_are_refused(tmp_path):
    write_casme2(tmp_path)
    shutil.copy(
        tmp_path / "CASME2-coding-20190701.xlsx", tmp_path / "CASME2-coding-20190701 (1).xlsx"
    )
    with pytest.raises(UsageError, match="several sheets"):
        read(tmp_path, None)


def test_both_trees_in_one_folder_are_refused_with_the_way_out(tmp_path):
    write_casme2(tmp_path)
    write_casme2(tmp_path, tree="Cropped", sheet=None)
    with pytest.raises(
        UsageError, match=r"CASME2_RAW_selected and Cropped|Cropped and CASME2"
    ) as e:
        read(tmp_path, None)
    assert str(tmp_path) in e.value.remedy
    assert ids(read(tmp_path / "Cropped", None)) == IDS


def test_rows_without_a_folder_are_rejected_and_folders_without_a_row_noted(tmp_path):
    write_casme2(tmp_path)
    tree = tmp_path / "CASME2_RAW_selected"
    shutil.rmtree(tree / "sub01/EP03_02")
    write_frames(tree / "sub24/EP02_07", range(3))
    dataset = read(tmp_path, None)
    assert ids(dataset) == [IDS[0], IDS[2], IDS[3]]
    (reject,) = dataset.rejects
    assert reject.clip == "casme2/sub01/EP03_02"
    assert "row 3" in reject.message
    assert reject.remedy
    assert "no row" in texts(dataset, "casme2/sub24/EP02_07")[0]


def test_errata_and_text_in_number_cells_are_noted(tmp_path):
    rows = [
        row(4, "EP12_01f", 261, 290, 321),
        row(5, "EP09_05f", 20, 20, 40),
        row(24, "EP07_01", emotion="surprise"),
        row(1, "EP01_01"),
    ]
    write_casme2(tmp_path, rows)
    rows[0] = row(4, "EP12_01f", 261, "/", 321)
    rows[3] = row(1, "EP01_01", apex="=D2+1", offset=None)
    write_xlsx(tmp_path / "CASME2-coding-20190701.xlsx", [CASME2_HEADER, *rows])
    dataset = read(tmp_path, None)
    by_id = {clip.id: clip for clip in dataset.clips}
    assert by_id["casme2/sub04/EP12_01f"].apex == Mark(300, "erratum")
    assert by_id["casme2/sub04/EP12_01f"].onset == Mark(261)
    assert by_id["casme2/sub05/EP09_05f"].apex == Mark(20)
    assert by_id["casme2/sub24/EP07_01"].emotion == "surprise"
    assert by_id["casme2/sub01/EP01_01"].apex == Mark(None, text="=D2+1")
    assert by_id["casme2/sub01/EP01_01"].offset is None
    for clip in ("sub04/EP12_01f", "sub05/EP09_05f", "sub24/EP07_01"):
        (text,) = texts(dataset, f"casme2/{clip}")
        assert text.startswith("known erratum")
    assert texts(dataset, "casme2/sub01/EP01_01") == [
        "row 5 of CASME2-coding-20190701.xlsx: the offset is empty"
    ]


def test_bad_rows_are_rejected_and_the_rest_goes_on(tmp_path):
    rows = [
        row(1, "EP01_01"),
        row(1, "EP01_02", emotion="hapiness"),
        row(1, "EP01_03"),
        row(1, "EP01_03", apex=31),
        row(1, "EP01_04"),
        row("01", "EP01_04"),
        row(1, "EP01_05"),
        row(1, "EP01_06"),
    ]
    write_casme2(tmp_path, rows)
    rows.append(("who", *rows[0][1:]))
    sheet = [CASME2_HEADER, *rows, ("remark under the table",)]
    write_xlsx(tmp_path / "CASME2-coding-20190701.xlsx", sheet)
    subject = tmp_path / "CASME2_RAW_selected/sub01"
    (subject / "EP01_05/img020.jpg").touch()
    for file in (subject / "EP01_06").iterdir():
        file.unlink()
    dataset = read(tmp_path, None)
    assert ids(dataset) == ["casme2/sub01/EP01_01", "casme2/sub01/EP01_04"]
    reasons = {reject.clip: reject.message for reject in dataset.rejects}
    assert "row 3" in reasons["casme2/sub01/EP01_02"]
    assert "did you mean 'happiness'" in reasons["casme2/sub01/EP01_02"]
    assert "rows 4 and 5" in reasons["casme2/sub01/EP01_03"]
    assert "img020.jpg and img20.jpg" in reasons["casme2/sub01/EP01_05"]
    assert "it is empty" in reasons["casme2/sub01/EP01_06"]
    assert "'who'" in reasons["casme2/who/EP01_01"]
    assert "say the same" in texts(dataset, "casme2/sub01/EP01_04")[0]
    assert any("11" in text and "ignored" in text for text in texts(dataset, None))


def test_two_folders_of_one_clip_reject_it(tmp_path):
    write_casme2(tmp_path)
    write_frames(tmp_path / "CASME2_RAW_selected/1/EP02_01f", range(40, 90))
    dataset = read(tmp_path, None)
    assert [reject.clip for reject in dataset.rejects] == ["casme2/sub01/EP02_01f"]
    assert "two folders" in dataset.rejects[0].message


def test_a_folder_named_casme2_without_sheet_or_clips_is_refused(tmp_path):
    write_casme2(tmp_path / "a", sheet=None)
    with pytest.raises(UsageError, match="sheet of CASME II"):
        read(tmp_path / "a", None)
    (tmp_path / "b/CASME2_RAW_selected").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds clips such as"):
        read(tmp_path / "b", None)
    write_frames(tmp_path / "c/CASME2_compressed/sub01/EP02_01f", range(3))
    with pytest.raises(UsageError, match="CASME2_compressed"):
        read(tmp_path / "c", None)


def test_a_damaged_sheet_is_refused(tmp_path):
    write_casme2(tmp_path)
    sheet = tmp_path / "CASME2-coding-20190701.xlsx"
    sheet.write_bytes(sheet.read_bytes()[:900])
    with pytest.raises(UsageError, match="damaged or cut off"):
        read(tmp_path, None)


def test_other_folders_are_not_recognised(tmp_path):
    write_frames(tmp_path / "Cropped/anna/clip1", range(3))
    write_frames(tmp_path / "sub01/EP01_1", range(3))
    with pytest.raises(NotRecognisedError, match="CASME2_RAW_selected or Cropped"):
        read(tmp_path, None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = write_whole_casme2(tmp_path_factory.mktemp("casme2"))
    write_frames(root / "CASME2_RAW_selected/sub24/EP02_07", range(60, 107))
    return root, read(root, None)


def test_all_255_rows_are_read_exactly(whole):
    _, dataset = whole
    assert (len(dataset.clips), dataset.rejects) == (255, ())
    assert len({clip.group for clip in dataset.clips}) == 26
    assert Counter(clip.emotion for clip in dataset.clips) == CASME2_COUNTS
    rows = {(f"sub{int(r[0]):02d}", r[1]): r for r in casme2_rows()}
    for clip in dataset.clips:
        row = rows[clip.subject, clip.id.split("/")[2]]
        assert (clip.onset, clip.offset) == (Mark(row[3]), Mark(row[5]))
        assert clip.apex == (Mark(300, "erratum") if row[4] == "/" else Mark(row[4]))
        assert clip.action_units == str(row[7] or "")


def test_each_known_erratum_is_noted_once(whole):
    _, dataset = whole
    said = [note.clip for note in dataset.notes if "known erratum" in note.text]
    assert sorted(said) == [
        f"casme2/{clip}"
        for clip in (
            "sub04/EP12_01f", "sub05/EP09_05f", "sub05/EP16_04f", "sub12/EP09_06",
            "sub20/EP16_01", "sub24/EP07_01", "sub24/EP07_04f", "sub24/EP10_03",
            "sub25/EP18_04f",
        )
    ]  # fmt: skip
    (text,) = texts(dataset, "casme2/sub24/EP02_07")
    assert "has no row in" in text
    assert "61/91/106, disgust" in text
    assert len(dataset.notes) == len(said) + 1


def test_the_erratum_of_cropped_concerns_that_tree_alone(tmp_path):
    root = write_whole_casme2(tmp_path, tree="Cropped", pattern="reg_img{}.jpg")
    dataset = read(root, None)
    (text,) = texts(dataset, "casme2/sub16/EP01_08")
    assert "offset 110 (the frames of Cropped end at 96)" in text


def test_compressed_videos_are_read_as_unnumbered(tmp_path):
    write_casme2(tmp_path)
    shutil.rmtree(tmp_path / "CASME2_RAW_selected")
    for row in CASME2_ROWS[:3]:
        path = tmp_path / "CASME2_compressed" / f"sub{int(row[0]):02d}" / f"{row[1]}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for root in (tmp_path, tmp_path / "CASME2_compressed"):
        dataset = read(root, None)
        assert ids(dataset) == IDS[:3]
        assert not any(clip.source.numbered for clip in dataset.clips)
        assert dataset.clips[0].source.path.name == "EP02_01f.avi"
        assert dataset.clips[0].onset == Mark(46)
        assert [reject.clip for reject in dataset.rejects] == [IDS[3]]


def test_the_annotated_frames_are_preferred_to_the_longer_clips(tmp_path):
    write_casme2(tmp_path)
    write_casme2(tmp_path, tree="CASME2-RAW", sheet=None, pattern="img{:03d}.jpg")
    dataset = read(tmp_path, None)
    assert dataset.clips[0].source.names[0] == "img44.jpg"
    assert texts(dataset, None) == ["the tree CASME2-RAW is not used: CASME2_RAW_selected is read"]


def test_listing_255_clips_of_70_frames_opens_the_sheet_alone_and_looks_at_no_frame(
    tmp_path, monkeypatch
):
    rows = [(i % 26 + 1, f"EP{i:03d}_1", None, 3, 30, 67, None, 4, "fear", 1) for i in range(255)]
    write_casme2(tmp_path, rows)
    looked_at, stat = [], Path.stat

    def counted(path, **how):
        looked_at.append(path)
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", counted)
    dataset = read(tmp_path, None)
    assert len(dataset.clips) == 255
    assert sum(len(clip.source.names) for clip in dataset.clips) > 255 * 30
    # A call for each of the 18,000 files would take a second, and minutes on a network's disk.
    assert len(looked_at) < 10 * 255
    assert not [path for path in looked_at if path.suffix == ".jpg"]

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lookalike_sets import SAMM_COUNTS, SAMM_HEADER, samm_rows, write_samm, write_samm_long
from lookalikes import write_csv, write_frames, write_xlsx

from mepipe.datasets.clip import Mark
from mepipe.datasets.recordings import recordings
from mepipe.datasets.samm import read, read_long
from mepipe.errors import UsageError

SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = write_samm(tmp_path_factory.mktemp("samm"))
    return root, read(root, None)


def test_all_159_rows_are_read_exactly(whole):
    _, dataset = whole
    assert (dataset.name, dataset.reader, dataset.rejects) == ("samm", "samm", ())
    assert len(dataset.clips) == 159
    assert len({clip.group for clip in dataset.clips}) == 29
    counts = Counter(clip.emotion for clip in dataset.clips)
    assert counts == {
        word.casefold().replace("other", "others"): n for word, n in SAMM_COUNTS.items()
    }
    rows = {row[1]: row for row in samm_rows()}
    for clip in dataset.clips:
        row = rows[clip.id.split("/")[2]]
        assert clip.subject == f"{int(row[0]):03d}"
        assert clip.id == f"samm/{clip.subject}/{row[1]}"
        assert (clip.group, clip.fps) == (f"samm/{clip.subject}", 200.0)
        assert (clip.onset, clip.offset) == (Mark(row[3]), Mark(row[5]))
        if row[1] != "028_4_1":
            assert clip.apex == Mark(row[4])
        assert clip.action_units == str(row[8])
        assert clip.source.numbers == tuple(range(row[3] - 1, row[5] + 2))


def test_each_known_erratum_is_noted_once(whole):
    _, dataset = whole
    said = {note.clip: note.text for note in dataset.notes if "known erratum" in note.text}
    assert len(said) == len([n for n in dataset.notes if "erratum" in n.text]) == 3
    assert "apex 1143 is read as 1103" in said["samm/028/028_4_1"]
    assert "about 4930" in said["samm/032/032_3_1"]
    assert "one frame after onset" in said["samm/032/032_3_2"]
    by_id = {clip.id: clip for clip in dataset.clips}
    assert by_id["samm/028/028_4_1"].apex == Mark(1103, "erratum")
    assert by_id["samm/032/032_3_1"].apex == Mark(1930)


def test_a_corrected_sheet_is_left_alone(tmp_path):
    rows = [(*row[:4], row[3] + 9, *row[5:]) for row in samm_rows()[:3]]
    dataset = read(write_samm(tmp_path, rows), None)
    assert not any("erratum" in note.text for note in dataset.notes)
    assert [clip.apex for clip in dataset.clips] == [Mark(row[4]) for row in rows]


@pytest.mark.parametrize(
    ("preamble", "tree", "sheet"),
    [
        (1, "SAMM", "SAMM_20181215_Micro_FACS_Codes.xlsx"),
        (0, "SAMM/SAMM", "renamed.xlsx"),
        (13, "", SHEET),
    ],
)
def test_every_sheet_and_tree_is_found(tmp_path, preamble, tree, sheet):
    rows = samm_rows()[:5]
    write_samm(tmp_path, rows, preamble=preamble, tree=tree, sheet=sheet)
    assert len(read(tmp_path, "mine").clips) == 5
    assert len(read(tmp_path / tree, "mine").clips) == 5 if tree != "SAMM/SAMM" else True


def test_an_empty_copy_of_the_sheet_is_not_used(tmp_path):
    write_samm(tmp_path, samm_rows()[:3], sheet="")
    write_xlsx(tmp_path / SHEET, [("SAMM",), SAMM_HEADER])
    with pytest.raises(UsageError, match="a header and no rows") as caught:
        read(tmp_path, None)
    assert SHEET in caught.value.remedy
    write_xlsx(tmp_path / "full.xlsx", [SAMM_HEADER, *samm_rows()[:3]])
    dataset = read(tmp_path, None)
    assert len(dataset.clips) == 3
    assert f"{SHEET} is not used: full.xlsx is read" in texts(dataset)


def test_two_sheets_that_differ_are_refused(tmp_path):
    write_samm(tmp_path, samm_rows()[:3])
    write_xlsx(tmp_path / "copy.xlsx", [SAMM_HEADER, *samm_rows()[:3]])
    assert len(read(tmp_path, None).clips) == 3
    write_xlsx(tmp_path / "copy.xlsx", [SAMM_HEADER, *samm_rows()[:2]])
    with pytest.raises(UsageError, match="two sheets of SAMM that differ"):
        read(tmp_path, None)


def test_no_sheet_names_what_was_tried(tmp_path):
    write_samm(tmp_path, samm_rows()[:3], sheet="")
    (tmp_path / SHEET).write_bytes(b"PK cut off")
    with pytest.raises(UsageError, match=r"sheet of SAMM .* is damaged or cut off"):
        read(tmp_path, None)


def test_the_sheet_of_the_long_videos_is_not_taken_for_this_one(tmp_path):
    write_samm(tmp_path, samm_rows()[:3], sheet="")
    header = (*SAMM_HEADER[:6], "Duration", "Type", "Action Units", "Estimated Emotion")
    write_xlsx(tmp_path / "long.xlsx", [header, ("006", "006_1_2", 1, 2, 3, 4, 5, "Micro", 4, "x")])
    with pytest.raises(UsageError, match="sheet of SAMM"):
        read(tmp_path, None)


def test_rows_without_a_folder_are_rejected_and_folders_without_a_row_noted(tmp_path):
    write_samm(tmp_path, samm_rows()[:4])
    rows = [*samm_rows()[:3], ("040", "040_1_1", 1, 5, 8, 9, 5, "", 4, "Fear", 1, None)]
    rows[1] = (*rows[1][:9], "Angre", *rows[1][10:])
    write_xlsx(tmp_path / SHEET, [SAMM_HEADER, *rows, (None, "a remark")])
    write_frames(tmp_path / "SAMM/other/x", (1,))
    dataset = read(tmp_path, None)
    messages = {reject.clip: reject.message for reject in dataset.rejects}
    assert "did you mean 'anger'" in messages["samm/032/032_3_1"]
    assert "no folder in" in messages["samm/040/040_1_1"]
    assert len(dataset.clips) == 2
    assert any("is not a subject's folder" in text for text in texts(dataset))
    assert any("ignored: 6" in text for text in texts(dataset))
    name = samm_rows()[3][1]
    assert "no row in" in texts(dataset, f"samm/{name[:3]}/{name}")[0]


def test_an_empty_tree_of_the_right_name_is_refused(tmp_path):
    (tmp_path / "SAMM").mkdir()
    with pytest.raises(UsageError, match="has the name of SAMM, but is empty"):
        read(tmp_path, None)


def test_long_videos_make_each_expression_a_clip(tmp_path):
    dataset = read_long(write_samm_long(tmp_path), None)
    assert [(clip.id, clip.recording, clip.kind, clip.excerpt) for clip in dataset.clips] == [
        ("samm-long/006/006_1_1", "samm-long/006/006_1", "macro", True),
        ("samm-long/006/006_1_2", "samm-long/006/006_1", "micro", False),
        ("samm-long/007/007_2_1", "samm-long/007/007_2", "micro", False),
    ]
    second = dataset.clips[1]
    assert (second.group, second.emotion, second.fps) == ("samm/006", "", 200.0)
    assert (second.onset, second.apex, second.offset) == (Mark(12), Mark(15), Mark(18))
    assert second.source.numbers == tuple(range(1, 25))
    assert dataset.rejects == ()
    assert any("1 rows of" in text and "macro" in text for text in texts(dataset))
    assert "no row" in texts(dataset, "samm-long/007_3")[0]


def test_long_videos_are_recordings_with_the_expressions_of_both_kinds(tmp_path):
    found = recordings(read_long(write_samm_long(tmp_path), None))
    assert [(one.id, one.group) for one in found] == [
        ("samm-long/006/006_1", "samm/006"),
        ("samm-long/007/007_2", "samm/007"),
        ("samm-long/007/007_3", "samm/007"),
    ]
    assert [(e.kind, e.onset_number, e.onset, e.offset) for e in found[0].events] == [
        ("macro", 3, 2, 8),
        ("micro", 12, 11, 17),
    ]
    assert found[2].events == ()
    assert len(found[2].source.names) == 24


def test_a_macro_row_of_a_micro_rows_name_takes_nothing_from_it(tmp_path):
    write_samm_long(tmp_path)
    (sheet,) = tmp_path.glob("*.xlsx")
    header = ("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Type")
    rows = [("006", "006_1_2", 1, 3, 6, 9, "Macro"), ("006", "006_1_2", 1, 12, 15, 18, "Micro")]
    write_xlsx(sheet, [header, *rows])
    dataset = read_long(tmp_path, None)
    assert [(clip.id, clip.kind, clip.onset.number) for clip in dataset.clips] == [
        ("samm-long/006/006_1_2", "micro", 12),
        ("samm-long/006/006_1_2#2", "macro", 3),
    ]
    assert dataset.rejects == ()


CELL = st.none() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(
    ["006", "=A1+1", "/", "..", "Anger", "028_4_1", "1e5", "\u200b", "0", "-1"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 11), CELL), min_size=1, max_size=8
    ),
    copies=st.booleans(),
)
def test_whatever_the_cells_no_row_is_lost(tmp_path, changes, copies):
    rows = [list(row) for row in samm_rows()[:4]]
    if not (tmp_path / "SAMM").exists():
        write_samm(tmp_path, samm_rows()[:4])
    for row, column, cell in changes:
        rows[row][column] = cell
    rows += rows[:1] * copies
    lines = [[c if c is None else str(c).replace("\0", "") for c in row] for row in rows]
    (tmp_path / SHEET).unlink(missing_ok=True)
    write_csv(tmp_path / "sheet.csv", [SAMM_HEADER, *lines])
    try:
        dataset = read(tmp_path, None)
    except UsageError:
        return
    named = {(line[1] or "").strip() for line in lines}
    reported = " ".join(
        [clip.id for clip in dataset.clips]
        + [reject.clip for reject in dataset.rejects]
        + [note.text for note in dataset.notes]
    )
    ignored = any("rows without a Filename" in note.text for note in dataset.notes)
    for name in named:
        assert not name or name in reported or ignored
    ids = [clip.id for clip in dataset.clips]
    assert len(ids) == len(set(ids))

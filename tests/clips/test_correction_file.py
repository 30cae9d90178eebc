import csv
import io
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.cache import disk
from mepipe.clips.correction_file import CONTENT, CorrectionFile
from mepipe.clips.correction_rows import COLUMNS
from mepipe.clips.corrections import correct
from mepipe.datasets.clip import Clip, Dataset, Video
from mepipe.errors import ConflictError, SystemProblemError, UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "corrections.csv"


def history_of(path):
    text = path.with_name("corrections.history.csv").read_bytes().decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_change_is_in_the_file_with_who_and_when(path):
    file = CorrectionFile(path, who="kim")
    assert file.read().version == ""
    rows = file.change("d/s1/a", {"apex": "61", "why": "highest there"})
    cells = dict(rows.cells["d/s1/a"])
    assert cells.pop("when").endswith("+00:00")
    assert cells == {"apex": "61", "why": "highest there", "who": "kim"}
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert file.read() == rows
    assert file.change("d/s1/a", {"apex": "61"}) == rows, "nothing changes, nothing is written"
    assert [
        (one["who"], one["column"], one["before"], one["after"]) for one in history_of(path)
    ] == [
        ("kim", "apex", "", "61"),
        ("kim", "why", "", "highest there"),
    ]


def test_what_is_written_is_what_a_run_reads(path):
    clip = Clip("d/s1/a", "d", "s1", "d/s1", Video(Path("a.mp4")))
    file = CorrectionFile(path, who="=cmd()")
    file.change("d/s1/a", {"onset": "-3", "apex": "5", "face_box": "-5 0 10 10", "why": "=1+2"})
    found = correct([Dataset("d", "folder", Path("d"), (clip,))], path)
    assert found.changes == {"d/s1/a": {"onset": -3, "apex": 5, "face_box": [-5, 0, 10, 10]}}
    assert found.notes[0].text.endswith("(=1+2, by =cmd()): the correction is used")


def test_a_cleared_row_goes_and_other_rows_keep_their_bytes(path):
    path.parent.mkdir()
    before = (
        b"\xef\xbb\xbfKodierung;;;\r\n\r\nClip;Apex;Why;\r\n"
        b'd/s1/a;4;"a; ""b""";\r\n;;only a remark;\r\nd/s1/b;7.0;;x\r\nother/s9/z;;;'
    )
    path.write_bytes(before)
    file = CorrectionFile(path, who="kim")
    file.change("d/s1/c", {"emotion": "fear"})
    after = path.read_bytes()
    header = b"Clip;Apex;Why;;clip;"
    assert after.startswith(before[:25])
    kept = after.split(b"\r\n")
    assert kept[2].startswith(b"Clip;Apex;Why;;"), header
    assert kept[3:6] == before.split(b"\r\n")[3:6]
    assert kept[6] == b"other/s9/z;;;"
    assert kept[7].startswith(b"d/s1/c;;;;fear;kim;20")
    file.change("d/s1/c", {"emotion": ""})
    assert "d/s1/c" not in file.read().cells
    assert b"d/s1/c" not in path.read_bytes()
    rows = file.change("d/s1/b", {"apex": "8"})
    assert rows.cells["d/s1/b"]["apex"] == "8"
    assert path.read_bytes().split(b"\r\n")[3] == b'd/s1/a;4;"a; ""b""";'


def test_a_file_in_utf_16_stays_one(path):
    path.parent.mkdir()
    path.write_bytes("clip\tapex\r\nd/s1/ä\t4\r\n".encode("utf-16"))
    CorrectionFile(path, who="").change("d/s1/ä", {"apex": "5"})
    assert path.read_bytes()[:2] == "".encode("utf-16")
    assert path.read_bytes().decode("utf-16").splitlines()[1].startswith("d/s1/ä\t5\t")


def test_a_row_is_found_by_the_end_of_an_id(path):
    path.parent.mkdir()
    path.write_text("clip,apex\ns1/a,4\n")
    file = CorrectionFile(path, who="kim")
    assert file.read().of("d/s1/a") == {"apex": "4"}
    rows = file.change("d/s1/a", {"onset": "2"})
    assert list(rows.cells) == ["s1/a"]
    assert file.undo()[1] == "d/s1/a"
    known = CorrectionFile(path, who="kim", known=["d/s1/a", "s1/a"])
    assert list(known.change("d/s1/a", {"onset": "2"}).cells) == ["s1/a", "d/s1/a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,apx\na,1\n", r"unknown column 'apx' .did you mean 'apex'"),
        ("a,b\n1,2\n", "no header row"),
        ("clip,apex\nd/s1/a,1\ns1/b,2\nd/s1/a,3\n", "row 4 is for d/s1/a, and so is an earlier"),
    ],
)
def test_a_file_that_no_run_would_read_is_refused_and_kept(path, text, message):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        CorrectionFile(path, who="kim").change("d/s1/a", {"apex": "9"})
    assert path.read_text() == text


def test_a_workbook_is_not_changed(path):
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04...")
    with pytest.raises(UsageError, match="is a workbook"):
        CorrectionFile(path, who="kim").read()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"apx": "3"}, "'apx' is no column"),
        ({"who": "me"}, "'who' is no column"),
        ({"apex": "1.5"}, "row 2, apex: '1.5' is not a frame number"),
        ({"movement": "perhaps"}, "neither yes nor no"),
        ({"emotion": "fear", "movement": "no"}, "movement no"),
        ({"why": "\ud800"}, "no text"),
        ({"why": "x" * 10_001}, "10001 characters"),
    ],
)
def test_what_a_run_would_refuse_is_not_written(path, cells, message):
    with pytest.raises(UsageError, match=message):
        CorrectionFile(path, who="kim").change("d/s1/a", cells)
    assert not path.exists()


def test_an_emotion_and_no_movement_contradict_across_changes(path):
    file = CorrectionFile(path, who="kim")
    file.change("a", {"emotion": "fear"})
    with pytest.raises(UsageError, match="Empty one of the two cells"):
        file.change("a", {"movement": "no"})
    file.change("a", {"movement": "no", "emotion": ""})
    assert file.read().cells["a"]["movement"] == "no"


def test_a_word_for_nothing_by_hand_hinders_nobody(path):
    path.parent.mkdir()
    path.write_text("clip,onset,emotion,why\na,NA,-,NA\n")
    rows = CorrectionFile(path, who="kim").change("a", {"movement": "no"})
    assert rows.cells["a"]["onset"] == "NA"
    assert path.read_text().splitlines()[1].startswith("a,NA,-,NA,no,kim,")


def test_two_windows_merge_and_one_cell_conflicts(path):
    one, two = CorrectionFile(path, who="kim"), CorrectionFile(path, who="ann")
    seen = one.change("a", {"onset": "1", "apex": "5"}).cells["a"]
    two.change("a", {"onset": "2"}, seen=seen)
    rows = one.change("a", {"apex": "6"}, seen=seen)
    assert (rows.cells["a"]["onset"], rows.cells["a"]["apex"]) == ("2", "6")
    before = path.read_bytes()
    with pytest.raises(ConflictError, match="a, onset: it is '2' now by kim, and '3'") as caught:
        one.change("a", {"onset": "3", "offset": "9"}, seen=seen)
    assert (caught.value.clip, caught.value.column) == ("a", "onset")
    assert (caught.value.now, caught.value.wanted) == ("2", "3")
    assert path.read_bytes() == before
    assert one.change("a", {"onset": "2"}, seen=seen).cells["a"]["onset"] == "2", "the same"


def test_undo_takes_back_the_last_changes_of_this_coder(path):
    kim, ann = CorrectionFile(path, who="kim"), CorrectionFile(path, who="ann")
    kim.change("a", {"apex": "5"})
    kim.change("a", {"apex": "6", "why": "later"})
    ann.change("b", {"apex": "1"})
    rows, clip = kim.undo()
    assert clip == "a"
    assert rows.cells["a"]["apex"] == "5"
    assert "why" not in rows.cells["a"]
    assert "b" in rows.cells
    rows, clip = kim.undo()
    assert clip == "a"
    assert "a" not in rows.cells
    assert kim.undo()[1] is None
    kim.change("a", {"apex": "7"})
    assert kim.undo()[1] == "a"
    assert kim.undo()[1] is None
    assert len(history_of(path)) == 9, "it only grows"


def test_undo_is_refused_where_somebody_changed_the_cell_since(path):
    kim, ann = CorrectionFile(path, who="kim"), CorrectionFile(path, who="ann")
    kim.change("a", {"apex": "5"})
    ann.change("a", {"apex": "6"})
    before = path.read_bytes()
    with pytest.raises(ConflictError, match="a, apex: it is '6' now by ann"):
        kim.undo()
    assert path.read_bytes() == before
    assert ann.undo()[1] == "a"
    assert kim.undo()[1] == "a"


def test_a_damaged_history_is_named(path):
    file = CorrectionFile(path, who="kim")
    file.change("a", {"apex": "5"})
    path.with_name("corrections.history.csv").write_text("something else\n")
    with pytest.raises(UsageError, match=r"corrections.history.csv is not a history"):
        file.undo()


def write_many(path, who):
    file = CorrectionFile(Path(path), who=who)
    for number in range(8):
        file.change(f"{who}{number}", {"apex": str(number)})
        file.change("shared", {"onset" if who == "kim" else "offset": str(number)})


def test_processes_and_threads_lose_nothing(path):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_many, [path] * 2, ["kim", "ann"]))
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write_many, args=(str(path), who)) for who in ("eve", "joe")]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
        assert one.exitcode == 0
    rows = CorrectionFile(path, who="").read()
    names = {f"{who}{number}" for who in ("kim", "ann", "eve", "joe") for number in range(8)}
    assert set(rows.cells) == names | {"shared"}
    assert rows.cells["shared"]["onset"] == "7"
    assert rows.cells["shared"]["offset"] == "7"
    numbers = [int(one["change"]) for one in history_of(path)]
    assert numbers == sorted(numbers)
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "corrections.csv", "corrections.history.csv",
    ]  # fmt: skip


class KilledError(BaseException):
    """As if the process were killed: nothing is tidied up after it."""


@pytest.mark.parametrize("stop", range(1, 60))
def test_a_kill_or_a_full_disk_between_any_two_operations_leaves_a_whole_file(
    path, monkeypatch, stop
):
    file = CorrectionFile(path, who="kim")
    file.change("a", {"apex": "5"})
    real, done = disk.call, []
    kind = OSError(28, "No space left on device") if stop % 2 else KilledError()

    def call(operation, *args, **kwargs):
        done.append(operation)
        # The system frees the lock of a killed process.
        of_lock = "lock" in str(getattr(operation, "__self__", "")).lower()
        if len(done) >= stop and operation is not os.close and not of_lock:
            raise kind
        return real(operation, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "call", call)
        try:
            file.change("a", {"apex": "6", "why": "later"})
        except (SystemProblemError, KilledError):
            whole = False
        else:
            whole = True
    cells = CorrectionFile(path, who="ann").read().cells["a"]
    assert cells["apex"] == ("6" if cells.get("why") else "5")
    assert cells["apex"] == "6" or not whole
    # Whatever was written, the next change and undo go on from what stands in the file.
    file.change("b", {"apex": "1"})
    assert file.undo()[1] == "b"
    rows, clip = file.undo()
    assert clip == "a"
    assert rows.cells.get("a", {}).get("apex") == ("5" if cells["apex"] == "6" else None)


def test_a_name_of_slashes_means_no_other_clip(tmp_path):
    """Found by the test below: its row was one without a name, and meant every clip on a slash."""
    file = CorrectionFile(tmp_path / "corrections.csv", who="kim")
    file.change("/", {"why": "slash"})
    file.change("a/", {"why": "letter"})
    rows = file.read()
    assert {name: cells["why"] for name, cells in rows.cells.items()} == {
        "/": "slash",
        "a": "letter",
    }
    assert rows.of("a")["why"] == "letter"
    assert rows.of("lab/") == {}


texts = st.text(max_size=20) | st.text("=+-@\t\r\n'\",;x ", max_size=6)


@given(
    st.dictionaries(texts, texts, max_size=5), st.sampled_from(["", "clip;why\r\n", "why\tclip\n"])
)
def test_any_text_comes_back_as_it_was(tmp_path_factory, wanted, start):
    path = tmp_path_factory.mktemp("c") / "corrections.csv"
    if start:
        path.write_bytes(start.encode())
    file = CorrectionFile(path, who="kim")
    held = {}
    for clip, why in wanted.items():
        try:
            file.change(clip, {"why": why})
        except UsageError:
            assert not clip.strip() or "\0" in clip + why
            continue
        ends = (one for one in held if one.strip("/"))
        name = next((one for one in ends if clip.strip().endswith("/" + one.strip("/"))), None)
        if name is None:
            held[clip.strip().strip("/") or clip.strip()] = why.strip()
    rows = file.read()
    found = {clip: cells["why"] for clip, cells in rows.cells.items()}
    assert found == {clip: why for clip, why in held.items() if why}
    for record in csv.reader(
        io.StringIO(path.read_bytes().decode() if path.exists() else "", newline=""),
        delimiter=";" if ";" in start else "\t" if "\t" in start else ",",
    ):
        assert not any(one.startswith(("=", "+", "-", "@", "\t", "\r")) for one in record)


def test_the_columns_that_may_be_set():
    assert CONTENT == (
        "onset",
        "apex",
        "offset",
        "emotion",
        "movement",
        "face_box",
        "exclude",
        "why",
    )

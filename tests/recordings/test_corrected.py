import pytest

from mepipe.errors import ConflictError, UsageError
from mepipe.recordings.corrected import COLUMNS, CorrectedEvent, EventFile, delete, read_events

A = CorrectedEvent(10, 15, 30, "micro", "fear", "=1+2")
B = CorrectedEvent(40, 50, None, "macro")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "corrected-events.csv"


def bare(events):
    return [(one.onset, one.apex, one.offset, one.kind, one.emotion, one.why) for one in events]


def test_movements_come_back_with_who_and_when(path):
    file = EventFile(path, who="kim")
    assert file.read().events == {}
    rows = file.set_events("d/s1/=r", (B, A), "", subject="s1")
    assert bare(rows.events["d/s1/=r"]) == bare((A, B))
    assert {one.who for one in rows.events["d/s1/=r"]} == {"kim"}
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert "d/s1/=r,s1,micro,10,15,30,fear,'=1+2,kim,20" in path.read_text()
    assert read_events(path) == rows
    other = EventFile(path, who="ann")
    kept = other.set_events("d/s1/=r", delete(rows.events["d/s1/=r"], 1))
    assert kept.events["d/s1/=r"][0].who == "kim", "what did not change stays signed"


def test_a_recording_without_movements_is_not_one_that_nobody_looked_at(path):
    file = EventFile(path, who="kim")
    file.set_events("r", (A,))
    rows = file.set_events("r", ())
    assert rows.events == {"r": ()}
    rows = file.set_events("r", None)
    assert rows.events == {}
    assert file.undo()[0].events == {"r": ()}
    rows, name = file.undo()
    assert name == "r"
    assert bare(rows.events["r"]) == bare((A,))
    assert file.undo()[0].events == {}
    assert file.undo()[1] is None


def test_another_window_is_told_and_other_recordings_merge(path):
    one, two = EventFile(path, who="kim"), EventFile(path, who="ann")
    seen = one.set_events("r", (A,)).version_of("r")
    two.set_events("q", (B,), "")
    assert set(one.set_events("r", (A, B), seen).events) == {"r", "q"}
    before = path.read_bytes()
    with pytest.raises(ConflictError, match="r: its movements were changed") as caught:
        two.set_events("r", (), seen)
    assert caught.value.clip == "r"
    assert path.read_bytes() == before
    two.set_events("r", (B,))
    with pytest.raises(ConflictError):
        one.undo()


def test_a_table_by_hand_keeps_what_is_not_changed(path):
    path.parent.mkdir()
    path.write_bytes(
        b"\xef\xbb\xbfrecording;onset;apex;offset\r\nq;5;6;\r\n;;;remark\r\nr;1;2;3\r\nr;7;8;9\r\n"
    )
    rows = EventFile(path, who="kim").set_events("r", (A,))
    lines = path.read_bytes().split(b"\r\n")
    assert lines[1:3] == [b"q;5;6;", b";;;remark"]
    assert len(lines) == 5
    assert bare(rows.events["q"]) == [(5, 6, None, "", "", "")]
    assert bare(rows.events["r"]) == bare((A,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording,onset,apex,offset\nr,x,2,3\n", "row 2, onset: 'x' is not a frame number"),
        ("recording,onset,apex,offset\nr,1,,3\n", "row 2 has no apex"),
        ("recording,onset,apex,offset\nr,3,2,9\n", "row 2: the apex 2 is not after the onset 3"),
        ("recording,onset,apex,kind\nr,1,2,me\n", "row 2, kind: 'me' is neither micro nor macro"),
        ("recording,onst\nr,1\n", "unknown column 'onst' .did you mean 'onset'"),
    ],
)
def test_a_cell_that_is_not_valid_is_named(path, text, message):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_events(path)
    assert "corrected-events.csv" in caught.value.message
    assert caught.value.remedy

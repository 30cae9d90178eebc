import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pympi")

from mepipe.errors import UsageError
from mepipe.recordings.mark_files import import_marks, read_marks, write_marks
from mepipe.recordings.marks import Marked, Movement, marks_of
from mepipe.recordings.marks_eaf import marks_eaf, read_eaf

CLIP = Marked("d/s1/a", (Movement(101, 110, 130, "fear"),), fps=200.0, first=100, frames=60)
TALK = Marked(
    "d/s1/talk", (Movement(5, 9, 20), Movement(12, 15, 30, "anger")), recording=True, fps=29.97,
    first=0, frames=3000,
)  # fmt: skip


@st.composite
def marked(draw):
    fps = draw(st.sampled_from([25.0, 29.97, 60.0, 200.0, 333.3, 1000.0]))
    first = draw(st.integers(0, 5000))
    movements = []
    for _ in range(draw(st.integers(0, 5))):
        onset = draw(st.integers(first, first + 900))
        apex = draw(st.integers(onset + 1, first + 950))
        offset = draw(st.integers(apex, first + 999))
        movements.append(
            Movement(onset, apex, offset, draw(st.sampled_from(["", "fear", "anger"])))
        )
    # Movements with the same ends would be one in any program.
    spans = {(one.onset, one.offset): one for one in movements}
    ordered = sorted(spans.values(), key=lambda one: (one.onset, one.apex, one.offset))
    return Marked(
        draw(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)),
        tuple(ordered), recording=True, fps=fps, first=first, frames=1000,
    )  # fmt: skip


@given(marked())
def test_marks_come_back_from_elan_to_the_frame(one):
    read = read_eaf(marks_eaf(one), "any")
    assert read.notes == ()
    (back,) = read.marked
    assert (back.name, back.fps, back.first) == (one.name, one.fps, one.first)
    assert back.movements == one.movements


@pytest.mark.parametrize(
    "movement",
    [
        Movement(110, None, 130), Movement(110, 115, None), Movement(None, 115, None),
        Movement(None, 115, 120, "fear"), Movement(110), Movement(110, 130, 130),
    ],
)  # fmt: skip
def test_marks_that_are_not_whole_come_back_too(movement):
    one = Marked("d/s1/a", (movement,), fps=200.0, first=100, frames=60)
    assert read_eaf(marks_eaf(one), "a").marked[0].movements == (movement,)


def test_no_movement_comes_back():
    one = Marked("d/s1/a", still=True, fps=200.0, first=100, frames=60)
    (back,) = read_eaf(marks_eaf(one), "a").marked
    assert (back.still, back.movements) == (True, ())


HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
FOREIGN = HEAD + (
    '<ANNOTATION_DOCUMENT AUTHOR="ann" DATE="2026-01-02T10:00:00+01:00" FORMAT="3.0" VERSION="3.0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">'
    '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR MEDIA_URL="file:///x.mp4" '
    'MIME_TYPE="video/mp4"/><PROPERTY NAME="lastUsedAnnotationId">4</PROPERTY></HEADER>'
    '<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="7"/>'
    '<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="52"/><TIME_SLOT TIME_SLOT_ID="ts3" '
    'TIME_VALUE="148"/><TIME_SLOT TIME_SLOT_ID="ts4"/></TIME_ORDER>'
    '<TIER LINGUISTIC_TYPE_REF="emo" TIER_ID=" Movement" ANNOTATOR="ann" PARTICIPANT="s1">'
    '<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" '
    'TIME_SLOT_REF2="ts3" CVE_REF="cveid1"><ANNOTATION_VALUE>Happy</ANNOTATION_VALUE>'
    "</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
    '<TIER LINGUISTIC_TYPE_REF="x" TIER_ID="apex"><ANNOTATION><ALIGNABLE_ANNOTATION '
    'ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3"><ANNOTATION_VALUE/>'
    '</ALIGNABLE_ANNOTATION></ANNOTATION><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" '
    'TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts3"><ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION>'
    '</ANNOTATION></TIER><TIER LINGUISTIC_TYPE_REF="x" TIER_ID="Comments&lt;b&gt;"/>'
    '<CONTROLLED_VOCABULARY CV_ID="emotions"/></ANNOTATION_DOCUMENT>'
)


def test_a_file_of_elan_itself_is_read_to_the_nearest_frame():
    read = read_eaf(FOREIGN.encode(), "a", {"d/s1/a": CLIP})
    (one,) = read.marked
    assert one.name == "d/s1/a"
    # 7, 52 and 148 ms at 200 fps are 1.4, 10.4 and 29.6 frames after the first, 100.
    assert one.movements == (Movement(101, 110, 130, "happiness"),)
    assert read.notes == (
        "a.eaf: tiers that are not read: Comments<b>",
        "a.eaf: 1 annotation(s) without times are not read",
    )
    assert read_eaf(FOREIGN.encode(), "a", fps=25).marked[0].movements[0].offset == 4
    with pytest.raises(UsageError, match="the frames per second of a are unknown"):
        read_eaf(FOREIGN.encode(), "a")


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'
    "<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>"
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB.encode(), "has a DOCTYPE"),
        (BOMB.replace("1.0", '1.0" encoding="UTF-16', 1).encode("utf-16"), "has a DOCTYPE"),
        (b"<a/>", "is no file of ELAN"),
        (b"onset,apex", "is not XML"),
        (HEAD.encode(), "is not XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "is not XML"),
    ],
)
def test_a_file_that_is_none_or_would_grow_is_refused(data, message):
    with pytest.raises(UsageError, match=message) as caught:
        read_eaf(data, "x", fps=25)
    assert "x.eaf" in caught.value.message
    assert caught.value.remedy


def test_hostile_names_neither_leave_the_folder_nor_become_tags(tmp_path):
    names = ["d/../../x", 'd/s1/<TIER TIER_ID="y">', "d/s1/=1+2", "d/s1/a]]>", "d/s1/\x07bell"]
    some = [Marked(name, CLIP.movements, fps=200.0, first=100, frames=60) for name in names]
    files, notes = write_marks(some, "elan", tmp_path / "elan")
    assert {one.parent for one in files} == {tmp_path / "elan"}
    assert len(files) == 4
    assert "bell" in notes[0]
    read = read_marks([tmp_path / "elan"])
    assert sorted(one.name for one in read.marked) == sorted(names[:4])
    files, _ = write_marks(some[:4], "csv", tmp_path / "csv")
    with files[0].open(newline="") as file:
        assert not any(cell.startswith("=") for row in csv.reader(file) for cell in row)
    assert {one.name for one in read_marks(files).marked} == set(names[:4])


@pytest.mark.parametrize("name", ["d/s1/a\rb", "d/s1/a\u2028b", '=1+2,"x"', "@x"])
def test_a_name_of_any_characters_comes_back_from_a_table(tmp_path, name):
    files, _ = write_marks([Marked(name, CLIP.movements, first=100, frames=60)], "csv", tmp_path)
    assert [one.name for one in read_marks(files).marked] == [name]


def test_what_elan_cannot_hold_is_said(tmp_path):
    some = [
        Marked("d/fast", CLIP.movements, fps=2000.0, first=0, frames=9),
        Marked("d/unknown", CLIP.movements, first=0, frames=9),
        CLIP,
    ]
    files, notes = write_marks(some, "elan", tmp_path / "elan")
    assert [one.name for one in files] == ["d_s1_a.eaf"]
    assert "2000 frames per second" in notes[0]
    assert "frame rate is unknown" in notes[1]


def row(clip, onset=1, shift=100, **other):
    places = {"onset": onset, "apex": 10, "offset": -1}
    numbers = {f"{k}_number": v + shift if v >= 0 else -1 for k, v in places.items()}
    sources = {f"{k}_source": "annotation" for k in places}
    about = {"clip": clip, "fps": 200.0, "frames": 60, "emotion": "", "subject": "s1"}
    return {**about, "movement": True, **places, **numbers, **sources, **other}


def columns(*rows):
    return {name: [one[name] for one in rows] for name in rows[0]}


def test_the_marks_of_a_run_by_clip_and_recording():
    table = columns(row("d/a", fps=float("nan")), row("d/t#1"), row("d/t#2", 3), row("d/gap", 1,
                    apex_number=200))  # fmt: skip
    found = {one.name: one for one in marks_of(table, searched=True)}
    assert set(found) == {"d/a", "d/t", "d/gap"}
    assert found["d/a"] == Marked("d/a", (Movement(101, 110),), first=100, frames=60, subject="s1")
    assert found["d/t"].recording
    assert found["d/t"].movements == (Movement(101, 110), Movement(103, 110))
    assert found["d/gap"].first is None
    assert len(marks_of(table, searched=False)) == 4


def test_where_a_coder_saw_nothing_no_marks_go_out(tmp_path):
    table = columns(row("d/a", movement=False), row("d/b", movement=False, apex_source="spotted"))
    found = {one.name: one for one in marks_of(table, searched=False)}
    assert (found["d/a"].still, found["d/a"].movements) == (True, ())
    assert found["d/b"].still is None
    assert found["d/b"].movements
    files, _ = write_marks(list(found.values()), "elan", tmp_path / "elan")
    read = read_marks(files, found)
    assert read.notes == ()
    assert import_marks(read.marked, found, tmp_path / "out", who="x") == (0, [])


def test_marks_go_to_the_corrections_of_a_run(tmp_path):
    known = {one.name: one for one in (CLIP, TALK)}
    elan = tmp_path / "elan"
    write_marks([CLIP, TALK], "elan", elan)
    out = tmp_path / "out"
    read = read_marks([elan], known)
    assert import_marks(read.marked, known, out, who="import") == (0, [])
    assert not out.exists(), "what is as in the run is no correction"
    changed = [
        Marked("d/s1/a", (Movement(101, 111, 130, "fear"),)),
        Marked("d/s1/talk", TALK.movements[:1], recording=True),
        Marked("d/s1/none", CLIP.movements),
        Marked("d/s1/talk", CLIP.movements),
    ]
    count, notes = import_marks(changed, known, out, who="import")
    assert count == 2
    assert notes == [
        "d/s1/none: the run has no such clip or recording: not used",
        "d/s1/talk is a recording of the run: not used",
    ]
    with (out / "corrections.csv").open() as file:
        (cells,) = csv.DictReader(file)
    assert {name for name in cells if cells[name]} == {"clip", "apex", "who", "when"}
    back = read_marks([out], known)
    assert {one.name: one.movements for one in back.marked} == {
        "d/s1/a": (Movement(None, 111, None),), "d/s1/talk": TALK.movements[:1],
    }  # fmt: skip
    count, _ = import_marks(read.marked, known, out, who="ann", coder="ann")
    assert count == 2
    ann = read_marks([out / "corrections-ann.csv", out / "corrected-events-ann.csv"], known)
    assert {one.name: one.movements for one in ann.marked} == {
        one.name: one.movements for one in (CLIP, TALK)
    }
    with pytest.raises(UsageError, match="part of a file's name"):
        import_marks(read.marked, known, out, who="x", coder="../x")

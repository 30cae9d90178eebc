import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.clips.correction_rows import COLUMNS, read_rows, template
from mepipe.clips.corrections import correct
from mepipe.clips.labels import classify
from mepipe.datasets.clip import Clip, Dataset, Mark, Reject, Video
from mepipe.errors import UsageError


def clip(name, subject="s1", **values):
    group = f"d/{subject}" if subject else ""
    return Clip(f"d/{subject}/{name}", "d", subject, group, Video(Path("c.mp4")), **values)


DATA = Dataset(
    "d",
    "casme2",
    Path("data"),
    (
        clip("a", onset=Mark(5), apex=Mark(None, text="/"), offset=Mark(9), emotion="fear"),
        clip("b", apex=Mark(7, "erratum"), emotion="others"),
        clip("c"),
        clip("a", "s2"),
        clip("e", ""),
    ),
    rejects=(Reject("d/s1/r", "BadDataError", "no folder", ""),),
)


# The columns of files that were written before there were others.
OLD = ("clip", "onset", "apex", "offset", "emotion", "face_box", "exclude", "why")


def write(tmp_path, *rows, header=OLD):
    path = tmp_path / "corrections.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([*row, *[""] * (len(header) - len(row))] for row in rows)
    return path


def by_id(corrected):
    return {clip.id: clip for clip in corrected.datasets[0].clips}


def test_correct_without_a_file_changes_nothing():
    assert correct([DATA], None).datasets == (DATA,)


def test_a_correction_replaces_what_the_dataset_says_and_is_noted(tmp_path):
    path = write(
        tmp_path,
        ("d/s1/a", "", "7", "", "Happy", "", "", "seen again"),
        ("b", "1", "7.0", "", "", "10 20 110 140"),
        ("s1/c", "", "", "", "", "", "yes", "talks"),
    )
    found = correct([DATA], path)
    clips = by_id(found)
    assert clips["d/s1/a"].apex == Mark(7, "correction")
    assert clips["d/s1/a"].onset == Mark(5)
    assert clips["d/s1/a"].emotion == "happiness"
    assert clips["d/s1/b"].onset == Mark(1, "correction")
    assert clips["d/s1/b"].apex == Mark(7, "erratum"), "the same number corrects nothing"
    assert clips["d/s1/b"].face_box == (10, 20, 110, 140)
    assert "d/s1/c" not in clips
    assert found.changes == {
        "d/s1/a": {"apex": 7, "emotion": "happiness"},
        "d/s1/b": {"onset": 1, "face_box": [10, 20, 110, 140]},
        "d/s1/c": {"exclude": True},
    }
    texts = {note.clip: note.text for note in found.notes}
    assert texts["d/s1/a"] == (
        "row 2 of corrections.csv corrects apex 7, emotion happiness (seen again): "
        "the correction is used"
    )
    assert "leaves it out (talks)" in texts["d/s1/c"]


def test_rows_without_effect_are_noted_and_change_nothing(tmp_path):
    path = write(
        tmp_path,
        ("d/s1/a", "5"),
        ("d/s1/b",),
        ("", "", "", "", "", "", "", "a remark"),
        ("other/s1/x", "3"),
        ("d/s1/r", "3"),
    )
    found = correct([DATA], path)
    assert found.datasets == (DATA,)
    assert found.changes == {}
    texts = " | ".join(note.text for note in found.notes)
    for part in (
        "row 2 of corrections.csv says the same as the dataset",
        "rows that correct nothing: 3",
        "rows that name no clip: 4",
        "row 5 of corrections.csv is for other/s1/x",
        "row 6 of corrections.csv is not used: the clip cannot be read",
    ):
        assert part in texts


def test_a_clip_that_cannot_be_read_can_be_left_out(tmp_path):
    found = correct([DATA], write(tmp_path, ("r", "", "", "", "", "", "x")))
    assert found.datasets[0].rejects == ()
    assert found.changes == {"d/s1/r": {"exclude": True}}


def test_own_words_may_be_corrected_to_own_words(tmp_path):
    data = Dataset("d", "folder", Path("data"), DATA.clips, own_words=True)
    path = write(tmp_path, ("d/s1/b", "", "", "", "Bored"))
    assert by_id(correct([data], path))["d/s1/b"].emotion == "bored"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("d/s1/x", "1")], "row 2: there is no clip 'd/s1/x' .did you mean d/s1/"),
        ([("a", "1")], "row 2: 'a' may be d/s1/a, d/s2/a"),
        ([("d/s1/b", "1"), ("b", "2")], "row 3 is for d/s1/b, and so is an earlier row"),
        ([("b", "1.5")], "row 2, onset: '1.5' is not a frame number"),
        ([("b", "", "=A1")], "row 2, apex: '=A1' is not a frame number"),
        ([("b", "", "", "", "hapiness")], "row 2 of corrections.csv: unknown emotion 'hapiness'"),
        ([("b", "", "", "", "", "1 2 3")], "row 2, face_box: '1 2 3' is not four whole numbers"),
        ([("b", "", "", "", "", "1 2 x 4")], "face_box: '1 2 x 4' is not four"),
        ([("b", "", "", "", "", "9 2 3 4")], "face_box: '9 2 3 4' is not a box"),
        ([("b", "", "", "", "", "", "perhaps")], "row 2, exclude: 'perhaps' is neither yes nor no"),
        ([("e", "", "", "", "fear")], "d//e has no subject"),
    ],
)
def test_an_invalid_cell_is_refused_with_file_and_row(tmp_path, rows, message):
    with pytest.raises(UsageError, match=message) as caught:
        correct([DATA], write(tmp_path, *rows))
    assert "corrections.csv" in caught.value.message
    assert caught.value.remedy


def test_a_misspelt_column_is_refused_with_a_hint(tmp_path):
    with pytest.raises(UsageError, match=r"unknown column 'apx' .did you mean 'apex'"):
        correct([DATA], write(tmp_path, ("b", "1"), header=("clip", "apx")))


def test_a_missing_corrections_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"none.csv cannot be read"):
        correct([DATA], tmp_path / "none.csv")


def test_a_template_changes_nothing_until_it_is_filled_in(tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_text(template({"d/s1/b": ["no apex", 'odd; "quoted"'], "d/s1/r": ["no folder"]}))
    found = correct([DATA], path)
    assert found.datasets == (DATA,)
    assert [note.clip for note in found.notes] == [None]


@pytest.mark.parametrize("name", ["=1+2", "d/s1/a\rb", "d/s1/a\x85b"])
def test_a_template_of_a_hostile_name_is_one_guarded_row(tmp_path, name):
    path = tmp_path / "corrections.csv"
    text = template({name: ["no apex"]})
    assert not any(line.startswith("=") for line in text.splitlines())
    path.write_text(text, newline="")
    assert [row.cells["clip"] for row in read_rows(path)[0]] == [name]


def test_no_movement_keeps_the_clip_and_takes_its_class(tmp_path):
    path = write(
        tmp_path,
        ("d/s1/a", "no", "a blink", "kim"),
        ("d/s1/b", "Yes", "", ""),
        header=("clip", "movement", "why", "who"),
    )
    found = correct([DATA], path)
    clips = by_id(found)
    assert clips["d/s1/a"].movement is False
    assert clips["d/s1/b"].movement is True
    assert clips["d/s1/c"].movement is None
    labels = classify(found.datasets, "emotion")
    assert labels.index(clips["d/s1/a"]) == -1
    assert labels.label(clips["d/s1/a"]) is None
    assert labels.label(clips["d/s1/b"]) == "others"
    assert found.changes == {"d/s1/a": {"movement": False}, "d/s1/b": {"movement": True}}
    assert [note.text for note in found.notes if note.clip == "d/s1/a"] == [
        "row 2 of corrections.csv corrects movement no, so it has no class (a blink, by kim): "
        "the correction is used"
    ]


def test_an_emotion_where_nothing_moves_is_refused(tmp_path):
    path = write(tmp_path, ("b", "fear", "no"), header=("clip", "emotion", "movement"))
    with pytest.raises(UsageError, match=r"corrections.csv: row 2 says movement no.*'fear'"):
        correct([DATA], path)


cell = st.text(max_size=8) | st.sampled_from(["3", "yes", "fear", "1 2 30 40", "d/s1/a", "b"])


@given(st.lists(st.tuples(*[cell] * len(COLUMNS)), max_size=4))
def test_any_table_is_used_or_refused_in_one_line(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("c"), *rows, header=COLUMNS)
    try:
        found = correct([DATA], path)
    except UsageError as error:
        message = error.message
    else:
        message = path.name
    assert path.name in message
    if message != path.name:
        return
    excluded = {i for i, what in found.changes.items() if what.get("exclude")}
    left = {clip.id for clip in found.datasets[0].clips}
    left |= {reject.clip for reject in found.datasets[0].rejects}
    assert left | excluded == {c.id for c in DATA.clips} | {r.clip for r in DATA.rejects}

"""Whose clips they are: spellings of one name, folders named after emotions, tables beside them."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lookalikes import write_csv, write_frames, write_xlsx

from mepipe.datasets.folder import read
from mepipe.datasets.spelling import person_key
from mepipe.errors import UsageError


def folder(root, *keys):
    for key in keys:
        write_frames(root / key, range(1, 6), "{:03d}.png")
    return root


def texts(dataset):
    return [note.text for note in dataset.notes if note.clip is None]


def people(dataset):
    return {clip.id.removeprefix("d/"): clip.subject for clip in dataset.clips}


def table(root, *rows, name="labels.csv"):
    return write_csv(root / name, rows)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Anna", "anna ", "ANNA"),
        ("01", "1", "001"),
        ("s1", "s01", "S_01"),
        ("sub-1", "sub 1", "sub\u00a01"),
        (unicodedata.normalize("NFC", "Zo\u00e9"), unicodedata.normalize("NFD", "Zo\u00e9")),
        ("p2", "p\uff12"),
        ("anna", "anna - Copy", "anna (2)"),
    ],
)
def test_spellings_of_one_name_are_one_person(tmp_path, spellings):
    dataset = read(folder(tmp_path, *(f"{one}/c" for one in spellings), "other/c"), "d")
    assert len(dataset.clips) == len(spellings) + 1
    assert len({clip.group for clip in dataset.clips}) == 2
    assert {clip.group for clip in dataset.clips} == {f"d/{c.subject}" for c in dataset.clips}
    (text,) = texts(dataset)
    assert all(repr(one) in text for one in spellings)
    assert "column 'person'" in text


@pytest.mark.parametrize("names", [("s1", "s2"), ("1_1", "11"), ("anna", "ana"), ("s10", "s1")])
def test_other_names_are_other_people(tmp_path, names):
    dataset = read(folder(tmp_path, *(f"{one}/c" for one in names)), "d")
    assert {clip.subject for clip in dataset.clips} == set(names)
    assert dataset.notes == ()


@given(st.text(min_size=1, max_size=12))
@example("-")  # a name of nothing but signs
def test_the_form_of_a_name_is_settled(name):
    key = person_key(name)
    assert person_key(key) == key
    assert person_key(f" {name} ") == key or not name.strip()


@given(st.text("aäßé01 _-", min_size=1, max_size=8), st.sampled_from(("NFC", "NFD", "NFKC")))
def test_case_and_form_do_not_change_a_person(name, form):
    assert person_key(unicodedata.normalize(form, name)) == person_key(name)
    assert person_key(name.upper()) == person_key(name.lower())


def test_a_person_column_tells_spellings_apart(tmp_path):
    folder(tmp_path, "s1/c", "s01/c")
    table(tmp_path, ("subject", "clip", "person"), ("s1", "c", "first"), ("s01", "c", "second"))
    dataset = read(tmp_path, "d")
    assert people(dataset) == {"s1/c": "first", "s01/c": "second"}
    assert dataset.notes == ()


def test_a_person_column_joins_sessions(tmp_path):
    folder(tmp_path, "p1/c", "p1_later/c", "p2/c")
    table(tmp_path, ("clip", "person"), ("p1_later/c", "p1"))
    assert people(read(tmp_path, "d")) == {"p1/c": "p1", "p1_later/c": "p1", "p2/c": "p2"}


@pytest.mark.parametrize(
    "names",
    [
        ("happiness", "disgust", "surprise"),
        ("0_negative", "1_positive", "2_surprise"),
        ("Happy", "Sad", "angry"),
        ("micro-Fear", "micro-Anger"),
        ("positive",),
    ],
)
def test_folders_named_after_emotions_are_no_people(tmp_path, names):
    dataset = read(folder(tmp_path, *(f"{one}/c{i}" for one in names for i in range(2))), "d")
    assert {clip.group for clip in dataset.clips} == {""}
    assert len({clip.emotion for clip in dataset.clips}) == len(names)
    (text,) = texts(dataset)
    assert "named after" in text
    assert "labels.csv" in text


@pytest.mark.parametrize("names", [("anna", "ben", "Joy"), ("joy",), ("Hope", "Angerer")])
def test_a_person_may_be_called_like_an_emotion(tmp_path, names):
    dataset = read(folder(tmp_path, *(f"{one}/c" for one in names)), "d")
    assert {clip.subject for clip in dataset.clips} == set(names)
    assert dataset.notes == ()


def test_words_of_ones_own_as_folders_are_seen_by_the_table(tmp_path):
    keys = [f"{word}/c{i}" for word in ("Freude", "Ekel") for i in range(2)]
    folder(tmp_path, *keys)
    table(tmp_path, ("clip", "emotion"), *((key, key.partition("/")[0].lower()) for key in keys))
    dataset = read(tmp_path, "d")
    assert {clip.subject for clip in dataset.clips} == {""}
    assert {clip.emotion for clip in dataset.clips} == {"freude", "ekel"}


@pytest.mark.parametrize("written", ["{}/{}", "{1}"])
def test_the_subject_column_gives_the_people_of_such_folders(tmp_path, written):
    keys = {"happiness/p1_1": "p1", "disgust/p1_2": "p1", "disgust/p2_1": "P02"}
    folder(tmp_path, *keys)
    rows = [(person, written.format(*key.split("/"))) for key, person in keys.items()]
    table(tmp_path, ("subject", "clip"), *rows)
    dataset = read(tmp_path, "d")
    assert people(dataset) == keys
    assert [clip.emotion for clip in dataset.clips] == ["disgust", "disgust", "happiness"]
    assert texts(dataset) == [
        "labels.csv: the subjects are not folders here: they are taken as the people of the clips"
    ]


def test_the_subject_column_gives_the_people_of_sessions(tmp_path):
    folder(tmp_path, "day1/a", "day1/b", "day2/a")
    rows = [("anna", "day1/a", "fear"), ("ben", "day1/b", "fear"), ("anna", "day2/a", "anger")]
    table(tmp_path, ("subject", "clip", "emotion"), *rows)
    dataset = read(tmp_path, "d")
    assert people(dataset) == {"day1/a": "anna", "day1/b": "ben", "day2/a": "anna"}
    assert [clip.emotion for clip in dataset.clips] == ["fear", "fear", "anger"]


def test_rows_that_name_one_clip_for_two_people_reject_it(tmp_path):
    folder(tmp_path, "happiness/c", "disgust/c")
    rows = [("p1", "happiness/c"), ("p2", "happiness/c"), ("p3", "disgust/c")]
    table(tmp_path, ("subject", "clip"), *rows)
    assert [reject.clip for reject in read(tmp_path, "d").rejects] == ["d/happiness/c"]


@pytest.mark.parametrize(
    "name",
    ["annotations.csv", "coding.xlsx", "Labels (1).csv", "labels.ods", "labels.xls", "table.tsv"],
)
def test_a_table_that_is_not_read_is_named(tmp_path, name):
    folder(tmp_path, "anna/c")
    (tmp_path / name).write_bytes(b"clip\n")
    (text,) = texts(read(tmp_path, "d"))
    assert text.startswith(name)
    assert "not read; the table of labels is called labels.csv" in text


def test_beside_a_table_of_labels_only_what_is_called_like_one_is_named(tmp_path):
    folder(tmp_path, "anna/c")
    table(tmp_path, ("subject", "clip"), ("anna", "c"))
    for name in ("truth.csv", "questionnaire.xlsx", "README.txt", "corrections.csv"):
        (tmp_path / name).write_bytes(b"x")
    assert texts(read(tmp_path, "d")) == []
    (tmp_path / "labels_old.csv").write_bytes(b"x")
    assert texts(read(tmp_path, "d"))[0].startswith("labels_old.csv")


def test_a_table_in_a_subjects_folder_is_named(tmp_path):
    folder(tmp_path, "anna/c")
    table(tmp_path / "anna", ("clip", "emotion"), ("c", "fear"))
    (text,) = texts(read(tmp_path, "d"))
    assert (
        text == "anna/labels.csv: not read; the table of labels lies beside the subjects' folders"
    )


def test_a_workbook_is_a_table_of_labels(tmp_path):
    folder(tmp_path, "anna/c")
    write_xlsx(tmp_path / "Labels.xlsx", [("subject", "clip", "emotion"), ("anna", "c", "fear")])
    dataset = read(tmp_path, "d")
    assert [clip.emotion for clip in dataset.clips] == ["fear"]
    assert dataset.notes == ()


def test_two_tables_of_labels_are_refused(tmp_path):
    folder(tmp_path, "anna/c")
    table(tmp_path, ("subject", "clip"), ("anna", "c"))
    write_xlsx(tmp_path / "labels.xlsx", [("subject", "clip"), ("anna", "c")])
    with pytest.raises(UsageError, match=r"labels\.csv and labels\.xlsx"):
        read(tmp_path, "d")

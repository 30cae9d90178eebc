import unicodedata

import pytest
from lookalikes import write_csv, write_folder, write_frames

from mepipe.datasets.clip import Mark, NotRecognisedError, Video
from mepipe.datasets.folder import read
from mepipe.datasets.frames_on_disk import list_folder
from mepipe.errors import UnreadableInputError, UsageError


def video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not read here")


def ids(dataset):
    return [clip.id for clip in dataset.clips]


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def by_id(dataset):
    return {clip.id: clip for clip in dataset.clips}


def test_videos_and_image_folders_become_clips(tmp_path):
    dataset = read(write_folder(tmp_path / "mine"), None)
    assert (dataset.name, dataset.reader, dataset.own_words) == ("mine", "folder", False)
    assert ids(dataset) == ["mine/loose", "mine/s1/a", "mine/s1/b", "mine/s2/a", "mine/s2/images"]
    assert dataset.rejects == ()
    assert dataset.notes == dataset.notes[:1]
    clips = by_id(dataset)
    a = clips["mine/s1/a"]
    assert (a.subject, a.group, a.dataset) == ("s1", "mine/s1", "mine")
    assert (a.emotion, a.fps) == ("happiness", 29.97)
    assert (a.onset, a.apex, a.offset) == (Mark(3), Mark(9), Mark(20))
    assert a.source == Video(tmp_path / "mine/s1/a.mp4")
    b = clips["mine/s1/b"]
    assert (b.onset, b.apex, b.offset, b.fps) == (None, Mark(5), None, None)
    assert clips["mine/s2/images"].source.numbers == (8, 9, 10)
    loose = clips["mine/loose"]
    assert (loose.subject, loose.group, loose.emotion) == ("", "", "")
    assert texts(dataset, "mine/loose") == ["has no row in labels.csv: unlabelled"]


def test_the_users_name_is_in_ids_and_groups(tmp_path):
    dataset = read(write_folder(tmp_path), "given")
    assert ids(dataset)[1] == "given/s1/a"
    assert dataset.clips[1].group == "given/s1"


def test_one_video_file_is_a_dataset(tmp_path):
    video(tmp_path / "face one.MP4")
    dataset = read(tmp_path / "face one.MP4", None)
    assert dataset.name == "face one"
    assert ids(dataset) == ["face one/face one"]
    assert read(tmp_path / "face one.MP4", "x").clips[0].id == "x/face one"
    (tmp_path / "notes.txt").touch()
    with pytest.raises(NotRecognisedError):
        read(tmp_path / "notes.txt", None)


def test_a_folder_without_labels_csv_is_unlabelled(tmp_path):
    video(tmp_path / "s/a.mkv")
    dataset = read(tmp_path, "d")
    assert dataset.clips[0].emotion == ""
    assert dataset.notes == ()


def test_words_outside_the_vocabulary_are_the_users_own_classes(tmp_path):
    video(tmp_path / "s/a.mp4")
    video(tmp_path / "s/b.mp4")
    rows = [("subject", "clip", "emotion"), ("s", "a", " Bored "), ("s", "b", "happy")]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert dataset.own_words
    assert [clip.emotion for clip in dataset.clips] == ["bored", "happiness"]


def test_rows_find_their_clips_as_spreadsheets_write_them(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Zoé ü") for form in ("NFC", "NFD"))
    for name in ("006/01", "Anna/Clip", f"{composed}/a b", "s/clip.v2"):
        video(tmp_path / f"{name}.mp4")
    rows = [
        ("Subject", "CLIP", "emotion", "extra"),
        ("6", "1", "fear", ""),
        ("anna", "clip.MP4", "anger", ""),
        (decomposed, "a b", "sad", ""),
        ("s", "clip.v2", "disgust", "x"),
    ]
    write_csv(tmp_path / "Labels.CSV", rows, ";", "utf-8-sig")
    dataset = read(tmp_path, "d")
    assert {clip.subject: clip.emotion for clip in dataset.clips} == {
        "006": "fear",
        "Anna": "anger",
        composed: "sadness",
        "s": "disgust",
    }
    assert texts(dataset) == ["Labels.CSV: unknown column 'extra': its values are not read"]


@pytest.mark.parametrize(
    ("column", "meant"),
    [("apexx", "apex"), ("Emotoin", "emotion"), ("action unit", "action units")],
)
def test_a_misspelt_column_is_noted_with_a_hint(tmp_path, column, meant):
    video(tmp_path / "s/a.mp4")
    write_csv(tmp_path / "labels.csv", [("subject", "clip", column), ("s", "a", "9")])
    (note,) = read(tmp_path, "d").notes
    assert note.problem == f"labels.csv: unknown column {column!r} (did you mean {meant!r}?)"
    assert note.handling == "its values are not read"


def test_the_hint_for_a_column_names_only_missing_ones(tmp_path):
    video(tmp_path / "s/a.mp4")
    rows = [("subject", "clip", "emotion", "emotion2"), ("s", "a", "fear", "anger")]
    write_csv(tmp_path / "labels.csv", rows)
    (note,) = read(tmp_path, "d").notes
    assert "did you mean" not in note.problem


@pytest.mark.parametrize("cell", ["anna/smile", "Anna/smile.MP4"])
@pytest.mark.parametrize("subject", [{"subject": "anna"}, {"subject": ""}, {}])
def test_the_clip_may_be_written_with_its_subject(tmp_path, subject, cell):
    for name in ("anna", "ben"):
        video(tmp_path / name / "smile.mp4")
    row = {**subject, "clip": cell, "emotion": "fear"}
    write_csv(tmp_path / "labels.csv", [tuple(row), tuple(row.values())])
    assert [clip.emotion for clip in read(tmp_path, "d").clips] == ["fear", ""]


@pytest.mark.parametrize("cell", ["ben/smile", "ben/smile.mp4"])
def test_a_clip_of_another_subject_fits_no_row(tmp_path, cell):
    video(tmp_path / "anna" / "smile.mp4")
    rows = [("subject", "clip", "emotion"), ("anna", cell, "fear")]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert [clip.emotion for clip in dataset.clips] == [""]
    assert any("has no clip: not used" in text for text in texts(dataset))


def test_exact_names_win_over_similar_ones(tmp_path):
    for subject in ("6", "06"):
        video(tmp_path / subject / "a.mp4")
    rows = [("subject", "clip", "emotion"), ("06", "a", "fear"), ("6", "a", "anger")]
    write_csv(tmp_path / "labels.csv", rows)
    assert [clip.emotion for clip in read(tmp_path, "d").clips] == ["fear", "anger"]


def test_without_a_subject_column_clip_names_must_be_unique(tmp_path):
    for name in ("s1/a", "s2/a", "s2/b"):
        video(tmp_path / f"{name}.mp4")
    write_csv(tmp_path / "labels.csv", [("clip", "emotion"), ("a", "fear"), ("b", "anger")])
    dataset = read(tmp_path, "d")
    assert [clip.emotion for clip in dataset.clips] == ["", "", "anger"]
    assert any("line 2 (a) fits clips of s1, s2" in text for text in texts(dataset))


def test_rows_without_a_clip_and_clips_without_a_row_are_noted(tmp_path):
    video(tmp_path / "s/a.mp4")
    rows = [("subject", "clip", "emotion"), ("s", "gone", "fear"), ("t", "a", "fear")]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert any("line 2 (s/gone) has no clip" in text for text in texts(dataset))
    assert any("line 3 (t/a) has no clip" in text for text in texts(dataset))
    assert texts(dataset, "d/s/a") == ["has no row in labels.csv: unlabelled"]


def test_a_loose_video_keeps_its_frames_but_no_label(tmp_path):
    video(tmp_path / "a.mp4")
    rows = [("clip", "emotion", "onset", "fps"), ("a", "fear", "4", "fast")]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    (clip,) = dataset.clips
    assert (clip.emotion, clip.onset, clip.fps, clip.group) == ("", Mark(4), None, "")
    assert len(texts(dataset, "d/a")) == 2


@pytest.mark.parametrize(("cell", "fps"), [
        ("29,97", 29.97), ("0.1", 0.1), ("99999", 99999.0),
        ("0", None), ("nan", None), ("inf", None), ("-25", None), ("1e-300", None),
        ("1e300", None), ("100000", None), ("0.09", None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_rates_are_read_with_point_or_comma_and_refused_if_impossible(tmp_path, cell, fps):
    video(tmp_path / "s/a.mp4")
    write_csv(tmp_path / "labels.csv", [("subject", "clip", "fps"), ("s", "a", cell)], ";")
    assert read(tmp_path, "d").clips[0].fps == fps


def test_rows_that_differ_reject_the_clip_and_equal_ones_do_not(tmp_path):
    for name in ("a", "b"):
        video(tmp_path / f"s/{name}.mp4")
    rows = [
        ("subject", "clip", "emotion"),
        ("s", "a", "fear"),
        ("s", "a", "anger"),
        ("s", "b", "fear"),
        ("S", "b.mp4", "fear"),
    ]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert ids(dataset) == ["d/s/b"]
    assert [r.clip for r in dataset.rejects] == ["d/s/a"]
    assert "lines 2 and 3" in dataset.rejects[0].message


def test_two_inputs_of_one_name_reject_the_clip(tmp_path):
    video(tmp_path / "s/a.mp4")
    write_frames(tmp_path / "s/a", range(3))
    video(tmp_path / "s/b.mp4")
    video(tmp_path / "s/b.avi")
    video(tmp_path / "s/c.avi")
    dataset = read(tmp_path, "d")
    assert ids(dataset) == ["d/s/c"]
    assert [r.message for r in dataset.rejects] == [
        "several files or folders are this clip: a.mp4 and a",
        "several files or folders are this clip: b.avi and b.mp4",
    ]


def test_what_cannot_be_used_is_rejected_or_noted(tmp_path):
    video(tmp_path / "s/a.mp4")
    (tmp_path / "s/empty").mkdir()
    write_frames(tmp_path / "s/twice", ("1", "01"))
    write_frames(tmp_path / "s/deep/deeper", range(3))
    write_frames(tmp_path / "t", range(3))
    video(tmp_path / "s/old.wmv")
    write_frames(tmp_path / "s/more", ("1", "x"), "{}.png")
    video(tmp_path / ".hidden/a.mp4")
    dataset = read(tmp_path, "d")
    assert ids(dataset) == ["d/s/a", "d/s/more"]
    assert [r.clip for r in dataset.rejects] == ["d/s/empty", "d/s/twice"]
    notes = "\n".join(texts(dataset))
    for part in ("deep holds folders", "t holds images directly", "old.wmv", "x.png has no frame"):
        assert part in notes


def test_an_unreadable_folder_does_not_stop_the_others(tmp_path, monkeypatch):
    for name in ("s/a.mp4", "t/a.mp4"):
        video(tmp_path / name)
    write_frames(tmp_path / "s/images", range(3))
    closed = {tmp_path / "t", tmp_path / "s/images"}

    def guarded(folder):
        if folder in closed:
            raise UnreadableInputError(f"the folder {folder} cannot be read: closed", "Open it.")
        return list_folder(folder)

    monkeypatch.setattr("mepipe.datasets.folder.list_folder", guarded)
    dataset = read(tmp_path, "d")
    assert ids(dataset) == ["d/s/a"]
    assert [(r.clip, r.error) for r in dataset.rejects] == [("d/s/images", "UnreadableInputError")]
    assert any("its clips are not used" in text for text in texts(dataset))
    closed.add(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "d")


def test_a_folder_whose_only_clip_is_bad_is_still_recognised(tmp_path):
    write_frames(tmp_path / "s/twice", ("1", "01"))
    dataset = read(tmp_path, "d")
    assert dataset.clips == ()
    assert len(dataset.rejects) == 1


def test_a_labels_csv_that_is_not_a_table_is_refused(tmp_path):
    video(tmp_path / "s/a.mp4")
    (tmp_path / "labels.csv").write_text("subject,emotion\ns,fear\n")
    with pytest.raises(UsageError, match="no cell reads 'clip'"):
        read(tmp_path, "d")


def test_a_folder_without_clips_is_not_recognised(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "labels.csv").write_text("subject,clip\n")
    with pytest.raises(NotRecognisedError, match=r"subject/clip.mp4"):
        read(tmp_path, None)


def test_a_misspelt_emotion_is_noted_with_a_hint(tmp_path):
    for clip in ("a", "b"):
        video(tmp_path / "s" / f"{clip}.mp4")
    rows = [["subject", "clip", "emotion"], ["s", "a", "happiness"], ["s", "b", "happyness"]]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert dataset.own_words
    (text,) = texts(dataset)
    assert "'happyness' (did you mean 'happiness'?)" in text
    assert "labels.classes" in text


def test_own_words_alone_are_not_noted_as_misspelt(tmp_path):
    video(tmp_path / "s" / "a.mp4")
    rows = [["subject", "clip", "emotion"], ["s", "a", "schadenfreude"]]
    write_csv(tmp_path / "labels.csv", rows)
    dataset = read(tmp_path, "d")
    assert dataset.own_words
    assert texts(dataset) == []


def test_a_folder_given_too_high_or_too_low_says_which_to_give(tmp_path):
    write_frames(tmp_path / "data" / "s1" / "c1", range(3))
    for given, words in (("s1/c1", "it is one clip"), ("s1", "folders (c1) hold images")):
        with pytest.raises(NotRecognisedError) as caught:
            read(tmp_path / "data" / given, None)
        assert words in caught.value.remedy
        assert caught.value.remedy.endswith(f": {tmp_path / 'data'}")
    video(tmp_path / "deep" / "session" / "anna" / "a.mp4")
    video(tmp_path / "deep" / "loose.mp4")
    (reject,) = read(tmp_path / "deep", None).rejects
    assert "one folder too deep" in reject.message
    assert str(tmp_path / "deep" / "session") in reject.remedy


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["", "x/anna/smile"], "columns of their own"),
        (["ana", "smile"], "did you mean anna/smile?"),
    ],
)
def test_a_row_that_fits_no_clip_says_what_it_may_have_meant(tmp_path, row, words):
    video(tmp_path / "anna" / "smile.mp4")
    write_csv(tmp_path / "labels.csv", [["subject", "clip"], row])
    assert any(words in text for text in texts(read(tmp_path, "d")))

import shutil
from collections import Counter

import pytest
from lookalike_sets import (
    SMIC_COUNTS,
    SMIC_E_HEADER,
    SMIC_GAPS,
    SMIC_WORDS,
    smic_e_rows,
    write_smic,
    write_smic_e,
)
from lookalikes import write_frames, write_xlsx

from mepipe.datasets import smic_e
from mepipe.datasets.clip import Mark, NotRecognisedError
from mepipe.datasets.registry import open_datasets
from mepipe.datasets.smic import read
from mepipe.errors import UsageError


def texts(dataset, clip=None):
    return [note.text for note in dataset.notes if note.clip == clip]


def words(clips):
    return Counter(clip.emotion for clip in clips)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    root = tmp_path_factory.mktemp("smic")
    for camera in SMIC_COUNTS:
        write_smic(root, camera)
    return root


def test_three_cameras_in_one_folder_are_one_dataset(three):
    dataset = read(three, None)
    assert (dataset.name, dataset.reader, dataset.rejects) == ("smic", "smic", ())
    by_camera = {}
    for clip in dataset.clips:
        by_camera.setdefault(clip.id.split("/")[0], []).append(clip)
    assert {name: len(clips) for name, clips in by_camera.items()} == {
        "smic-hs": 164,
        "smic-vis": 71,
        "smic-nir": 71,
    }
    for camera, counts in SMIC_COUNTS.items():
        clips = by_camera[f"smic-{camera.lower()}"]
        assert words(clips) == {SMIC_WORDS[code]: n for code, n in counts.items()}
        assert {clip.fps for clip in clips} == {100.0 if camera == "HS" else 25.0}
    assert len({clip.group for clip in by_camera["smic-hs"]}) == 16
    assert len({clip.group for clip in dataset.clips}) == 16
    assert [n.text for n in dataset.notes] == [
        "9 clips of non_micro are not used: they show no micro-expression"
    ]


def test_a_short_clip_is_marked_from_its_first_to_its_last_frame(three):
    dataset = read(three / "SMIC_all_raw/HS", None)
    assert dataset.name == "smic-hs"
    clip = next(clip for clip in dataset.clips if clip.id == "smic-hs/s03/s03_po_08")
    assert (clip.subject, clip.group, clip.emotion) == ("s03", "smic/s03", "positive")
    numbers = clip.source.numbers
    assert len(numbers) == 8
    assert (clip.onset, clip.apex, clip.offset) == (Mark(numbers[0]), None, Mark(numbers[-1]))
    assert clip.source.folder.name == "s3_po_08"


def test_the_gaps_of_the_cropped_set_are_each_noted_once(tmp_path):
    dataset = read(write_smic(tmp_path, cropped=True), None)
    assert (len(dataset.clips), dataset.name) == (163, "smic-hs")
    (reject,) = dataset.rejects
    assert reject.clip == "smic-hs/s18/s18_sur_03"
    assert "known erratum of the published cropped set" in reject.message
    said = {note.clip: note.text for note in dataset.notes if note.clip}
    assert len(said) == len([note for note in dataset.notes if note.clip]) == 4
    for name, lacking in SMIC_GAPS.items():
        if lacking < 99:
            number = name.removeprefix("s3_")
            assert f"lacks {lacking} frame(s)" in said[f"smic-hs/s03/s03_{number}"]


def test_a_known_gap_at_an_end_of_a_clip_is_noted_though_it_cannot_be_seen(tmp_path):
    write_smic(tmp_path, names=["s3_ne_16", "s4_ne_16"])
    (tmp_path / "SMIC_all_raw").rename(tmp_path / "SMIC_all_cropped")
    dataset = read(tmp_path, None)
    assert (
        "not missing between its first and last frame here"
        in texts(dataset, "smic-hs/s03/s03_ne_16")[0]
    )
    assert not texts(dataset, "smic-hs/s04/s04_ne_16")


def test_raw_and_cropped_in_one_folder_are_refused(tmp_path):
    write_smic(tmp_path, names=["s1_ne_01"])
    write_smic(tmp_path, cropped=True, names=["s1_ne_01"])
    with pytest.raises(UsageError, match="two trees of SMIC's HS") as caught:
        read(tmp_path, None)
    assert "SMIC_all_" in caught.value.remedy
    raw, cropped = tmp_path / "SMIC_all_raw", tmp_path / "SMIC_all_cropped"
    with pytest.raises(UsageError, match="two datasets are called smic-hs"):
        open_datasets([str(raw), str(cropped)])
    with pytest.raises(UsageError, match="smic-hs/s01/s01_ne_01 is in both"):
        open_datasets([f"a={raw}", f"b={cropped}"])


def test_a_folder_that_does_not_name_its_camera_is_refused(tmp_path):
    write_smic(tmp_path, names=["s1_ne_01"])
    (tmp_path / "SMIC_all_raw/HS").rename(tmp_path / "mine")
    with pytest.raises(UsageError, match="does not say which camera"):
        read(tmp_path / "mine", None)


def test_the_name_is_followed_where_name_and_folder_contradict(tmp_path):
    tree = write_smic(tmp_path, names=["s1_ne_01"]) / "SMIC_all_raw/HS"
    write_frames(tree / "s1/micro/surprise/s1_po_02", range(4))
    write_frames(tree / "s1/micro/s1_sur_03", range(4))
    write_frames(tree / "s1/micro/positive/odd", range(4))
    write_frames(tree / "s1/micro/positive/s2_po_01", range(4))
    write_frames(tree / "s1/micro/what/s1_po_09", range(4))
    write_frames(tree / "s01/micro/negative/s01_ne_01", range(4))
    write_frames(tree / "about/x", range(4))
    dataset = read(tmp_path, None)
    assert {clip.id.split("/")[2]: clip.emotion for clip in dataset.clips} == {
        "odd": "positive",
        "s01_po_02": "positive",
        "s01_sur_03": "surprise",
    }
    assert texts(dataset, "smic-hs/s01/s01_po_02") == [
        "its name says positive, its folder surprise: the name is followed"
    ]
    messages = {reject.clip: reject.message for reject in dataset.rejects}
    assert "two folders" in messages["smic-hs/s01/s01_ne_01"]
    assert "its name says s02" in messages["smic-hs/s01/s02_po_01"]
    assert any("neither negative" in text for text in texts(dataset))
    assert any("not a subject's folder" in text for text in texts(dataset))


def test_smic_e_is_read_exactly(tmp_path):
    dataset = smic_e.read(write_smic_e(tmp_path), None)
    assert (dataset.name, dataset.reader, dataset.rejects) == ("smic-e", "smic-e", ())
    assert len(dataset.clips) == 164
    assert len({clip.source.folder for clip in dataset.clips}) == 157
    assert [note.text for note in dataset.notes] == [
        "SMIC-HS-E_annotation_2019.xlsx: rows without a Filename are ignored: 160, 161"
    ]
    by_id = {clip.id: clip for clip in dataset.clips}
    for i, row in enumerate(smic_e_rows()):
        name = f"smic-e/{row[1].split('_')[0]}/{row[1]}"
        count = 3 if i == 2 else 2 if i < 6 else 1
        ids = [name] if count == 1 else [f"{name}#{n + 1}" for n in range(count)]
        for n, clip in enumerate(by_id.pop(clip_id) for clip_id in ids):
            onset, offset = (mark - row[9] for mark in row[3 + 2 * n : 5 + 2 * n])
            assert (clip.onset, clip.apex, clip.offset) == (Mark(onset), None, Mark(offset))
            assert (clip.group, clip.fps) == (f"smic/{clip.subject}", 100.0)
            assert clip.emotion == SMIC_WORDS[row[1].split("_")[1]]
            assert clip.source.numbers == tuple(range(20))
    assert not by_id


@pytest.mark.parametrize("below", ["SMIC-E_raw image", "SMIC-E_raw image/HS_long"])
def test_smic_e_is_found_from_any_folder_of_its_path(tmp_path, below):
    write_smic_e(tmp_path, smic_e_rows()[:3])
    assert len(smic_e.read(tmp_path / below, None).clips) == 7
    shutil.move(tmp_path / "SMIC-HS-E_annotation_2019.xlsx", tmp_path / "SMIC-E_raw image")
    tree = tmp_path / "SMIC-E_raw image/HS_long/SMIC-HS-E"
    assert len(smic_e.read(tree, None).clips) == 7


def test_smic_e_rows_with_faults_are_rejected_or_noted(tmp_path):
    rows = smic_e_rows()[6:12]
    write_smic_e(tmp_path, rows)
    rows[0] = (*rows[0][:2], "positive", *rows[0][3:])
    rows[1] = (*rows[1][:3], "?", *rows[1][4:])
    rows[2] = (*rows[2][:9], "x", *rows[2][10:])
    rows[3] = (*rows[3][:5], 0, "/", *rows[3][7:])
    rows[4] = (*rows[4][:10], rows[4][10] + 5, None)
    write_xlsx(tmp_path / "SMIC-HS-E_annotation_2019.xlsx", [SMIC_E_HEADER, *rows])
    dataset = smic_e.read(tmp_path, None)
    clips = [next(c for c in dataset.clips if c.id.endswith(row[1])) for row in rows]
    assert clips[0].emotion == "negative"
    assert "the name is followed" in texts(dataset, clips[0].id)[0]
    assert clips[1].onset == Mark(None, text="?")
    assert clips[2].onset.number is None
    assert clips[3].onset == Mark(2)
    assert "25 frames, its folder holds 20" in texts(dataset, clips[4].id)[0]
    assert len(dataset.clips) == 6


def test_smic_e_row_that_is_repeated_counts_once(tmp_path):
    rows = smic_e_rows()[1:3]
    write_smic_e(tmp_path, [*rows, rows[0]])
    dataset = smic_e.read(tmp_path, None)
    assert [clip.id.partition("#")[2] for clip in dataset.clips] == ["1", "2", "1", "2", "3"]
    assert sum("say the same" in note.text for note in dataset.notes) == 2


def test_smic_and_smic_e_do_not_read_each_others_tree(tmp_path):
    write_smic(tmp_path / "a", names=["s1_ne_01"])
    write_smic_e(tmp_path / "b", smic_e_rows()[:2])
    with pytest.raises(NotRecognisedError):
        smic_e.read(tmp_path / "a", None)
    with pytest.raises(NotRecognisedError):
        read(tmp_path / "b", None)

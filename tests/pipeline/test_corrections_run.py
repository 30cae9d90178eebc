"""Corrections and selections in a run: they decide exactly what they decide."""

import csv

import cv2
import numpy as np
import pytest
from test_run import CLIPS, computed, features, first_row

import mepipe
from mepipe.errors import UsageError

COLUMNS = ("clip", "onset", "apex", "offset", "emotion", "face_box", "exclude", "why")


@pytest.fixture
def correct(tmp_path):
    """Write corrections.csv; return the setting that names it."""

    def write(*rows, name="corrections.csv"):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return [f"data.corrections={path}"]

    return write


def loaded(tmp_path):
    return mepipe.load(tmp_path / "out" / "features.h5")


def test_a_corrected_apex_shows_in_the_features_and_recomputes_one_clip(
    run, sample, tmp_path, correct
):
    run(sample)
    apex = int(first_row(sample)["apex"])
    settings = correct({"clip": "sample/s01/c01", "apex": apex + 1, "why": "seen"})
    report = run(sample, settings=settings)
    assert computed(report) == {"spot": 1, "flow": 1, "tensor": 1, "pack": 1}
    found = loaded(tmp_path)
    assert found.columns["apex_number"][0] == apex + 1
    assert found.columns["apex_source"].tolist() == ["correction"] + ["annotation"] * (CLIPS - 1)
    assert found.columns["onset_source"][0] == "annotation"
    assert found.settings["data"]["corrections"] == {"sample/s01/c01": {"apex": apex + 1}}
    assert any("corrects apex" in note.text and "(seen)" in note.text for note in report.notes)
    assert computed(run(sample)) == {"pack": 1}, "taken back, it is a hit"


def test_a_corrected_emotion_recomputes_no_object_and_the_file_may_move(
    run, sample, tmp_path, correct
):
    run(sample)
    row = {"clip": "s01/c01", "emotion": "surprise"}
    assert computed(run(sample, settings=correct(row))) == {"pack": 1}
    assert loaded(tmp_path).columns["label"][0] == "surprise"
    assert str(tmp_path).encode() not in features(tmp_path)
    assert computed(run(sample, settings=correct(row, name="other.csv"))) == {}


def test_an_excluded_clip_is_left_out_and_said(run, sample, tmp_path, correct):
    report = run(sample, settings=correct({"clip": "s01/c01", "exclude": "yes", "why": "talks"}))
    assert (report.clips, report.usable) == (CLIPS - 1, CLIPS - 1)
    assert "sample/s01/c01" not in loaded(tmp_path).clip.tolist()
    assert any("leaves it out (talks)" in note.text for note in report.notes)


@pytest.mark.slow
def test_a_face_box_takes_the_place_of_detection_for_its_clip_only(
    run, make_run, sample, tmp_path, correct
):
    for path in (sample / "s01" / "c01").iterdir():
        image = cv2.imread(str(path))
        # Upside down: it is found turned, and in the box, too.
        cv2.imwrite(str(path), np.ascontiguousarray(image[::-1]))
    assert not run(sample).failures
    height, width = image.shape[:2]
    box = f"{width // 4} {height // 4} {width * 3 // 4} {height * 3 // 4}"
    settings = correct({"clip": "s01/c01", "face_box": box})
    plan = make_run(sample, settings=settings).plan()
    assert plan.counts[0].reuse == CLIPS - 1, "no other key changes"
    assert plan.counts[0].compute == 1
    report = run(sample, settings=settings)
    assert report.computed["face"] == 1
    assert not report.failures
    assert computed(run(sample, settings=[*settings, "face.search_size=400"]))["face"] == CLIPS - 1
    per_frame = run(sample, settings=[*settings, "face.align=per-frame"])
    assert not per_frame.failures


def test_a_face_box_outside_the_frame_is_bad_data(run, sample, correct):
    settings = correct({"clip": "s01/c01", "face_box": "9000 0 9100 90"})
    (failure,) = run(sample, settings=settings).failures
    assert failure.stage == "face"
    assert "9000 0 9100 90 lies outside the frame" in failure.message
    assert "face_box" in failure.remedy


def test_a_selection_is_recorded_and_refused_where_it_has_nothing(run, make_run, sample, tmp_path):
    with pytest.raises(UsageError, match="no clip of sample belongs to megc2019"):
        make_run(sample, settings=["data.select=megc2019"])
    with pytest.raises(UsageError, match="no selection 'x'"):
        make_run(sample, settings=["data.select=x"])
    report = run(f"smic-hs={sample}", settings=["data.select=megc2019"])
    assert loaded(tmp_path).settings["data"]["select"] == "megc2019"
    assert any("lacks CASME II altogether (145 clips)" in note.text for note in report.notes)


def test_frames_of_two_sizes_are_refused_where_they_are_compared(run, sample):
    row = first_row(sample)
    folder = sample / row["subject"] / row["clip"]
    path = next(p for p in folder.iterdir() if int(p.stem) == int(row["apex"]))
    image = cv2.imread(str(path))
    cv2.imwrite(str(path), image[:-10])
    (failure,) = run(sample).failures
    assert (failure.clip, failure.stage) == ("sample/s01/c01", "flow")
    assert path.name in failure.message
    assert f"is {image.shape[1]} x {image.shape[0] - 10} px" in failure.message
    (failure,) = run(sample, settings=["spot.method=flow-peak"]).failures
    assert failure.stage == "spot"


def test_a_clip_of_one_frame_is_told_before_any_work(run, sample):
    frames = sorted((sample / "s01" / "c01").iterdir())
    for path in frames[1:]:
        path.unlink()
    (failure,) = run(sample).failures
    assert (failure.clip, failure.stage) == ("sample/s01/c01", "dataset")
    assert "only one frame" in failure.message


def test_action_units_come_to_the_features_in_one_form(run, sample, tmp_path):
    path = sample / "labels.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["au"] = "R12B + (4 or L7) + soft focus"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    report = run(sample)
    assert set(loaded(tmp_path).columns["au_units"]) == {"R12B;4?;L7?"}
    assert set(loaded(tmp_path).columns["au"]) == {"R12B + (4 or L7) + soft focus"}
    assert sum("'soft focus' is not a known" in note.text for note in report.notes) == CLIPS

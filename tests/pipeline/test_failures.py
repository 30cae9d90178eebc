"""Bad input: one line that names file and remedy, the other clips go on."""

import csv
import shutil

import cv2
import numpy as np
import pytest

from mepipe.errors import SystemProblemError, UsageError

CLIPS = 4


def frames(sample, subject="s01", clip="c01"):
    return sorted((sample / subject / clip).iterdir())


def rows(sample):
    with (sample / "labels.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def relabel(sample, **change):
    content = rows(sample)
    content[0].update(change)
    with (sample / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, content[0].keys())
        writer.writeheader()
        writer.writerows(content)


def named(sample, number):
    return next(p for p in frames(sample) if int(p.stem) == int(number))


def only_failure(report):
    assert report.usable == CLIPS - 1
    (failure,) = report.failures
    assert failure.clip == "sample/s01/c01"
    assert failure.remedy
    return failure


def test_a_clip_without_a_face(run, sample):
    for path in frames(sample):
        cv2.imwrite(str(path), np.full((120, 160, 3), 90, np.uint8))
    failure = only_failure(run(sample))
    assert failure.stage == "face"
    assert "no face" in failure.message
    again = run(sample)
    assert again.computed["face"] == 0, "a failure is a result and is reused"
    assert only_failure(again).message == failure.message
    retried = run(sample, retry_failed=True)
    assert retried.computed["face"] == 1
    assert only_failure(retried) == failure


@pytest.mark.parametrize("size", [0, 3000])
@pytest.mark.parametrize("field", ["onset", "apex"])
def test_a_zero_byte_or_truncated_frame(run, sample, size, field):
    path = named(sample, rows(sample)[0][field])
    path.write_bytes(path.read_bytes()[:size])
    failure = only_failure(run(sample))
    assert path.name in failure.message
    assert "empty" in failure.message if size == 0 else "truncated" in failure.message
    assert failure.stage == ("face" if field == "onset" else "flow")


def test_a_damaged_frame_is_named_in_the_dataset_that_has_it(run, sample, tmp_path):
    path = named(sample, rows(sample)[0]["apex"])
    path.write_bytes(b"")
    run(sample)
    moved = shutil.move(sample, tmp_path / "moved")
    (failure,) = run(f"sample={moved}").failures
    assert "moved" in failure.message


def test_onset_equal_to_apex_is_spotted_and_said(run, sample):
    relabel(sample, apex=rows(sample)[0]["onset"])
    report = run(sample)
    assert report.usable == CLIPS
    assert any(note.clip == "sample/s01/c01" and "apex" in note.text for note in report.notes)


def test_onset_equal_to_apex_with_repair_error(run, sample):
    relabel(sample, apex=rows(sample)[0]["onset"])
    failure = only_failure(run(sample, settings=["data.repair=error"]))
    assert "apex" in failure.message
    assert "data.repair" in failure.remedy


def test_an_apex_outside_the_clip(run, sample):
    relabel(sample, apex="9999")
    report = run(sample, settings=["data.repair=midpoint"])
    assert report.usable == CLIPS
    assert any("9999" in note.text for note in report.notes)
    assert "9999" in only_failure(run(sample, settings=["data.repair=error"])).message


def test_a_named_frame_that_is_missing(run, sample):
    named(sample, rows(sample)[0]["apex"]).unlink()
    report = run(sample)
    assert report.usable == CLIPS
    assert any("missing" in note.text for note in report.notes)
    failure = only_failure(run(sample, settings=["data.missing=error"]))
    assert rows(sample)[0]["apex"] in failure.message


def test_a_file_that_vanishes_between_planning_and_work_is_not_stored(make_run, run, sample):
    from test_run import computed

    from mepipe.pipeline.worker import run_clip

    planned = make_run(sample)
    task = planned.plan().stale[0].task()
    frames(sample)[int(task.onset.position)].unlink()
    outcome = run_clip(task, planned.config, planned.context, "tensor")
    assert outcome.failure.error == "UnreadableInputError"
    assert outcome.stages == {}
    assert computed(run(sample))["face"] == CLIPS


def test_a_video_that_stops_early(run, sample):
    images = [cv2.imread(str(path)) for path in frames(sample)]
    video = sample / "s03" / "v.avi"
    video.parent.mkdir()
    writer = cv2.VideoWriter(
        str(video), cv2.VideoWriter_fourcc(*"MJPG"), 200.0, images[0].shape[1::-1]
    )
    for image in images:
        writer.write(image)
    writer.release()
    data = video.read_bytes()
    video.write_bytes(data[: len(data) * 2 // 3])
    report = run(sample)
    assert report.usable == CLIPS + 1
    assert any(
        n.clip == "sample/s03/v" and "breaks off within frame" in n.text for n in report.notes
    )
    video.write_bytes(data[:100])
    (failure,) = run(sample).failures
    assert failure.clip == "sample/s03/v"
    assert "not a video" in failure.message


def test_an_unknown_frame_rate_is_said_and_not_assumed(run, sample):
    relabel(sample, fps="", apex="", offset="")
    failure = only_failure(run(sample))
    assert failure.stage == "spot"
    assert "data.fps" in failure.remedy
    assert run(sample, settings=["data.fps=200"]).usable == CLIPS


def test_fail_fast_stops_at_the_first_failure(run, sample):
    for path in frames(sample):
        path.write_bytes(b"")
    report = run(sample, fail_fast=True)
    assert report.stopped_early
    assert report.computed["tensor"] == 0


def test_a_missing_model_file_is_a_usage_error(run, sample, monkeypatch):
    from mepipe import assets

    assets.verified_model_path.cache_clear()
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="shape_predictor_68") as caught:
        run(sample)
    assert "pip install" in caught.value.remedy


def test_a_bug_keeps_its_traceback_and_names_the_clip(run, sample, monkeypatch):
    from mepipe.stages import tensor

    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(tensor, "flow_tensor", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        run(sample)
    assert any("sample/s01/c01, stage tensor" in note for note in caught.value.__notes__)
    monkeypatch.undo()
    report = run(sample)
    assert report.usable == CLIPS
    assert report.computed["tensor"] == CLIPS, "a bug is never stored as a result"


def test_an_unknown_emotion_scheme_is_a_usage_error(make_run, sample):
    with pytest.raises(UsageError, match="megc4"):
        make_run(sample, settings=["labels.classes=megc4"])


def test_missing_frames_are_said_and_times_follow_the_numbers(make_run, run, sample):
    for path in frames(sample)[5:9]:
        path.unlink()
    planned = make_run(sample)
    prepared = planned.inputs.clips[0]
    times = prepared.input.timing.times(prepared.input.frames.count)
    # 200 frames per second, 5 ms each: four are missing between positions 4 and 5.
    assert times[5] - times[4] == pytest.approx(25)
    assert times[4] - times[3] == pytest.approx(5)
    assert any("4 frame(s) missing within the clip (6 to 9)" in n.text for n in run(sample).notes)


def test_a_corrupt_video_is_named_with_its_path(run, sample):
    (sample / "s01" / "v.mp4").write_bytes(b"no video")
    (failure,) = run(sample).failures
    assert str(sample / "s01" / "v.mp4") in failure.message


def test_an_output_folder_that_cannot_be_is_told_before_any_work(make_run, sample, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemProblemError, match="file/out") as caught:
        make_run(sample, out=tmp_path / "file" / "out").execute()
    assert "--out" in caught.value.remedy
    assert not list((tmp_path / "cache").rglob("*.h5"))


def test_clips_without_any_label_end_at_the_features(run, sample):
    (sample / "labels.csv").unlink()
    report = run(sample, settings=["data.fps=200"], until="classify")
    assert report.features is not None
    assert "class and a known subject" in report.no_results


def test_a_stored_failure_names_the_right_frame_of_a_trimmed_clip(make_run, run, sample):
    apex = named(sample, rows(sample)[0]["apex"])
    apex.write_bytes(b"")
    only_failure(run(sample))
    onset = int(rows(sample)[0]["onset"])
    # Frames that neither the face nor the flow reads: the same keys, other positions.
    spare = [path for path in frames(sample) if int(path.stem) > int(rows(sample)[0]["offset"])]
    before = [path for path in frames(sample) if int(path.stem) < onset - 2]
    for path in (*spare[1:], *before[1:]):
        path.unlink()
    failure = only_failure(run(sample))
    assert apex.name in failure.message
    make_run(sample).plan()


def test_an_impossible_kernel_is_told_before_any_work(make_run, sample, tmp_path):
    with pytest.raises(UsageError, match="does not fit"):
        make_run(sample, settings=["tensor.size=8"], until="classify")
    assert not list((tmp_path / "cache").rglob("*.h5"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.init=none.safetensors", "no model file none.safetensors"),
        ("model.name=pretrained", "pretrained is a trained model, and this needs a kind of model"),
    ],
)
def test_weights_that_are_not_there_are_known_before_anything_is_computed(
    setting, words, sample, make_run, tmp_path
):
    with pytest.raises(UsageError, match=words):
        make_run(sample, settings=[setting], until="classify")
    assert not list((tmp_path / "cache").rglob("*.h5"))


def test_a_training_that_diverges_says_so(run, sample):
    with pytest.raises(UsageError, match="diverged") as caught:
        run(sample, settings=["train.learning_rate=1e30", "train.epochs=8"], until="classify")
    assert "train.learning_rate" in caught.value.remedy

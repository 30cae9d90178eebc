"""Data that asks for too much costs its own clip, in a run and in every rerun, and no other."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hostile import HEADERS
from toy_stages import QUICK

from mepipe.cli import main

CLIPS = 4
THIN = [(1, 5000), (5000, 1), (1, 1), (2, 32_766), (16, 20_000)]


@pytest.fixture
def command(tmp_path):
    """Call `run` or `check`; a traceback fails the test."""

    def call(name, data, *settings, **environment):
        arguments = [name, str(data), "--cache", str(tmp_path / "cache"), "--json"]
        if name == "run":
            arguments += ["--out", str(tmp_path / "out"), "--until", "pack", "--jobs", "1"]
            arguments += [f"--set={setting}" for setting in QUICK]
        arguments += [f"--set={setting}" for setting in settings]
        answer = CliRunner().invoke(main, arguments, env=environment)
        assert answer.exception is None or isinstance(answer.exception, SystemExit), (
            answer.exception
        )
        return answer.exit_code, json.loads(answer.stdout or "{}")

    return call


def failures(tmp_path):
    with (tmp_path / "out" / "failures.csv").open(newline="") as file:
        return {row["clip"]: row for row in csv.DictReader(file)}


def edit(sample, clip=("s01", "c01"), **change):
    path = sample / "labels.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if (row["subject"], row["clip"]) == clip:
            row.update(change)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def add_clip(sample, name, files):
    folder = sample / "s09" / name
    folder.mkdir(parents=True)
    for number, data in enumerate(files, 1):
        (folder / f"{number}.png").write_bytes(data)


@pytest.mark.slow
def test_huge_headers_cost_their_clips_alone(sample, command, tmp_path):
    for number, data in enumerate(HEADERS.values()):
        add_clip(sample, f"h{number:02d}", [data] * 3)
    code, report = command("run", sample, "data.fps=200")
    assert (code, report["usable"]) == (3, CLIPS)
    found = failures(tmp_path)
    assert set(found) == {f"sample/s09/h{number:02d}" for number in range(len(HEADERS))}
    for row in found.values():
        assert (row["stage"], row["error"]) == ("face", "BadDataError")
        assert "1.png: the frame is" in row["message"]
        assert row["remedy"]
    again, same = command("run", sample, "data.fps=200")
    assert (again, same["usable"], same["failed"]) == (3, CLIPS, report["failed"])
    code, checked = command("check", sample, "data.fps=200")
    assert (code, checked["usable"]) == (3, CLIPS)
    said = {problem["clip"]: problem["problem"] for problem in checked["problems"]}
    for clip, row in found.items():
        assert row["message"].split(": ", 1)[1] in said[clip], "a check says what a run says"


@pytest.mark.slow
def test_frames_of_odd_shapes_have_no_face(sample, command, tmp_path):
    for number, shape in enumerate(THIN):
        image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
        add_clip(sample, f"t{number}", [cv2.imencode(".png", image)[1].tobytes()] * 3)
    code, report = command("run", sample, "data.fps=200")
    assert (code, report["usable"]) == (3, CLIPS)
    assert len(failures(tmp_path)) == len(THIN)
    assert all("no face" in row["message"] for row in failures(tmp_path).values())
    assert command("run", sample, "data.fps=200")[1]["failed"] == report["failed"]
    assert command("check", sample, "data.fps=200")[0] in {0, 3}


def test_a_thin_frame_among_sound_ones(sample, command, tmp_path):
    for path in sorted((sample / "s01" / "c01").iterdir()):
        if int(path.stem) % 5 == 0 or int(path.stem) > 20:
            cv2.imwrite(str(path), np.full((1, 5000, 3), int(path.stem), np.uint8))
    edit(sample, onset="", apex="", offset="")
    code, report = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS - 1)
    (row,) = failures(tmp_path).values()
    assert row["clip"] == "sample/s01/c01"
    assert "5000 x 1 px" in row["message"]


@pytest.mark.parametrize("face_box", ["0 0 1 5000", "0 0 1 1"])
def test_a_box_on_a_thin_frame(sample, command, tmp_path, face_box):
    for path in (sample / "s01" / "c01").iterdir():
        cv2.imwrite(str(path), np.zeros((5000, 1, 3), np.uint8))
    table = tmp_path / "corrections.csv"
    table.write_text(f"clip,face_box\nsample/s01/c01,{face_box}\n")
    code, report = command("run", sample, f"data.corrections={table}")
    assert code in {0, 3}
    assert report["usable"] >= CLIPS - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "fps", ["1e-300", "inf", "0", "-200", "1e300", "9" * 400, "0.01", "100000", "-inf"]
)
def test_a_rate_that_no_camera_has_is_not_used(sample, command, tmp_path, fps):
    edit(sample, fps=fps, apex="", offset="")
    code, report = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS - 1)
    (row,) = failures(tmp_path).values()
    assert (row["clip"], row["stage"]) == ("sample/s01/c01", "spot")
    assert "data.fps" in row["remedy"]
    with (tmp_path / "out" / "notes.csv").open(newline="") as file:
        assert any("is not a rate" in note["note"] for note in csv.DictReader(file))
    assert command("run", sample)[1]["failed"] == report["failed"]
    code, checked = command("check", sample)
    assert any("is not a rate" in problem["problem"] for problem in checked["problems"])


@pytest.mark.parametrize("fps", ["1e-300", "1e300", "0", "0.05"])
def test_such_a_rate_in_the_settings_is_a_usage_error(sample, command, fps):
    code, _ = command("run", sample, f"data.fps={fps}")
    assert code == 2


@pytest.mark.slow
@pytest.mark.parametrize("digits", [12, 18, 19, 25, 200])
def test_a_file_whose_number_is_no_frames(sample, command, tmp_path, digits):
    folder = sample / "s01" / "c01"
    edit(sample, onset="", apex="", offset="")
    first, second, *_ = sorted(folder.iterdir())
    shutil.copy(first, folder / f"{'9' * digits}.jpg")
    shutil.copy(second, folder / f"{'9' * (digits - 1)}8.jpg")
    code, report = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS - 1)
    (row,) = failures(tmp_path).values()
    assert (row["clip"], row["stage"]) == ("sample/s01/c01", "dataset")
    assert "9" * 3 in row["message"]
    assert row["remedy"]
    assert command("run", sample)[1]["failed"] == report["failed"]
    code, checked = command("check", sample)
    assert (code, checked["usable"]) == (3, CLIPS - 1)
    assert any(row["message"] in problem["problem"] for problem in checked["problems"])


@pytest.mark.slow
@pytest.mark.parametrize("number", ["1" + "0" * 17, "1" + "0" * 18, "9" * 25, "-" + "9" * 18])
@pytest.mark.parametrize("field", ["onset", "offset"])
def test_an_annotation_whose_number_is_no_frames(sample, command, tmp_path, number, field):
    edit(sample, **{field: number})
    code, report = command("run", sample)
    assert (code, report["usable"]) == (0, CLIPS)
    with (tmp_path / "out" / "notes.csv").open(newline="") as file:
        assert any(number[:30] in note["note"] for note in csv.DictReader(file))
    code, report = command("run", sample, "data.repair=error")
    assert (code, report["usable"]) == (3, CLIPS - 1)
    assert list(failures(tmp_path)) == ["sample/s01/c01"]


def write_video(sample, size=(64, 48), count=12):
    path = sample / "s09" / "v.avi"
    path.parent.mkdir(exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 50, size)
    for number in range(count):
        writer.write(np.full((size[1], size[0], 3), number, np.uint8))
    writer.release()
    return path


def test_a_video_whose_header_lies_about_its_size(sample, command, tmp_path):
    path = write_video(sample)
    data = path.read_bytes()
    old = (64).to_bytes(4, "little") + (48).to_bytes(4, "little")
    path.write_bytes(data.replace(old, (60_000).to_bytes(4, "little") * 2))
    code, report = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS)
    assert list(failures(tmp_path)) == ["sample/s09/v"]
    assert command("run", sample)[1]["failed"] == report["failed"]


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "rate"), [(2**32 - 1, 1), (1, 2**32 - 1), (0, 0)])
def test_a_video_whose_header_lies_about_its_rate(sample, command, tmp_path, scale, rate):
    path = write_video(sample)
    data = bytearray(path.read_bytes())
    at = data.find(b"strh") + 8 + 20
    data[at : at + 8] = scale.to_bytes(4, "little") + rate.to_bytes(4, "little")
    path.write_bytes(data)
    code, report = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS)
    assert list(failures(tmp_path)) == ["sample/s09/v"]
    assert command("check", sample)[0] in {0, 3}


def test_memory_that_runs_out_costs_a_clip_and_is_tried_again(make_run, run, sample, monkeypatch):
    from mepipe.stages import tensor

    sound = tensor.flow_tensor
    calls = []

    def greedy(*arguments, **settings):
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError
        if len(calls) == 2:
            error = cv2.error("Insufficient memory")
            error.code = cv2.Error.StsNoMem
            raise error
        return sound(*arguments, **settings)

    monkeypatch.setattr(tensor, "flow_tensor", greedy)
    report = run(sample)
    assert report.usable == CLIPS - 2
    assert [failure.stage for failure in report.failures] == ["tensor", "tensor"]
    assert all("memory ran out" in failure.message for failure in report.failures)
    assert all("jobs" in failure.remedy for failure in report.failures)
    again = run(sample)
    assert (again.usable, again.failures) == (CLIPS, [])
    assert again.computed["tensor"] == 2


def test_memory_that_runs_out_while_a_clip_is_prepared(make_run, sample, monkeypatch):
    from mepipe.clips import prepare

    sound = prepare.resolve

    def greedy(clip, *arguments, **settings):
        if clip.id == "sample/s01/c01":
            raise MemoryError
        return sound(clip, *arguments, **settings)

    monkeypatch.setattr(prepare, "resolve", greedy)
    report = make_run(sample).execute()
    assert report.usable == CLIPS - 1
    (failure,) = report.failures
    assert (failure.clip, failure.stage) == ("sample/s01/c01", "dataset")


def test_an_error_of_opencv_in_a_stage_is_still_a_bug(run, sample, monkeypatch):
    from mepipe.stages import tensor

    def broken(*_, **__):
        raise cv2.error("a bug")

    monkeypatch.setattr(tensor, "flow_tensor", broken)
    with pytest.raises(cv2.error):
        run(sample)


def test_a_video_that_kills_its_worker_is_not_looked_into_again(
    make_run, sample, monkeypatch, tmp_path
):
    from mepipe.clips import videos
    from mepipe.execution.processes import WorkerDied

    write_video(sample)
    monkeypatch.setattr(
        videos,
        "run_tasks",
        lambda function, tasks, jobs: [(task, WorkerDied("it crashed")) for task in tasks],
    )
    report = make_run(sample).execute()
    assert report.usable == CLIPS
    (failure,) = report.failures
    assert failure.clip == "sample/s09/v"
    assert "it crashed" in failure.message

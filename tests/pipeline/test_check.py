"""What a check finds, and that a run then does as the check said."""

import csv
import shutil
from itertools import pairwise

import cv2
import pytest
from test_run import CLIPS, first_row

from mepipe.clips.file_index import DigestIndex
from mepipe.config import load_config
from mepipe.datasets.registry import open_dataset
from mepipe.execution.progress import NoProgress
from mepipe.pipeline.check import check_dataset


@pytest.fixture
def find(tmp_path):
    def run_check(path, *settings):
        config = load_config(None, settings)
        return check_dataset(open_dataset(str(path)), config, tmp_path / "cache", NoProgress())

    return run_check


def of_clip(findings, clip="sample/s01/c01"):
    return [problem for problem in findings.problems if problem.clip == clip]


def frame(sample, field="apex"):
    row = first_row(sample)
    folder = sample / row["subject"] / row["clip"]
    return next(p for p in folder.iterdir() if int(p.stem) == int(row[field]))


def edit(sample, **change):
    path = sample / "labels.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    rows[0].update(change)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_check_of_a_sound_dataset(find, sample):
    found = find(sample)
    assert (found.dataset, found.clips, found.usable, found.subjects) == ("sample", CLIPS, CLIPS, 2)
    assert found.fps == 200
    assert sum(found.labels.values()) == CLIPS
    assert sum(found.classes.values()) == CLIPS
    assert found.missing_frames == 0
    assert [p.clip for p in found.problems] == [None], "that it is synthetic is said"


def test_a_broken_annotation_is_handled_as_the_settings_say(find, sample):
    edit(sample, apex="/")
    (problem,) = of_clip(find(sample))
    assert problem.problem == "the apex holds '/', not a frame number"
    assert problem.handling == "the apex is left to spotting"
    assert find(sample).usable == CLIPS
    (problem,) = of_clip(find(sample, "data.repair=midpoint"))
    assert problem.handling == "the apex is the middle of onset and offset"
    for repair in ("drop", "error"):
        found = find(sample, f"data.repair={repair}")
        (problem,) = of_clip(found)
        assert problem.handling.startswith("the clip is left out")
        assert found.usable == CLIPS - 1


def test_check_counts_missing_frames(find, sample):
    for name in ("apex",):
        frame(sample, name).unlink()
    found = find(sample)
    assert found.missing_frames == 1
    assert any("is used" in problem.handling for problem in of_clip(found))
    assert find(sample, "data.missing=error").usable == CLIPS - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [(b"only text", "not an image"), (b"", "an empty file"), (None, "a truncated JPEG")],
)
@pytest.mark.parametrize("needed", [True, False])
def test_a_bad_frame_costs_the_clip_only_if_it_is_needed(find, run, sample, content, words, needed):
    path = frame(sample)
    if not needed:
        path = sorted(path.parent.iterdir())[-1]
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    found = find(sample)
    (problem,) = of_clip(found)
    assert path.name in problem.problem
    assert words in problem.problem
    assert found.usable == CLIPS - needed
    assert ("left out" in problem.handling) == needed
    assert run(sample).usable == found.usable, "the run does as the check said"


@pytest.mark.parametrize("needed", [True, False])
def test_check_finds_frames_of_two_sizes(find, run, sample, needed):
    path = frame(sample)
    if not needed:
        path = sorted(path.parent.iterdir())[-1]
    cv2.imwrite(str(path), cv2.imread(str(path))[:-10])
    found = find(sample)
    (problem,) = of_clip(found)
    assert "frames of 2 sizes" in problem.problem
    assert path.name in problem.problem
    assert found.usable == CLIPS - needed
    assert run(sample).usable == found.usable


def test_check_finds_a_recording_of_two_subjects(find, sample):
    assert not [p for p in find(sample).problems if "another subject" in p.problem]
    shutil.copytree(sample / "s01" / "c01", sample / "s02" / "copy")
    (problem,) = of_clip(find(sample), "sample/s02/copy")[-1:]
    assert "sample/s01/c01 of another subject" in problem.problem
    shutil.copytree(sample / "s01" / "c01", sample / "s01" / "copy")
    problems = find(sample).problems
    assert sum("another subject" in problem.problem for problem in problems) == 1


def test_check_hashes_few_files_and_none_twice(find, sample, monkeypatch):
    shutil.copytree(sample / "s01" / "c01", sample / "s02" / "copy")
    hashed = []
    learn = DigestIndex.learn
    monkeypatch.setattr(
        DigestIndex,
        "learn",
        lambda self, path, entry: (hashed.append(path), learn(self, path, entry)),
    )
    find(sample)
    assert 0 < len(hashed) < len(list((sample / "s01" / "c01").iterdir()))
    assert len(set(hashed)) == len(hashed)


def test_check_finds_one_video_of_two_subjects(find, sample, tmp_path):
    images = [cv2.imread(str(p)) for p in sorted((sample / "s01" / "c01").iterdir())]
    data = tmp_path / "videos"
    for subject in ("a", "b"):
        (data / subject).mkdir(parents=True)
    path = data / "a" / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 50, images[0].shape[1::-1])
    for image in images:
        writer.write(image)
    writer.release()
    shutil.copy(path, data / "b" / "w.avi")
    found = find(data)
    assert (found.clips, found.usable, found.fps) == (2, 2, 50.0)
    assert any("v.avi" not in p.problem and "another subject" in p.problem for p in found.problems)


def test_clips_that_cannot_be_read_are_counted(find, sample):
    (sample / "s01" / "v.mp4").write_bytes(b"no video\0")
    found = find(sample)
    assert (found.clips, found.usable) == (CLIPS + 1, CLIPS)
    problem, _ = of_clip(found, "sample/s01/v")
    assert "not a video" in problem.problem
    assert "ffmpeg" in problem.handling


def test_the_written_corrections_have_a_row_for_each_clip_of_a_problem(find, sample, tmp_path):
    edit(sample, apex="/", au="soft focus")
    (sample / "s01" / "v.mp4").write_bytes(b"no video")
    found = find(sample)
    path = tmp_path / "corrections.csv"
    path.write_text(found.corrections())
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == ["sample/s01/c01", "sample/s01/v"]
    assert "'/'" in rows[0]["why"]
    assert "soft focus" in rows[0]["why"]
    again = find(sample, f"data.corrections={path}")
    assert again.usable == found.usable
    rows[0]["apex"] = str(int(first_row(sample)["onset"]) + 5)
    rows[1]["exclude"] = "yes"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    mended = find(sample, f"data.corrections={path}")
    assert (mended.clips, mended.usable) == (CLIPS, CLIPS)
    assert not any("'/'" in problem.problem and "correct" not in problem.problem
                   for problem in of_clip(mended))  # fmt: skip


def test_check_sorts_problems_by_clip(find, sample):
    edit(sample, apex="/")
    clips = [problem.clip or "" for problem in find(sample).problems]
    assert clips[0] == ""
    assert all(a <= b for a, b in pairwise(clips))

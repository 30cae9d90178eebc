"""Pipes, devices, links to themselves and caches among the clips cost themselves alone."""

import csv
import json
import os
import shutil

import pytest
from click.testing import CliRunner
from toy_stages import QUICK

from mepipe.cli import main
from mepipe.schema import CLIP_STAGES

CLIPS = 4

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


@pytest.fixture
def command(tmp_path):
    """Call a command with one job; a traceback fails the test."""

    def call(name, data, *options, cache=None):
        arguments = [name, str(data), "--cache", str(cache or tmp_path / "cache"), "--json"]
        if name == "run":
            arguments += ["--out", str(tmp_path / "out"), "--until", "pack", "--jobs", "1"]
            arguments += [f"--set={setting}" for setting in QUICK]
        answer = CliRunner().invoke(main, [*arguments, "--set=data.fps=200", *options])
        assert answer.exception is None or isinstance(answer.exception, SystemExit), (
            answer.exception
        )
        return answer.exit_code, json.loads(answer.stdout or "{}"), answer.stderr

    return call


def failures(tmp_path):
    with (tmp_path / "out" / "failures.csv").open(newline="") as file:
        return {row["clip"]: row["message"] for row in csv.DictReader(file)}


def notes(tmp_path):
    with (tmp_path / "out" / "notes.csv").open(newline="") as file:
        return "\n".join(" ".join(row.values()) for row in csv.DictReader(file))


def test_pipes_and_devices_in_place_of_frames_and_videos(sample, command, tmp_path):
    one = sample / "s09" / "pipes"
    one.mkdir(parents=True)
    for number in range(1, 4):
        os.mkfifo(one / f"{number}.png")
    os.mkfifo(sample / "s09" / "pipe.mp4")
    (sample / "s09" / "zero.mp4").symlink_to("/dev/zero")
    with (sample / "s09" / "holes.mp4").open("wb") as file:
        file.truncate(10**12)
    code, report, _ = command("run", sample)
    assert (code, report["usable"]) == (3, CLIPS)
    said = failures(tmp_path)
    assert set(said) == {f"sample/s09/{name}" for name in ("pipes", "pipe", "zero", "holes")}
    assert "it is a named pipe, and no regular file" in said["sample/s09/pipes"]
    assert "it is a named pipe, and no regular file" in said["sample/s09/pipe"]
    assert "it is a device, and no regular file" in said["sample/s09/zero"]
    assert "were ever written" in said["sample/s09/holes"]
    code, checked, _ = command("check", sample)
    assert (code, checked["usable"]) == (3, CLIPS)


@pytest.mark.parametrize("name", ["labels.csv", "labels.xlsx"])
def test_a_pipe_as_the_table_of_labels(sample, command, name):
    (sample / "labels.csv").unlink()
    os.mkfifo(sample / name)
    code, _, said = command("run", sample)
    assert code == 2
    assert f"{name} cannot be read: it is a named pipe, and no regular file" in said


def test_a_link_to_itself_costs_itself_alone(sample, command):
    (sample / "loop").symlink_to("loop")
    (sample / "s01" / "loop").symlink_to("loop")
    (sample / "s01" / "up").symlink_to("..")
    (sample / "s01" / "c01" / "loop.png").symlink_to("loop.png")
    code, report, _ = command("run", sample)
    assert (code, report["usable"]) == (0, CLIPS)


@pytest.mark.parametrize("place", ["", "cache", "s01/cache", "s01/c01/cache"])
def test_a_cache_among_the_clips_is_no_clip(sample, command, tmp_path, place):
    cache = sample / place
    command("run", sample, cache=cache)
    shutil.rmtree(tmp_path / "out")
    code, report, _ = command("run", sample, cache=cache)
    assert (code, report["clips"], report["usable"]) == (0, CLIPS, CLIPS)
    assert sum(report["computed"][stage] for stage in CLIP_STAGES) == 0
    if place != "s01/c01/cache":  # folders in a clip are never looked at
        assert f"{cache} holds a cache of mepipe" in notes(tmp_path)


def test_folders_of_such_names_are_subjects_where_no_cache_is(sample, command):
    (sample / "s01").rename(sample / "objects")
    code, report, _ = command("check", sample)
    assert (code, report["clips"]) == (0, CLIPS)

"""``mepipe spot`` on the command line."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from videos import encoded

from mepipe.cli import main
from mepipe.cli.spot import clock
from mepipe.recordings import spot as door
from mepipe.recordings.events import Event, region_names
from mepipe.recordings.result import RecordingEvents

KEYS = ["schema", "recordings", "failed", "out", "files"]
SMILE = np.full((len(region_names()), 2), 0.02)
EVENTS = (
    Event("micro", 1, 10, 15, 20, 5.0, 0.9, SMILE, 100.0),
    Event("blink", 1, 30, 32, 34),
    Event("macro", 1, 60, 70, None, 3.0, 0.8, SMILE, 100.0),
)


@pytest.fixture
def video(tmp_path):
    def make(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(np.full((12, 64, 96, 3), 90, np.uint8), rate=25))
        return path

    return make


@pytest.fixture
def events(monkeypatch):
    """What the search finds, instead of searching; by name, else `EVENTS`."""
    given = {}

    def search(prepared, config, store, progress):
        name = prepared.clip.id
        return RecordingEvents(
            name, "", 25.0, np.arange(100) * 40.0, range(1, 101), given.get(name, EVENTS), (50,),
            np.zeros(100, np.float32),
        )  # fmt: skip

    monkeypatch.setattr(door, "search", search)
    return given


@pytest.fixture
def call(tmp_path):
    def invoke(*arguments, pictures=False):
        given = ["spot", *map(str, arguments), "--cache", str(tmp_path / "cache")]
        if "--out" not in arguments:
            given += ["--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, given if pictures else [*given, "--no-pictures"])

    return invoke


def test_json_has_what_was_found(call, video, events, tmp_path):
    done = call(video("talk.mp4"), "--json")
    assert done.exit_code == 0, done.output
    page = json.loads(done.stdout)
    assert list(page) == KEYS
    assert page["out"] == str(tmp_path / "out")
    assert page["files"] == ["events.csv", "talk-curve.csv", "talk.vtt"]
    assert page["failed"] == []
    (one,) = page["recordings"]
    assert list(one) == ["recording", "seconds", "fps", "face_seen", "cuts", "events"]
    assert (one["recording"], one["seconds"], one["fps"]) == ("talk", 3.96, 25.0)
    assert (one["face_seen"], one["cuts"]) == (1.0, [50])
    assert [list(event) for event in one["events"]] == [
        ["kind", "face", "onset", "apex", "offset", "onset_s", "strength", "confidence", "px",
         "regions"]
    ] * 3  # fmt: skip
    assert [event["kind"] for event in one["events"]] == ["micro", "blink", "macro"]
    assert one["events"][0]["onset_s"] == 0.4
    assert one["events"][2]["offset"] is None


def test_the_page_of_json_names_every_key(call, video, events):
    from pathlib import Path

    page = json.loads(call(video("talk.mp4"), "--json").stdout)
    text = (Path(__file__).parents[2] / "docs/reference/json.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `spot` |"))
    one = page["recordings"][0]
    for key in [*page, *one, *one["events"][0]]:
        assert key == "schema" or f"`{key}`" in row, key


def test_a_person_reads_when_and_where(call, video, events):
    done = call(video("talk.mp4"))
    assert done.exit_code == 0, done.output
    for words in (
        "talk: 1 micro and 1 macro movements, 1 blinks", "1 cuts",
        "micro  0:00.40 to 0:00.80 (apex 0:00.60), 2.8 px, confidence 0.90",
        "macro  0:02.40 to ?", "written to",
    ):  # fmt: skip
        assert words in done.stdout


def test_files_are_those_that_are_named(call, video, events, tmp_path):
    names = json.loads(
        call(video("set/s01/talk.mp4"), video("other.mp4"), "--json").stdout
    )["files"]  # fmt: skip
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {*names, "manifest.json"}
    with (tmp_path / "out/events.csv").open(newline="") as file:
        assert {row["recording"] for row in csv.DictReader(file)} == {"talk", "other"}


@pytest.mark.parametrize("name", ["events.csv", "talk.vtt", "talk-curve.csv", "manifest.json"])
def test_a_file_of_somebody_else_is_told_before_the_work_and_kept(
    call, video, monkeypatch, tmp_path, name
):
    def search(*given):
        raise AssertionError("searched")

    monkeypatch.setattr(door, "search", search)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    done = call(video("talk.mp4"))
    assert done.exit_code == 2, done.output
    assert name in done.stderr
    assert (tmp_path / "out" / name).read_text() == "mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_two_recordings_of_one_file_name_are_told_before_the_work(
    call, video, monkeypatch, tmp_path
):
    monkeypatch.setattr(door, "search", lambda *given: pytest.fail("searched"))
    video("set/a/b-talk.mp4")
    video("set/a-b/talk.mp4")
    done = call(tmp_path / "set")
    assert done.exit_code == 2, done.output
    assert "set/a" in done.stderr


def test_own_files_are_replaced(call, video, events, tmp_path):
    call(video("talk.mp4"))
    before = (tmp_path / "out/events.csv").read_text()
    events["talk"] = ()
    assert call(video("talk.mp4")).exit_code == 0
    assert (tmp_path / "out/events.csv").read_text() != before


def test_an_unreadable_video_among_good_ones_is_exit_code_3(call, video, events, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    done = call(video("talk.mp4"), bad, "--json")
    assert done.exit_code == 3, done.output
    page = json.loads(done.stdout)
    assert [one["recording"] for one in page["recordings"]] == ["talk"]
    (failed,) = page["failed"]
    assert failed["recording"] == "bad"
    assert failed["error"]
    assert failed["message"]
    assert failed["remedy"]
    told = call(video("talk.mp4"), bad)
    assert told.exit_code == 3
    assert "bad: not searched" in told.stderr


def test_nothing_usable_is_exit_code_4_and_leaves_what_was_written_before(
    call, video, events, tmp_path
):
    call(video("talk.mp4"))
    before = (tmp_path / "out/events.csv").read_text()
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    done = call(bad, "--json")
    assert done.exit_code == 4, done.output
    page = json.loads(done.stdout)
    assert (page["recordings"], page["files"], len(page["failed"])) == ([], [], 1)
    assert (tmp_path / "out/events.csv").read_text() == before


def test_a_wrong_command_is_exit_code_2(call, video, tmp_path):
    for arguments in (
        [tmp_path / "nowhere.mp4"],
        [video("a.mp4"), "--fps", "0"],
        [video("a.mp4"), "--threshold", "0"],
        [video("a.mp4"), "--set", "recordings.threshold=-1"],
        [video("a.mp4"), video("b/a.mp4")],
        [],
    ):
        assert call(*arguments).exit_code == 2, arguments


def test_a_picture_is_drawn_of_each(call, video, events, tmp_path):
    pytest.importorskip("mepipe.viz.timeline")
    done = call(video("talk.mp4"), "--json", pictures=True)
    assert done.exit_code == 0, done.output
    assert "talk.png" in json.loads(done.stdout)["files"]
    assert (tmp_path / "out/talk.png").stat().st_size > 1000


def test_times_are_minutes_and_seconds():
    assert [clock(one) for one in (0, 0.004, 59.996, 61.5, 3600)] == [
        "0:00.00", "0:00.00", "1:00.00", "1:01.50", "60:00.00",
    ]  # fmt: skip

"""What the page is told, and what its changes do to the file."""

import csv
import os
import shutil

import pytest

from mepipe.errors import ConflictError, UsageError
from mepipe.review.rebuild import Planned
from mepipe.review.server import bind, require_starlette


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def settled(read, wanted, seconds=60):
    """Return what `read` says once it is what is wanted; the plan is made in a thread."""
    import threading

    for _ in range(int(seconds / 0.05)):
        if wanted(found := read()):
            return found
        threading.Event().wait(0.05)
    raise AssertionError(found)


def planned(room):
    return settled(lambda: room.state("")["plan"], lambda plan: plan["state"] != "making")


def test_the_run_and_its_clips(open_room):
    room = open_room()
    run = room.run()
    assert [one["id"].count("/") for one in run["clips"]] == [2] * 4
    assert run["read"]
    assert "happiness" in run["words"]
    clip = room.clip(0)
    assert clip["frames"]["count"] > 20
    assert clip["aligned"]
    assert clip["stated"]["apex"] == clip["used"]["apex"]["at"] + clip["frames"]["first"]
    assert planned(room)["words"] == ""


def test_a_mark_is_written_at_once_and_the_plan_names_what_depends_on_it(open_room, run_copy):
    room = open_room()
    apex = room.clip(0)["stated"]["apex"]
    said = room.change(0, {"cells": {"apex": str(apex - 3)}, "seen": {}})
    assert said["rows"]["0"]["apex"] == str(apex - 3)
    (row,) = rows(run_copy / "out" / "corrections.csv")
    assert (row["clip"], row["apex"], row["who"]) == (
        room.run()["clips"][0]["id"],
        str(apex - 3),
        "kim",
    )
    assert row["when"].startswith("20")
    words = planned(room)["words"]
    # The spot stage copies the marks; what follows from it is computed if it is new.
    assert words == "spot 1, flow at most 1, tensor at most 1, pack at most 1"
    undone = room.undo({})
    assert (undone["undone"], undone["clip"], undone["rows"]) == (True, 0, {})
    assert planned(room)["words"] == ""
    assert room.undo({})["undone"] is False


def test_two_windows_and_a_conflict(open_room):
    one, other = open_room(who="kim"), open_room(who="lee")
    one.change(0, {"cells": {"onset": "12"}, "seen": {"onset": ""}})
    # Another cell of the same clip: both stay.
    said = other.change(0, {"cells": {"emotion": "fear"}, "seen": {"emotion": ""}})
    assert said["rows"]["0"]["onset"] == "12"
    with pytest.raises(ConflictError) as caught:
        other.change(0, {"cells": {"onset": "14"}, "seen": {"onset": ""}})
    assert (caught.value.now, caught.value.wanted) == ("12", "14")
    version = one.state("")["version"]
    assert "rows" not in one.state(version)
    other.change(1, {"cells": {"exclude": "yes"}, "seen": {}})
    assert one.state(version)["rows"]["1"]["exclude"] == "yes"


@pytest.mark.parametrize(
    "body", [{}, {"cells": []}, {"cells": {"apex": 3}}, {"cells": {"who": "me"}}, {"cells": None}]
)
def test_a_change_that_is_none(open_room, body):
    with pytest.raises(UsageError, match="columns"):
        open_room().change(0, body)


def test_a_wrong_cell_is_refused_in_words(open_room, run_copy):
    room = open_room()
    with pytest.raises(UsageError, match="frame number"):
        room.change(0, {"cells": {"apex": "=1+1"}})
    with pytest.raises(LookupError):
        room.change(99, {"cells": {"apex": "3"}})
    assert not (run_copy / "out" / "corrections.csv").exists()


def test_frames(open_room):
    import cv2
    import numpy as np

    room = open_room()
    aligned = room.frame(0, 5, aligned=True, width=960, wait=True)
    whole = room.frame(0, 5, aligned=False, width=960, wait=True)
    first = cv2.imdecode(np.frombuffer(aligned.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert first.shape == (448, 448)
    assert cv2.imdecode(np.frombuffer(whole.data, np.uint8), 1).shape[1] == aligned.size[0]
    assert room.frame(0, 10**6, aligned=True, width=960, wait=True).data is None
    assert room.ready(0)["ready"] >= 1


def test_a_frame_that_is_not_ready_is_not_waited_for(open_room):
    assert open_room().frame(0, 40, aligned=True, width=960, wait=False) is None


def test_the_flow_and_its_pictures(open_room):
    room = open_room()
    flow = room.flow(0)
    assert flow["largest"] > 0
    for name, kind in (
        ("flow", b"\xff\xd8"),
        ("strain", b"\xff\xd8"),
        ("displacement", b"\x89PNG"),
    ):
        assert room.picture(0, name)[0].startswith(kind)
    with pytest.raises(LookupError):
        room.picture(0, "passwd")


def test_motion_is_computed_when_it_is_asked_for(open_room):
    room = open_room()
    assert room.motion(0)["state"] == "computing"
    said = settled(lambda: room.motion(0), lambda one: one["state"] != "computing")
    assert said["state"] == "done"
    assert len(said["curve"]) > 20
    assert said["regions"]


def test_a_coder_has_a_file_that_no_run_reads(open_room, run_copy):
    room = open_room(coder="anna")
    room.change(0, {"cells": {"apex": "20"}})
    assert (run_copy / "out" / "corrections-anna.csv").exists()
    assert not (run_copy / "out" / "corrections.csv").exists()
    assert not room.run()["read"]
    assert planned(room)["words"] == ""


def test_a_coder_whose_name_leaves_the_folder_is_refused(open_room):
    with pytest.raises(UsageError, match="file's name"):
        open_room(coder="../x")


def test_a_source_that_is_gone_is_told(open_room, finished_run, run_copy, monkeypatch):
    sample = finished_run / "sample"
    hidden = shutil.move(sample, run_copy / "hidden")
    try:
        room = open_room()
        assert "does not exist" in room.run()["problems"][0]
        clip = room.clip(0)
        assert clip["frames"] is None
        assert "gone" in clip["problem"]
        assert planned(room)["state"] == "failed"
        # Marks and comments can still be written.
        room.change(0, {"cells": {"why": "look again"}})
    finally:
        shutil.move(hidden, sample)


def test_a_frame_that_was_lost_is_told(open_room, finished_run, run_copy):
    room = open_room()
    path = room.session.clip(0).shown.input.frames.files[7]
    kept = shutil.move(path, run_copy / "kept.jpg")
    try:
        answer = room.frame(0, 7, aligned=False, width=960, wait=True)
        assert answer.data is None
        assert "cannot read" in answer.problem
        assert room.frame(0, 9, aligned=False, width=960, wait=True).data
    finally:
        shutil.move(kept, path)


def test_a_cache_that_cannot_be_written(open_room, run_copy):
    if os.getuid() == 0:
        pytest.skip("root may write everything")
    for folder, _, _ in os.walk(run_copy / "cache"):
        os.chmod(folder, 0o500)  # noqa: PTH101
    room = open_room()
    room.change(0, {"cells": {"apex": "20"}})
    assert planned(room)["words"]


def test_a_folder_that_is_no_run(open_room, run_copy):
    with pytest.raises(UsageError, match="not an output folder"):
        open_room(out=run_copy)


def test_a_broken_file_is_told_and_the_page_goes_on(open_room, run_copy):
    room = open_room()
    (run_copy / "out" / "corrections.csv").write_text("clip,apexx\na,1\n")
    said = settled(lambda: room.state("x"), lambda one: "problem" in one)
    assert "apexx" in said["problem"]


def test_a_port_in_use_is_told():
    listener = bind(0)
    with pytest.raises(UsageError, match="cannot be used"):
        bind(listener.getsockname()[1])
    listener.close()


def test_the_extra_that_is_missing_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UsageError, match="pip install 'mepipe\\[review\\]'"):
        require_starlette()


def test_words_of_a_plan():
    assert (
        Planned("made", (("flow", 2, 2), ("classify", 0, 24))).words
        == "flow 2, classify at most 24"
    )

"""The movements of a recording on the review page."""

import csv
import shutil

import pytest
from test_review_page import open_page, shows, until  # noqa: F401

from mepipe.errors import UsageError
from mepipe.recordings.edits import CorrectedEvent
from mepipe.review.events import _edited, highest

NOW = (CorrectedEvent(10, 15, 30), CorrectedEvent(50, 60, None))
NUMBERS = range(1, 101)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"action": "split", "event": 0, "at": 19}, [(10, 15, 19), (20, 25, 30), (50, 60, None)]),
        ({"action": "merge", "event": 0}, [(10, 15, None)]),
        ({"action": "delete", "event": 1}, [(10, 15, 30)]),
        (
            {"action": "move", "event": 0, "name": "apex", "to": 19},
            [(10, 20, 30), (50, 60, None)],
        ),
        (
            {"action": "add", "onset": 69, "apex": 74, "offset": 79},
            [(10, 15, 30), (50, 60, None), (70, 75, 80)],
        ),
    ],
)
def test_changes(body, wanted):
    found = _edited(NOW, NUMBERS, body)
    assert [(one.onset, one.apex, one.offset) for one in found] == wanted


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "explode"},
        {"action": "split", "event": 2, "at": 20},
        {"action": "split", "event": -1, "at": 20},
        {"action": "split", "event": True, "at": 20},
        {"action": "split", "event": 0, "at": "20"},
        {"action": "split", "event": 0, "at": 100},
        {"action": "split", "event": 0, "at": 50},
        {"action": "merge", "event": 1},
        {"action": "move", "event": 0, "name": "kind", "to": 3},
        {"action": "move", "event": 0, "name": "apex", "to": 2},
        {"action": "add", "onset": 20, "apex": 10, "offset": 30},
    ],
)
def test_changes_that_are_refused(body):
    with pytest.raises(UsageError):
        _edited(NOW, NUMBERS, body)


def test_the_apex_of_a_new_movement_is_where_most_moves():
    assert highest([9, 1, 2, 7, 3, 9], 0, 4) == 3


@pytest.fixture(scope="module")
def recorded_run(made_recording, tmp_path_factory):
    from toy_stages import QUICK

    from mepipe.cache.store import open_store
    from mepipe.config import load_config
    from mepipe.datasets.registry import open_datasets
    from mepipe.execution.context import Context
    from mepipe.run import Run

    folder = tmp_path_factory.mktemp("recorded")
    (folder / "videos").mkdir()
    shutil.copy(made_recording.path, folder / "videos" / "talk.mp4")
    Run(
        open_datasets([str(folder / "videos")]),
        load_config(None, [*QUICK, "recordings.longer_than_s=5"]),
        Context(open_store(folder / "cache")),
        out=folder / "out",
        until="pack",
    ).execute()
    return folder


def rows(path):
    with path.open(newline="") as file:
        return [
            tuple(int(row[name]) if row[name] else None for name in ("onset", "apex", "offset"))
            for row in csv.DictReader(file)
        ]


@pytest.mark.slow
def test_movements_are_edited_in_the_page(serving, open_page, recorded_run, tmp_path):  # noqa: F811
    for name in ("cache", "out"):
        shutil.copytree(recorded_run / name, tmp_path / "own" / name)
    out = tmp_path / "own" / "out"
    served = serving(out=out, cache=tmp_path / "own" / "cache")
    (clip,) = served.room.run()["clips"]
    assert clip["recording"]
    found = served.room.events(0)["events"]
    count = len(found)
    assert count >= 2
    page = open_page(served.address)
    assert page.locator("#events li").count() == count
    shows(page, found[0]["apex"])
    table = out / "corrected-events.csv"

    def says(wanted):
        until(page, f"document.querySelectorAll('#events li').length === {wanted}")
        until(page, "document.getElementById('saved').className !== 'busy'")

    # Split at the apex, and back.
    page.keyboard.press("s")
    says(count + 1)
    assert len(rows(table)) == count + 1
    page.keyboard.press("u")
    says(count)
    # The apex is moved by a frame.
    page.keyboard.press(",")
    shows(page, found[0]["apex"])
    page.keyboard.press("ArrowRight")
    shows(page, found[0]["apex"] + 1)
    page.keyboard.press("a")
    until(page, "document.querySelector('#events p').textContent.startsWith('Edited')")
    assert rows(table)[0][1] == found[0]["apex"] + 1
    # The next one is deleted, and one is added.
    page.keyboard.press(".")
    shows(page, found[1]["apex"])
    page.keyboard.press("d")
    says(count - 1)
    page.keyboard.press("Home")
    shows(page, 0)
    page.keyboard.press("w")
    page.keyboard.press("Shift+ArrowRight")
    shows(page, 10)
    page.keyboard.press("w")
    says(count)
    assert rows(table)[0][0] == 0
    assert rows(table)[0][2] == 10
    # The plan: what a run with these movements computes.
    until(page, "document.querySelector('#plan[data-state=made] b') !== null")
    assert "flow" in page.locator("#plan b").inner_text()

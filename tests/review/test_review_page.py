"""The page in headless Chromium: look, move a mark, see the file, rebuild, the new flow, undo."""

import csv
from dataclasses import replace

import pytest

pytestmark = pytest.mark.slow

MOST = 600_000  # ms: a page that never gets so far, and no busy machine


@pytest.fixture
def open_page(chromium):
    """Open the page; whatever goes wrong in it fails the test (a conflict is answered with 409)."""
    pages, wrong = [], []

    def make(address, width=1280, height=800):
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(MOST)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: (
                wrong.append(f"{said.text} {said.location['url']}")
                if said.type == "error" and "409" not in said.text and "422" not in said.text
                else None
            ),
        )
        pages.append(page)
        page.goto(address)
        if width >= 900:
            page.wait_for_selector("body[data-ready]", state="attached")
        return page

    yield make
    for page in pages:
        page.close()
    assert wrong == []


def rows(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def at(page):
    """Return the frame that is drawn."""
    return int(page.locator("#view").get_attribute("data-frame"))


def until(page, holds, arg=None):
    """Wait until an expression is true. Playwright's own way is what the page's policy forbids."""
    for _ in range(MOST // 50):
        if page.evaluate(holds, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {holds} ({arg})")


def shows(page, position):
    until(
        page, "wanted => document.getElementById('view').dataset.frame === String(wanted)", position
    )


@pytest.mark.slow
def test_look_correct_run_again(serving, open_page, run_copy):
    served = serving()
    page = open_page(served.address)
    clip = served.room.clip(0)
    apex, first = clip["used"]["apex"]["at"], clip["frames"]["first"]
    corrections = run_copy / "out" / "corrections.csv"
    # Opened at the apex; one frame back, ten forth, the first frame.
    shows(page, apex)
    page.keyboard.press("ArrowLeft")
    shows(page, apex - 1)
    page.keyboard.press("Shift+ArrowRight")
    shows(page, apex + 9)
    page.keyboard.press("Home")
    shows(page, 0)
    # The mouse on the curve scrubs.
    box = page.locator("#curve").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
    until(page, "document.getElementById('view').dataset.frame !== '0'")
    # The apex is moved with a key, and stands in the file.
    page.keyboard.press("2")
    shows(page, apex)
    for step in range(1, 5):
        page.keyboard.press("ArrowLeft")
        shows(page, apex - step)
    page.keyboard.press("a")
    page.wait_for_selector("#list .done")
    (row,) = rows(corrections)
    assert (row["apex"], row["who"]) == (str(apex - 4 + first), "kim")
    # The plan names what a rebuild computes; it does, and the flow is another one.
    page.wait_for_selector("#plan[data-state=made] b")
    assert page.locator("#plan b").inner_text().startswith("spot 1, flow at most 1, tensor")
    before = page.locator("#flow").get_attribute("data-object")
    page.click("#rebuild")
    until(page, "before => document.getElementById('flow').dataset.object !== before", before)
    assert served.room.rebuilds.job.state == "done"
    assert served.room.rebuilds.job.message == "spot 1, flow 1, tensor 1, pack 1"
    used = served.room.clip(0)["used"]["apex"]
    assert (used["at"], used["source"]) == (apex - 4, "correction")
    until(page, "document.getElementById('plan').textContent === 'Nothing to rebuild'")
    # Undo, and the file is as before; so is what a rebuild gives, from the cache.
    page.keyboard.press("u")
    page.wait_for_selector("#plan b")
    assert rows(corrections) == []
    page.wait_for_selector("#plan[data-state=made] b")
    page.click("#rebuild")
    until(page, "before => document.getElementById('flow').dataset.object === before", before)
    assert served.room.rebuilds.job.message == "pack 1"


@pytest.mark.slow
def test_the_other_marks_are_set_with_keys_and_the_mouse(serving, open_page, run_copy):
    served = serving()
    page = open_page(served.address)
    clip = served.room.clip(0)
    corrections = run_copy / "out" / "corrections.csv"
    apex, first = clip["used"]["apex"]["at"], clip["frames"]["first"]
    shows(page, apex)
    # A flag is dragged.
    until(page, "document.querySelector('.flag[data-name=offset]') !== null")
    x, y = page.evaluate(
        "(({x, y, width}) => [x + width / 2, y + 8])"
        "(document.querySelector('.flag[data-name=offset] rect').getBoundingClientRect())"
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    page.wait_for_selector("#list .done")
    assert int(rows(corrections)[0]["offset"]) > clip["stated"]["offset"]
    # No movement, left out, an emotion, a comment with a formula, a face box.
    page.keyboard.press("z")
    page.wait_for_selector("#still[aria-pressed=true]")
    page.keyboard.press("z")
    page.wait_for_selector("#still[aria-pressed=false]")
    page.keyboard.press("x")
    page.wait_for_selector("#exclude[aria-pressed=true]")
    page.select_option("#emotion", "fear")
    page.keyboard.press("c")
    page.keyboard.type("=HYPERLINK(1) <b>x")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('saved').textContent.startsWith('Saved')")
    page.keyboard.press("b")
    until(page, "document.getElementById('view').dataset.view === 'whole'")
    place = page.locator("#frame").bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.4, place["y"] + place["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.6, place["y"] + place["height"] * 0.8, steps=3)
    page.mouse.up()
    page.wait_for_selector("#boxed button")
    (row,) = rows(corrections)
    assert (row["exclude"], row["emotion"], row["movement"]) == ("yes", "fear", "")
    assert "HYPERLINK" in row["why"]
    x0, y0, x1, y1 = map(int, row["face_box"].split())
    assert x0 < x1
    assert y0 < y1
    # Marks as they are become the user's, and the next clip is shown.
    page.keyboard.press("n")
    page.wait_for_selector("#list li[data-index='1'] [aria-current=true]")
    shows(page, served.room.clip(1)["used"]["apex"]["at"])
    page.keyboard.press("Enter")
    page.wait_for_selector("#list li[data-index='2'] [aria-current=true]")
    stated = served.room.clip(1)["stated"]
    cells = served.room.state("")["rows"]["1"]
    assert {name: int(cells[name]) for name in stated} == stated
    assert page.locator("#count").inner_text().startswith("3 of 4 looked at")
    assert first == 1


def test_looks_that_change_nothing(serving, open_page, run_copy):
    served = serving()
    page = open_page(served.address)
    apex, onset = (served.room.clip(0)["used"][name]["at"] for name in ("apex", "onset"))
    shows(page, apex)
    page.keyboard.down("f")
    shows(page, onset)
    page.keyboard.up("f")
    shows(page, apex)
    page.keyboard.press("m")
    page.wait_for_selector("#magnified svg feDisplacementMap", state="attached")
    until(
        page,
        "Math.abs(Number(document.querySelector('#magnified feDisplacementMap')"
        ".getAttribute('scale'))) > 1",
    )
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    until(page, "document.getElementById('view').dataset.view === 'whole'")
    page.keyboard.press(" ")
    page.wait_for_selector("#loop[aria-pressed=true]")
    until(page, "apex => Number(document.getElementById('view').dataset.frame) !== apex", apex)
    page.keyboard.press("k")
    page.wait_for_selector("#loop[aria-pressed=false]")
    page.wait_for_selector("#regions path", state="attached")
    page.keyboard.press("/")
    page.keyboard.type("s02")
    assert page.locator("#list li:not([hidden])").count() == 2
    assert not (run_copy / "out" / "corrections.csv").exists()
    # The secret is in the address alone.
    assert served.address.split("/")[3] not in page.content()
    assert page.title() == "Review - mepipe"


@pytest.mark.slow
def test_two_windows_see_each_other_and_choose(serving, open_page, run_copy):
    served = serving()
    one, other = open_page(served.address), open_page(served.address)
    clip = served.room.clip(0)
    apex, first = clip["used"]["apex"]["at"], clip["frames"]["first"]
    shows(one, apex)
    shows(other, apex)
    one.keyboard.press("o")
    other.wait_for_selector("#list .done")
    until(other, "document.querySelector('#marks .yours').textContent !== ''")
    # Both set the apex: the second has not seen what the first wrote.
    other.evaluate(
        "void (window.fetch = (real => (address, how) =>"
        " /state\\?version=./.test(address) ? new Promise(() => {}) : real(address, how)"
        ")(window.fetch))"
    )
    other.wait_for_timeout(1500)
    one.keyboard.press("ArrowRight")
    shows(one, apex + 1)
    one.keyboard.press("a")
    until(one, "document.querySelectorAll('#marks .yours')[1].textContent !== ''")
    other.keyboard.press("ArrowRight")
    other.keyboard.press("ArrowRight")
    shows(other, apex + 2)
    other.keyboard.press("a")
    other.wait_for_selector("#conflict[open]")
    assert str(apex + 1 + first) in other.locator("#conflictwords").inner_text()
    assert rows(run_copy / "out" / "corrections.csv")[0]["apex"] == str(apex + 1 + first)
    other.click("#mine")
    until(
        one,
        "wanted => document.querySelectorAll('#marks .yours')[1].textContent.startsWith(wanted)",
        str(apex + 2 + first),
    )
    assert rows(run_copy / "out" / "corrections.csv")[0]["apex"] == str(apex + 2 + first)


def test_names_are_text(serving, open_page):
    served = serving()
    session = served.room.session
    name = "<img src=x onerror=alert(1)>/<script>alert(2)</script>"
    opened = session.opened
    clips = [replace(opened.clips[0], id=name), *opened.clips[1:]]
    session.opened = replace(opened, clips=clips, notes={name: ["<b>a note</b>"]})
    session._places[name] = 0
    page = open_page(served.address)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert page.locator("#name").inner_text() == name
    assert page.locator("#why").inner_text() == "<b>a note</b>"
    assert page.locator("#list img, #list script, #name img, #why b").count() == 0
    assert page.title() == "Review - mepipe"


def test_a_narrow_screen_is_told(serving, open_page):
    page = open_page(serving().address, width=390, height=844)
    assert page.locator(".narrow").is_visible()
    assert "keyboard" in page.locator(".narrow").inner_text()
    assert not page.locator("main").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_while_the_plan_is_made_the_page_does_not_say_that_nothing_is_to_do(
    serving, open_page, monkeypatch
):
    import threading

    served = serving()
    page = open_page(served.address)
    until(page, "document.getElementById('plan').textContent === 'Nothing to rebuild'")
    rebuilds, gone_on = served.room.rebuilds, threading.Event()
    make = rebuilds._make
    monkeypatch.setattr(rebuilds, "_make", lambda: gone_on.wait(60) and make())
    try:
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("a")
        page.wait_for_selector("#plan[data-state=making]")
        assert page.locator("#plan").inner_text() == "planning…"
    finally:
        gone_on.set()
    page.wait_for_selector("#plan[data-state=made] b")

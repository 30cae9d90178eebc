"""The page in headless Chromium: widths, themes, and filters without a mouse."""

import shutil

import pytest

from mepipe.report.page import render
from mepipe.viz.palette import DARK, LIGHT

ALONE = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ALONE.split(), timeout=0)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(make_page, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(make_page(30)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(chromium, address):
    """Open the page; whatever the browser complains of (the policy too) fails the test."""
    opened = chromium.new_page()
    opened.set_default_timeout(0)  # a busy machine
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda r: r.url.startswith(("file:", "data:")) or complaints.append(r.url))
    opened.goto(address)
    yield opened
    opened.close()
    assert complaints == []


def shown(page):
    return page.locator(".card:visible").count()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_both_widths_in_both_themes(page, width, theme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expected = (LIGHT if theme == "light" else DARK)["page"]
    assert colour == f"rgb({', '.join(str(int(expected[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_page_pictures_can_be_decoded(page):
    broken = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))"
        ".then(found => found.reduce((a, b) => a + b, 0))"
    )
    assert broken == 0


def test_filters_work_with_the_keyboard(page):
    assert shown(page) == 30
    page.locator("#f-dataset").focus()
    page.keyboard.press("ArrowDown")
    assert shown(page) == 15
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "f-label"
    assert 0 < shown(page) < 15
    assert page.locator("#count").inner_text() == f"{shown(page)} of 30 clips"
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the button that shows all
    page.wait_for_function("document.getElementById('count').value.startsWith('30 ')")
    assert shown(page) == 30


def test_filters_select_doubtful_clips(page):
    page.locator("#f-problem").select_option("still")
    assert shown(page) == 1
    page.locator("#f-problem").select_option("*")
    page.locator("#f-confidence").fill("0.5")
    below = page.locator(".card:visible").evaluate_all("all => all.map(c => +c.dataset.confidence)")
    assert 0 < len(below) < 30
    assert max(below) <= 0.5


def test_page_without_script_shows_all_cards_and_no_filter(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(0)
    page.goto(address)
    assert page.locator(".card").count() == 30
    assert page.locator("#filters").is_hidden()
    context.close()

"""The page in headless Chromium: widths, themes, one clip large, all without a mouse."""

import itertools
from dataclasses import replace
from urllib.parse import quote

import pytest

from mepipe.report.page import files_beside, render
from mepipe.viz.label_layout import spread_labels
from mepipe.viz.palette import DARK, LIGHT

WIDTHS = (390, 1280, 1920)
SIZED = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def address(make_page, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(make_page(30)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def opening(chromium, complaints):
    """Open pages; whatever the browser complains of (the policy too) fails the test."""
    opened = []

    def go(address, **options):
        page = chromium.new_page(**options)
        page.set_default_timeout(0)  # a busy machine
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda r: r.url.startswith(("file:", "data:")) or complaints.append(r.url)
        )
        page.goto(address)
        return page

    yield go
    for page in opened:
        page.close()
    assert complaints == []


@pytest.fixture
def page(opening, address):
    return opening(address)


def until(page, holds):
    """Wait until an expression is true. Playwright's own way is what the page's policy forbids."""
    for _ in range(100):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {holds}")


def shown(page):
    return page.locator(".card:visible").count()


def names(page):
    return page.locator(".card:visible .open").all_text_contents()


def named(page):
    return page.locator("#detail-name").inner_text()


def on_top(page):
    return page.locator(".look.big .stack").first.locator("img:not(.under)").get_attribute("alt")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_every_width_in_both_themes_closed_and_open(page, width, theme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate(SIZED) == width
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expected = (LIGHT if theme == "light" else DARK)["page"]
    assert colour == f"rgb({', '.join(str(int(expected[i : i + 2], 16)) for i in (1, 3, 5))})"
    page.locator(".open").nth(3).click()
    inside, outside = page.evaluate(
        "(d => [d.scrollWidth, d.clientWidth])(document.getElementById('detail'))"
    )
    assert inside == outside <= width
    assert page.evaluate(SIZED) == width
    side = page.locator(".look.big .stack").first.bounding_box()["width"]
    assert side >= 300


def test_page_pictures_can_be_decoded(page):
    broken = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => 0, () => 1)))"
        ".then(found => found.reduce((a, b) => a + b, 0))"
    )
    assert broken == 0


def test_filters_work_with_the_keyboard(page):
    assert shown(page) == 31  # with the one that failed
    page.locator("#f-dataset").focus()
    page.keyboard.press("ArrowDown")
    assert shown(page) == 16
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "f-label"
    assert 0 < shown(page) < 15
    assert page.locator("#count").inner_text() == f"{shown(page)} of 31 clips"
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the button that shows all
    until(page, "document.getElementById('count').value.startsWith('31 ')")
    assert shown(page) == 31


def test_filters_select_doubtful_and_failed_clips(page):
    page.locator("#f-problem").select_option("still")
    assert shown(page) == 1
    page.locator("#f-problem").select_option("failed")
    assert page.locator(".card:visible").get_attribute("id") == "failed-0"
    assert page.locator(".card:visible img.frame").is_visible()
    page.locator("#f-problem").select_option("doubt")
    assert shown(page) == 8
    page.locator("#f-problem").select_option("*")
    page.locator("#f-confidence").fill("0.5")
    below = page.locator(".card:visible").evaluate_all("all => all.map(c => +c.dataset.confidence)")
    assert 0 < len(below) < 30
    assert max(below) <= 0.5


def test_search_finds_clips_subjects_and_emotions(page):
    page.locator("#f-search").fill("C0013")
    assert names(page) == ["set1/s13/c0013"]
    page.locator("#f-search").fill("s07")
    assert names(page) == ["set1/s07/c0007", "set1/s07/c0027"]
    page.locator("#f-search").fill("s07 disgust c0027")
    assert names(page) == ["set1/s07/c0027"]
    page.locator("#f-search").fill("nothing like it")
    assert names(page) == []
    page.locator("#again").click()
    # The form is empty at once; the cards follow.
    until(page, "document.getElementById('count').value.startsWith('31 ')")
    assert page.locator("#f-search").input_value() == ""
    assert shown(page) == 31


def test_cards_are_ordered_as_asked_and_failures_come_last(page):
    page.locator("#f-sort").select_option("doubt")
    assert names(page)[:2] == ["set1/s09/c0029", "set1/s05/c0025"]
    page.locator("#f-sort").select_option("confidence")
    sure = page.locator(".card:not(.failed)").evaluate_all("a => a.map(c => +c.dataset.confidence)")
    assert sure == sorted(sure)
    page.locator("#f-sort").select_option("strong")
    assert names(page)[0] == "set0/s10/c0010"
    page.locator("#f-sort").select_option("weak")
    assert names(page)[0] == "set0/s00/c0000"
    assert page.locator(".card").last.get_attribute("id") == "failed-0"
    page.locator("#f-sort").select_option("order")
    assert names(page) == sorted(names(page), key=lambda name: name[-4:])


def test_a_clip_opens_flickers_goes_on_and_closes_by_keys_alone(page):
    page.locator(".open").nth(3).focus()
    page.keyboard.press("Enter")
    assert named(page) == "set1/s03/c0003"
    page.mouse.move(0, 0)
    assert on_top(page) == "Aligned face, onset"
    page.keyboard.press("Space")
    assert on_top(page) == "Aligned face, apex"
    assert page.locator(".which").inner_text() == "apex, frame 15 · 75 ms"
    page.keyboard.press("f")
    until(page, "document.querySelector('.look.big [alt$=apex]').classList.contains('under')")
    page.keyboard.press("f")
    assert page.locator("[aria-pressed=true]").count() == 0
    page.keyboard.press("ArrowRight")
    assert named(page) == "set0/s04/c0004"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert named(page) == "set0/s02/c0002"
    page.keyboard.press("Escape")
    assert not page.locator("#detail").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "set0/s02/c0002"


def test_the_next_clip_is_the_next_that_is_shown(page):
    page.locator("#f-sort").select_option("doubt")
    page.locator("#f-problem").select_option("doubt")
    page.locator(".card:visible").first.click(position={"x": 20, "y": 60})
    assert named(page) == "set1/s09/c0029"
    assert page.locator("dialog button", has_text="Previous").is_disabled()
    page.locator("dialog button", has_text="Next").click()
    assert named(page) == "set1/s05/c0025"
    assert page.locator("dialog .count").inner_text() == "2 of 8"


def test_pointing_at_the_face_shows_the_apex(page):
    page.locator(".open").nth(3).click()
    page.mouse.move(5, 5)
    holder = page.locator(".look.big .stack").first
    assert on_top(page) == "Aligned face, onset"
    holder.hover()
    assert on_top(page) == "Aligned face, apex"
    page.mouse.move(5, 5)
    assert on_top(page) == "Aligned face, onset"


def test_an_open_clip_has_arrows_curves_figures_and_what_to_do(page):
    page.locator(".open").nth(9).click()
    assert page.locator(".arrows .head").get_attribute("d").count("Z") > 20
    assert page.locator(".graph .curve").count() == 1
    assert page.locator(".graph path[class^=m-]").count() == 6  # three marks, three spotted
    assert page.locator(".regions li").count() == 8
    assert "Roll of the head" in page.locator(".quality").inner_text()
    assert "+16 (+80 ms)" in page.locator("dialog table").inner_text()
    assert "Worth a look: the motion peaks elsewhere" in page.locator(".told").all_inner_texts()
    assert "mepipe review OUT" in page.locator(".right").inner_text()
    page.locator(".graph svg").hover()
    assert "% of the peak" in page.locator(".readout").inner_text()


def test_a_movement_is_made_larger_by_the_factor_of_the_slider(page):
    page.locator(".open").nth(3).click()
    page.keyboard.press("m")
    page.locator("#factor").fill("20")
    assert page.locator("dialog output").inner_text() == "× 20"
    scale = float(page.locator("feDisplacementMap").get_attribute("scale"))
    page.locator("#factor").fill("10")
    assert float(page.locator("feDisplacementMap").get_attribute("scale")) == pytest.approx(
        scale / 2, abs=1e-3
    )
    assert scale < 0
    # The keys of the slider are its own.
    page.locator("#factor").press("ArrowRight")
    assert named(page) == "set1/s03/c0003"


def test_nothing_plays_by_itself_where_motion_is_not_wanted(opening, address):
    page = opening(address, reduced_motion="reduce")
    page.locator(".open").nth(3).click()
    assert page.locator("dialog button", has_text="Play").count() == 1
    assert float(page.locator("feDisplacementMap").get_attribute("scale")) == 0


@pytest.mark.slow
def test_an_address_leads_to_one_clip_and_to_what_was_shown(page, opening, address):
    page.locator("#f-search").fill("s07")
    page.locator(".card:visible .open").nth(1).click()
    there = page.evaluate("location.href")
    again = opening(there)
    assert named(again) == "set1/s07/c0027"
    assert again.locator("dialog .count").inner_text() == "2 of 2"
    again.keyboard.press("Escape")
    assert again.locator("#f-search").input_value() == "s07"
    first = opening(f"{address}#clip-5")
    assert named(first) == "set1/s05/c0005"


def test_labels_of_a_curve_never_cover_each_other(page):
    page.locator(".open").nth(3).click()
    cases = [[[10.0 * n % (7 + k), 12.0 * k][n % 2] * 9 for n in range(k)] for k in range(1, 9)]
    for wanted in cases:
        widths = [30.0 + 5 * n for n in range(len(wanted))]
        found = page.evaluate(
            "([wanted, widths]) => look.spread(wanted, widths, 0, 300)", [wanted, widths]
        )
        expected = spread_labels(wanted, widths, 0, 300)
        assert [(row, pytest.approx(x, abs=0.011)) for row, x in expected] == [
            tuple(f) for f in found
        ]
    boxes = page.locator(".graph text[class]").evaluate_all(
        "all => all.map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.top, b.right, b.bottom])"
    )
    assert len(boxes) == 6
    for n, one in enumerate(boxes):
        for other in boxes[n + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] or other[3] <= one[1]


def test_names_of_marks_on_cards_never_cover_each_other(opening, make_page, tmp_path):
    page = make_page(3)
    close = tuple(replace(m, position=40 + n) for n, m in enumerate(page.cards[1].marks))
    path = tmp_path / "report.html"
    path.write_text(render(replace(page, cards=[replace(page.cards[1], marks=close)])), "utf-8")
    boxes = (
        opening(path.as_uri())
        .locator(".card svg text[class]")
        .evaluate_all("all => all.map(t => t.getBoundingClientRect()).map(b => [b.left, b.right])")
    )
    assert len(boxes) == 3
    ordered = sorted(boxes)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(ordered))


def test_pictures_beside_the_page_are_shown_large(opening, make_page, tmp_path):
    made = make_page(6)
    folder = tmp_path / "report-files"
    folder.mkdir()
    for name, data in files_beside(made, 0).items():
        (folder / name).write_bytes(data)
    path = tmp_path / "report.html"
    path.write_text(render(made, 0), encoding="utf-8")
    page = opening(path.as_uri())
    page.locator(".open").nth(3).click()
    until(page, "[...document.querySelectorAll('.look img')].every(i => i.naturalWidth === 224)")
    assert page.locator(".look img").first.get_attribute("src") == "report-files/0003-onset.jpg"


def test_where_the_pictures_beside_a_page_are_gone_the_small_ones_are_shown(
    chromium, make_page, tmp_path
):
    path = tmp_path / "report.html"
    path.write_text(render(make_page(6), 0), encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.locator(".open").nth(3).click()
    until(page, "[...document.querySelectorAll('.look img')].every(i => i.naturalWidth === 96)")
    page.close()


def test_hostile_names_are_text_wherever_they_are_shown(opening, make_page, tmp_path):
    hostile = "<img src=x onerror=alert(1)>\"'&</script>%#&clip=x"
    page = make_page(3)
    card = replace(
        page.cards[1],
        **dict.fromkeys(("clip", "dataset", "subject", "emotion", "label", "predicted"), hostile),
        notes=(hostile,),
        doubts=(hostile,),
        figures={"roll": hostile},
        regions={hostile: (0.0, 1.0)},
    )
    path = tmp_path / "report.html"
    path.write_text(render(replace(page, cards=[card])), encoding="utf-8")
    opened = opening(path.as_uri())
    opened.locator(".open").click()
    assert named(opened) == hostile
    assert opened.locator("img[src=x]").count() == 0
    assert (
        f"clip={quote(hostile, safe='')}".lower()
        in opened.evaluate("location.hash").replace("+", "%20").replace("'", "%27").lower()
    )
    again = opening(opened.evaluate("location.href"))
    assert named(again) == hostile


def test_without_faces_flow_is_still_shown_large(opening, make_page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(render(make_page(6, faces=False)), encoding="utf-8")
    page = opening(path.as_uri())
    page.locator(".open").nth(3).click()
    assert page.locator(".look").count() == 3
    assert page.locator("feDisplacementMap").count() == 0
    assert page.locator(".arrows .head").is_visible()


def test_page_without_script_shows_all_cards_and_no_filter(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(0)
    page.goto(address)
    assert page.locator(".card").count() == 31
    assert page.locator("#filters").is_hidden()
    context.close()


def test_a_page_of_500_clips_opens_and_is_searched(opening, make_page, tmp_path):
    made = make_page(500)
    path = tmp_path / "report.html"
    path.write_text(render(made), encoding="utf-8")
    folder = tmp_path / "report-files"
    folder.mkdir()
    for name, data in files_beside(made).items():
        (folder / name).write_bytes(data)
    page = opening(path.as_uri())
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    searched = page.evaluate(
        """() => {
            const field = document.getElementById("f-search"), before = performance.now();
            field.value = "s07";
            field.dispatchEvent(new Event("input", { bubbles: true }));
            document.body.offsetHeight;  // laid out
            return performance.now() - before;
        }"""
    )
    print(f"500 clips: loaded after {loaded:.0f} ms, searched in {searched:.0f} ms")
    assert shown(page) == 25
    page.locator(".card:visible .open").first.click()
    assert named(page) == "set1/s07/c0007"

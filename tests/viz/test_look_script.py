"""What look.js draws in Chromium: a movement goes where the flow says, pictures take turns."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

import mepipe.viz
from mepipe.viz.displacement import displacement_map, flow_grid

SCRIPT = (Path(mepipe.viz.__file__).parent / "look.js").read_text(encoding="utf-8")
SIZE = 224
PAGE = """<!doctype html><style>body {{ margin: 0 }} #holder svg {{ display: block; width: 224px }}
.under {{ visibility: hidden }}</style><div id=holder></div><script>{script}</script>"""


@pytest.fixture(scope="module")
def page(chromium):
    opened = chromium.new_page(viewport={"width": SIZE, "height": SIZE})
    opened.set_default_timeout(0)  # a busy machine
    opened.set_content(PAGE.format(script=SCRIPT))
    return opened


def address(png):
    return "data:image/png;base64," + base64.b64encode(png).decode()


def seen(page):
    data = np.frombuffer(page.screenshot(), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(float)


def centre(image):
    weight = np.clip(image - 40, 0, None)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()


@pytest.mark.parametrize(("u", "v", "factor"), [(3.0, 0.0, 8), (-2.0, 1.0, 10), (0.0, -4.0, 5)])
def test_a_movement_is_made_larger_in_its_own_direction(page, u, v, factor):
    dot = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(dot, (112, 112), 9, 255, -1)
    png = cv2.imencode(".png", dot)[1].tobytes()
    uv = np.stack([np.full((SIZE, SIZE), u), np.full((SIZE, SIZE), v)]).astype(np.float32)
    moves, largest = displacement_map(uv)
    given = {
        "picture": address(png), "map": address(moves), "largest": largest, "size": SIZE,
        "factor": factor,
    }  # fmt: skip
    page.evaluate("g => { window.m = look.magnify(document.getElementById('holder'), g); }", given)
    page.evaluate("Promise.all([...document.images].map(i => i.decode()))")
    page.wait_for_timeout(300)
    x, y = centre(seen(page))
    assert (x, y) == pytest.approx((112, 112), abs=1)
    page.evaluate("m.hold(1)")
    page.wait_for_timeout(300)
    moved = centre(seen(page))
    assert moved == pytest.approx((112 + factor * u, 112 + factor * v), abs=1.5)


def test_it_plays_only_when_told_to_and_stops(page):
    page.evaluate("m.hold(0)")
    assert not page.evaluate("m.playing")
    page.evaluate("m.play()")
    page.wait_for_function("m.phase > 0.5")
    page.evaluate("m.toggle()")
    assert page.evaluate("[m.playing, m.phase]") == [False, 0]


def test_pictures_take_turns(page):
    page.evaluate(
        """() => {
            const holder = document.getElementById("holder");
            const layer = (text) => {
                const made = document.createElement("p");
                made.textContent = text;
                return made;
            };
            const layers = [layer("a"), layer("b")];
            holder.replaceChildren(...layers);
            window.told = [];
            window.f = look.flicker(holder, layers, { told: (at) => told.push(at), every: 20 });
        }"""
    )  # fmt: skip

    def shown():
        return page.locator("#holder p:not(.under)").all_inner_texts()

    assert shown() == ["a"]
    page.mouse.move(5, 25)
    assert shown() == ["b"]
    page.locator("#holder").click(position={"x": 5, "y": 25})
    assert shown() == ["a"]
    page.evaluate("f.toggle()")
    assert shown() == ["b"]
    page.evaluate("told.length = 0; f.loop(true)")
    page.wait_for_function("told.length > 4")
    page.evaluate("f.end()")
    assert not page.evaluate("f.looping")


def test_arrows_point_along_the_flow_and_say_their_length(page):
    uv = np.zeros((2, SIZE, SIZE), np.float32)
    uv[0, :112, :112] = 3.0
    grid, largest = flow_grid(uv, 4)
    px, lines = page.evaluate(
        """([grid, largest, size]) => {
            const svg = look.drawn("svg");
            const px = look.arrows(svg, { grid, largest, size });
            return [px, svg.querySelector(".shaft").getAttribute("d")];
        }""",
        [base64.b64encode(grid).decode(), largest, SIZE],
    )
    assert px == pytest.approx(3.0)
    starts = [[float(n) for n in one.replace("L", " ").split()] for one in lines.split("M")[1:]]
    assert len(starts) == 4
    assert all(tx > x and ty == y for x, y, tx, ty in starts)
    assert {(x, y) for x, y, *_ in starts} == {(28, 28), (84, 28), (28, 84), (84, 84)}

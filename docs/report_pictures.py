"""Pictures of the report: docs/pictures.py calls this with its browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MARGIN = 16  # px


def report(browser: Any, out: Path, cache: Path) -> bytes:
    """Return the top of the report."""
    page = opened(browser, out, height=1230)
    # The time of the run is that of docs/pictures.py.
    page.evaluate(
        "document.querySelectorAll('header p').forEach(p => {"
        "  if (p.textContent.startsWith('Run of')) p.textContent = 'Run of 2026-01-01'; })"
    )
    return bytes(page.screenshot())


def report_card(browser: Any, out: Path, cache: Path) -> bytes:
    """Return the report with a card open."""
    page = opened(browser, out, height=900, width=1440)
    open_card(page)
    return bytes(page.screenshot())


def motion(browser: Any, out: Path, cache: Path) -> bytes:
    """Return the motion of a clip and of each region of the face, as a card shows them."""
    page = opened(browser, out, height=1500, width=1440)
    open_card(page)
    right = page.locator("dialog .right").bounding_box()
    last = page.locator("dialog .regions li").nth(7).bounding_box()
    clip = {
        "x": right["x"] - MARGIN,
        "y": right["y"] - MARGIN / 2,
        "width": right["width"] + 2 * MARGIN,
        "height": last["y"] + last["height"] - right["y"] + MARGIN,
    }
    return bytes(page.screenshot(clip=clip))


def opened(browser: Any, out: Path, height: int, width: int = 1280) -> Any:
    """Return the report in a new window."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="light", reduced_motion="reduce"
    )
    page.goto((out / "report.html").as_uri())
    return page


def open_card(page: Any) -> None:
    """Open the first card, without the frame around what has the focus."""
    page.locator("article.card").first.click()
    page.locator("dialog .graph svg").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)

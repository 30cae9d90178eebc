"""Make the pictures of the page "Look and correct", from the synthetic sample only.

Run it where the page has changed: ``python docs/review_pictures.py``. It needs the extras
``review`` and ``sample``, Playwright and Chromium. The face is that of a photograph in the public
domain, which scikit-image has.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

import mepipe
from mepipe.cache.store import open_store
from mepipe.execution.context import Context
from mepipe.review.room import Room
from mepipe.review.server import bind, make_server
from mepipe.review.session import Session
from mepipe.sample import write

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Make a sample, run it, and photograph the page."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "sample", subjects=2, clips=2, seed=0)
        out, cache = folder / "study", folder / "cache"
        mepipe.run(folder / "sample", out=out, cache=cache, until="pack")
        room = Room(Session(out, Context(open_store(cache)), who="kim"))
        listener = bind(0)
        server, address = make_server(room, listener)
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        photograph(address)
        server.should_exit = True
        room.close()


def photograph(address: str) -> None:
    """Write the pictures."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_selector("body[data-ready]", state="attached")
        page.wait_for_selector("#regions path", state="attached", timeout=120_000)
        # The folder is one of this machine, and of no interest.
        page.evaluate("document.getElementById('run').textContent = 'study'")
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / "review.png")
        for key in ("ArrowLeft", "ArrowLeft", "a"):
            page.keyboard.press(key)
            page.wait_for_timeout(400)
        page.wait_for_selector("#plan[data-state=made] b", timeout=120_000)
        page.screenshot(path=IMAGES / "review-corrected.png")
        browser.close()


if __name__ == "__main__":
    main()

"""Pictures of the page "Look and correct": docs/pictures.py calls this with its browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def review(browser: Any, out: Path, cache: Path) -> bytes:
    """Return the page as it opens."""
    with opened(browser, out, cache) as page:
        return bytes(page.screenshot())


def review_corrected(browser: Any, out: Path, cache: Path) -> bytes:
    """Return the page with an apex that was moved by two frames, and what a rebuild would do."""
    with opened(browser, out, cache) as page:
        for key in ("ArrowLeft", "ArrowLeft", "a"):
            page.keyboard.press(key)
            page.wait_for_timeout(400)
        page.wait_for_selector("#plan[data-state=made] b", timeout=120_000)
        # The time is that of docs/pictures.py.
        page.evaluate(
            "document.querySelectorAll('*').forEach(one => {"
            "  if (!one.children.length && one.textContent.startsWith('Last changed by'))"
            "    one.textContent = 'Last changed by kim'; })"
        )
        return bytes(page.screenshot())


@contextmanager
def opened(browser: Any, out: Path, cache: Path) -> Iterator[Any]:
    """Serve the page of a run, and open it in a new window."""
    from mepipe.cache.store import open_store
    from mepipe.execution.context import Context
    from mepipe.review.room import Room
    from mepipe.review.server import bind, make_server
    from mepipe.review.session import Session

    room = Room(Session(out, Context(open_store(cache)), who="kim"))
    listener = bind(0)
    server, address = make_server(room, listener)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    serving.start()
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page.goto(address)
    page.wait_for_selector("body[data-ready]", state="attached")
    page.wait_for_selector("#regions path", state="attached", timeout=120_000)
    # The folder is one of this machine, and of no interest.
    page.evaluate("document.getElementById('run').textContent = 'study'")
    page.wait_for_timeout(1500)
    yield page
    page.close()
    server.should_exit = True
    serving.join()
    room.close()

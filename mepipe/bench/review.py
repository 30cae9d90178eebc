"""How soon a frame is on the screen after a key was pressed on the review page."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.store import open_store
from mepipe.config.load import load_config
from mepipe.datasets.registry import open_datasets
from mepipe.errors import UsageError
from mepipe.execution.context import Context
from mepipe.run import Run
from mepipe.sample.photos import load_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page

Image = NDArray[np.uint8]

# name, width, height, frames a second, frames
CLIPS: tuple[tuple[str, int, int, int, int], ...] = (
    ("fast", 640, 480, 200, 400),
    ("4k", 3840, 2160, 30, 60),
)
_WINDOW = {"width": 1920, "height": 1080}
_QUICK = ("flow.size=96", "flow.scales=3", "flow.outer_iterations=2", "report.enabled=false")


@dataclass(frozen=True)
class Row:
    """The times from keys to frames, ms, of one clip and one way to go through it."""

    clip: str
    keys: str
    median: float
    p95: float
    slowest: float


def measure(
    presses: int, advance: Callable[[int, int], object] = lambda done, count: None
) -> list[Row]:
    """Return the times in headless Chromium, of a page of 1920 x 1080.

    Parameters
    ----------
    presses
        Keys that are pressed for each row.
    advance
        Called with (done, count) after each row.

    Raises
    ------
    UsageError
        If Playwright or Chromium is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise UsageError(
            "measuring the review page needs playwright", "Install it: pip install playwright"
        ) from error
    if program is None:
        raise UsageError("there is no Chromium here", "Install the package chromium.")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder))
        with _served(Path(folder)) as address, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program)
            page = browser.new_page(viewport=_WINDOW)  # type: ignore[arg-type]
            page.goto(address)
            page.wait_for_selector("body[data-ready]", state="attached")
            ways = [(name, view) for name, *_ in CLIPS for view in ("aligned", "as it is")]
            for done, (name, view) in enumerate(ways):
                _open(page, name, view)
                rows += [
                    _timed(page, f"{name}, {view}", keys, presses)
                    for keys in ("ArrowRight", "Shift+ArrowLeft")
                ]
                advance(done + 1, len(ways))
            browser.close()
    return rows


def _run(folder: Path) -> None:
    """Make two videos of a face and run them."""
    person = folder / "videos" / "s01"
    person.mkdir(parents=True)
    lines = ["subject,clip,emotion,onset,apex,offset,fps"]
    image = load_photos(None)[0].image
    for name, width, height, fps, count in CLIPS:
        _encode(person / f"{name}.mp4", _frames(image, width, height, count), fps)
        lines.append(f"s01,{name},happiness,{count // 4},{count // 2},{3 * count // 4},{fps}")
    (folder / "videos" / "labels.csv").write_text("\n".join(lines) + "\n")
    Run(
        open_datasets([str(folder / "videos")]),
        load_config(None, _QUICK),
        Context(open_store(folder / "cache")),
        out=folder / "out",
        until="pack",
    ).execute()


def _frames(image: Image, width: int, height: int, count: int) -> Iterator[Image]:
    """Yield a face that sways by some px, with the noise of a camera."""
    import cv2

    rng = np.random.default_rng(0)
    scale = max(width / image.shape[1], height / image.shape[0])
    noise = rng.normal(0, 2, (height, width, 1))
    for number in range(count):
        sway = 2 * np.sin(number / 9)
        place = np.array([[scale, 0, sway], [0, scale, 0]], np.float64)
        moved = cv2.warpAffine(image, place, (width, height))
        yield (moved + np.roll(noise, 7 * number, axis=1)).clip(0, 255).astype(np.uint8)


def _encode(path: Path, frames: Iterator[Image], fps: int) -> None:
    import av

    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=fps)
        stream.options = {"preset": "ultrafast", "crf": "20"}
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(frames):
            if not number:
                stream.height, stream.width = image.shape[:2]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        file.mux(stream.encode(None))


class _served:  # noqa: N801
    """Serves the review of the run in a thread, while the body runs."""

    def __init__(self, folder: Path) -> None:
        from mepipe.review.room import Room
        from mepipe.review.server import bind, make_server
        from mepipe.review.session import Session

        context = Context(open_store(folder / "cache"))
        self._room = Room(Session(folder / "out", context))
        listener = bind(0)
        self._server, self._address = make_server(self._room, listener)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )

    def __enter__(self) -> str:
        self._thread.start()
        return self._address

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._room.close()


def _open(page: Page, name: str, view: str) -> None:
    """Show a clip, and wait until its frames lie ready."""
    number = page.evaluate(
        "name => [...document.querySelectorAll('#list li')]"
        ".find(one => one.textContent.includes(name)).dataset.index",
        f"/{name}",
    )
    page.click(f"#list li[data-index='{number}'] button")
    pressed = page.locator("#aligned").get_attribute("aria-pressed") == "true"
    if pressed != (view == "aligned"):
        page.keyboard.press("v")
    page.keyboard.press("Home")
    for _ in range(600):
        ready = page.evaluate(
            "number => fetch(`api/clips/${number}/ready`).then(one => one.json())", number
        )
        if ready["ready"] >= ready.get("count", 1):
            break
        page.wait_for_timeout(200)


def _timed(page: Page, clip: str, keys: str, presses: int) -> Row:
    page.evaluate("performance.clearMeasures('frame')")
    for _ in range(presses):
        page.keyboard.press(keys)
        page.wait_for_timeout(60)  # a person who looks at each frame is no faster
    page.wait_for_timeout(500)
    times: Sequence[float] = page.evaluate(
        "performance.getEntriesByName('frame').map(one => one.duration)"
    )
    words = {"ArrowRight": "one frame", "Shift+ArrowLeft": "ten frames"}[keys]
    found = np.array(times)
    return Row(
        clip,
        words,
        *(round(float(one), 1) for one in (*np.percentile(found, [50, 95]), found.max())),
    )

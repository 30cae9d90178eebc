"""Make the pictures of the documentation, from the synthetic sample only.

    python docs/pictures.py               # all of them
    python docs/pictures.py road timeline # these

It needs the extras ``sample`` and ``train``; pictures of pages also ``review``, Playwright and
Chromium, and without these they are left as they are. The face is that of a photograph in the
public domain, which scikit-image has. Beside the pictures in docs/images, ``made-from.json`` says
what each was made from; tests/docs/test_doc_pictures.py compares that with the code of today,
and makes them again.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import report_pictures
import review_pictures
from numpy.typing import NDArray

IMAGES = Path(__file__).resolve().parent / "images"
RECORD = IMAGES / "made-from.json"
SAMPLE = {"subjects": 1, "clips": 3, "seed": 0}
HARD_SAMPLE = {"subjects": 1, "clips": 1, "seed": 2}
TALK = {"subjects": 1, "clips": 1, "seconds": 20, "seed": 0}
FPS = 200.0
MADE = 240  # flow fields of made movements, 80 of each class
ODDITY = 2.0  # twice as varied as those of the training
QUALITY = 82  # of WebP
MARGIN = 12  # px
PUBLISHED = (
    "flow.engine=opencv", "flow.preset=opencv", "flow.stabilise=none", "flow.even_light=false",
    "tensor.strain_sigma=0",
)  # fmt: skip
CHANGES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "another train.epochs": ("train.epochs=50",),
    "another tensor.size": ("tensor.size=56",),
    "another flow.preset": ("flow.preset=opencv",),
    "another face.align": ("face.align=per-frame",),
}
BROWSER = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip

Image = NDArray[np.uint8]


class Material:
    """What the pictures are made from, in a folder of its own; each part is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"

    @cached_property
    def sample(self) -> Path:
        """Three clips of one person, one of each class."""
        from mepipe.sample import write

        write(self.folder / "sample", **SAMPLE)
        return self.folder / "sample"

    @cached_property
    def clip(self) -> Path:
        """A clip: the brows are drawn together."""
        return self.sample / "s01" / "c01"

    @cached_property
    def hard_clip(self) -> Path:
        """A clip in which the head moves and the light changes."""
        from mepipe.sample import HARD, write

        write(self.folder / "hard", **HARD_SAMPLE, factors=HARD)
        return self.folder / "hard" / "s01" / "c01"

    @cached_property
    def study(self) -> Path:
        """The outputs of a run over the sample, with all curves."""
        import mepipe

        out = self.folder / "study"
        mepipe.run(
            self.sample,
            out=out,
            cache=self.cache,
            until="pack",
            jobs=1,
            settings=["report.curves=all"],
        )
        return out

    @cached_property
    def made(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Classes of made movements, and what the model that comes with mepipe says of them."""
        import mepipe
        from mepipe.config import Config
        from mepipe.synthetic.dataset import make_set

        some = make_set(MADE, 3, Config().tensor, oddity=ODDITY)
        return some.y, np.asarray(mepipe.load_model("pretrained").predict(some.x))


def road(material: Material) -> Image:
    """The whole road of one clip."""
    from mepipe.config.load import as_config
    from mepipe.inference.picture import show

    return read(show(material.clip, as_config(None, [f"data.fps={FPS:g}"])))


def prediction(material: Material) -> Image:
    """A clip and the answer of the model that comes with mepipe."""
    from mepipe import Predictor
    from mepipe.viz import clip_png

    shown = Predictor("pretrained").clip(material.clip, FPS).shown
    assert shown is not None
    return read(clip_png(shown))


def timeline(material: Material) -> Image:
    """A recording over time, with its events."""
    import mepipe
    from mepipe.recordings.picture import events_png
    from mepipe.sample import write_recordings

    write_recordings(material.folder / "talks", **TALK)
    video = material.folder / "talks" / "s01" / "r01.mp4"
    return read(events_png(mepipe.spot(video, cache=material.cache).recordings[0]))


def flow_settings(material: Material) -> Image:
    """Flow and strain of one clip, with the published recipe and with the defaults."""
    import mepipe
    from mepipe.viz import flow_thumbnail, strain_thumbnail

    tiles = []
    for name, settings in (("published recipe", PUBLISHED), ("mepipe's defaults", ())):
        found = mepipe.extract(material.hard_clip, FPS, settings=settings)
        flow, longest = flow_thumbnail(found.flow, 224)
        strain, most = strain_thumbnail(found.strain, 224)
        tiles += [
            (f"flow, {name}\nfull colour: {longest:.2f} px", read(flow)),
            (f"strain, {name}\nbrightest: {most:.3f}", read(strain)),
        ]
    return side_by_side(tiles)


def features(material: Material) -> Image:
    """What a network sees: the features of three clips, one of each class."""
    import mepipe
    from mepipe.viz import tensor_picture

    found = mepipe.load(material.study / "features.h5")
    names = found.classes
    return side_by_side(
        [
            (f"{names[y]}: flow u, v and strain", tensor_picture(x))
            for x, y in zip(found.x, found.y, strict=True)
        ]
    )


def made_movements(material: Material) -> Image:
    """Made movements, as those that the model was trained on."""
    from mepipe.config import Config
    from mepipe.schema import CLASSES
    from mepipe.synthetic.dataset import make_set
    from mepipe.viz import tensor_picture

    some = make_set(6, 5, Config().tensor)
    tiles = [(CLASSES[y], tensor_picture(x)) for x, y in zip(some.x, some.y, strict=True)]
    return np.vstack([side_by_side(tiles[:3]), side_by_side(tiles[3:])])


def confusion(material: Material) -> Image:
    """The confusion matrix of the model that comes with mepipe, over made movements."""
    from mepipe import metrics
    from mepipe.schema import CLASSES
    from mepipe.viz import confusion_png

    truth, probabilities = material.made
    matrix = metrics.confusion(truth, probabilities.argmax(axis=1), len(CLASSES))
    figures = {"uf1": float(metrics.uf1(matrix)), "uar": float(metrics.uar(matrix))}
    return read(confusion_png(matrix, CLASSES, **figures, name="made movements"))


def calibration(material: Material) -> Image:
    """How often the model that comes with mepipe is right, by its confidence."""
    from mepipe.evaluation.calibration import reliability
    from mepipe.viz import reliability_png

    truth, probabilities = material.made
    bins = reliability(probabilities, truth)
    return read(reliability_png({"pretrained": bins}, title="made movements, unusual ones"))


def cache(material: Material) -> Image:
    """Which stages compute something again after a change, as the plan of a run says."""
    plans = {words: plan(material, settings) for words, settings in CHANGES.items()}
    return read(drawn_plans(plans))


def plan(material: Material, settings: Sequence[str]) -> dict[str, int]:
    """Return how many clips each stage would compute, as ``mepipe run --dry-run`` says."""
    command = [sys.executable, "-m", "mepipe", "run", str(material.sample), "--until", "pack"]
    command += ["--out", str(material.study), "--cache", str(material.cache), "--dry-run", "--json"]
    command += [word for one in settings for word in ("--set", one)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        one["stage"]: one["compute"] or one["at_most"] for one in json.loads(said.stdout)["plan"]
    }


def drawn_plans(plans: Mapping[str, Mapping[str, int]]) -> bytes:
    """Return plans as a table (PNG): a change is a row, a stage a column."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stages = list(next(iter(plans.values())))
    counts = np.array([[one[stage] for stage in stages] for one in plans.values()])
    figure = Figure(figsize=(9.0, 0.42 * len(plans) + 0.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.pcolormesh(counts > 0, cmap="Blues", vmin=0, vmax=2, edgecolors="white", linewidth=3)
    for (row, column), count in np.ndenumerate(counts):
        words = f"compute {count}" if count else "reuse"
        colour = "#000000" if count else "#888888"
        axes.text(column + 0.5, row + 0.5, words, ha="center", va="center", color=colour, size=9)
    axes.set_xticks(np.arange(len(stages)) + 0.5, stages)
    axes.set_yticks(np.arange(len(plans)) + 0.5, list(plans))
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


PICTURES: dict[str, Callable[[Material], Image]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        road, prediction, timeline, flow_settings, features, made_movements, confusion, calibration,
        cache,
    )
}  # fmt: skip
PAGES: dict[str, Callable[[Any, Path, Path], bytes]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        report_pictures.report, report_pictures.report_card, report_pictures.motion,
        review_pictures.review, review_pictures.review_corrected,
    )
}  # fmt: skip


def read(data: bytes) -> Image:
    """Return a picture's bytes as (H, W, 3) uint8, R G B; what is clear is white."""
    from PIL import Image as Pictures

    picture = Pictures.open(io.BytesIO(data)).convert("RGBA")
    white = Pictures.new("RGBA", picture.size, "white")
    return np.asarray(Pictures.alpha_composite(white, picture).convert("RGB"))


def side_by_side(tiles: Sequence[tuple[str, Image]]) -> Image:
    """Return pictures of one height in a row, each with its title above."""
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    gap, line = 14, 20
    above = gap + line * max(title.count("\n") + 1 for title, _ in tiles)
    width = sum(image.shape[1] + gap for _, image in tiles) + gap
    canvas = Pictures.new("RGB", (width, above + tiles[0][1].shape[0] + gap), "white")
    draw, font, x = ImageDraw.Draw(canvas), ImageFont.load_default(15), gap
    for title, image in tiles:
        draw.multiline_text((x, gap // 2), title, fill="#1b1e23", font=font, spacing=3)
        canvas.paste(Pictures.fromarray(image), (x, above))
        x += image.shape[1] + gap
    return np.asarray(canvas)


def encoded(image: Image) -> bytes:
    """Return a picture as WebP: without loss where that is smaller."""
    from PIL import Image as Pictures

    written = []
    for options in ({"quality": QUALITY}, {"lossless": True}):
        file = io.BytesIO()
        Pictures.fromarray(image).save(file, "WEBP", method=6, **options)
        written.append(file.getvalue())
    return min(written, key=len)


def made_from(name: str) -> dict[str, Any]:
    """Return what a picture is made from: versions of the stages, and the code that draws it."""
    from mepipe.stages import SIDES, STAGES

    drawing = {**PICTURES, **PAGES}[name]
    tree = ast.parse(inspect.getsource(drawing))
    settings = [SAMPLE, HARD_SAMPLE, TALK, FPS, MADE, ODDITY, PUBLISHED, CHANGES]
    code = json.dumps([ast.dump(tree), *settings])
    return {
        "stages": {stage.name: stage.version for stage in (*STAGES, *SIDES)},
        "drawing": hashlib.sha256(code.encode()).hexdigest()[:16],
    }


def made(names: Sequence[str], material: Material) -> Iterator[tuple[str, Image]]:
    """Yield the pictures of these names; those of pages only where there is a browser."""
    for name in names:
        if name in PICTURES:
            # A white frame: on a dark page nothing of them may touch the edge.
            frame = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
            yield name, np.pad(PICTURES[name](material), frame, constant_values=255)
    # In this order: the last one corrects the study.
    wanted = [name for name in PAGES if name in names]
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not wanted or program is None:
        return
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=BROWSER)
        for name in wanted:
            yield name, read(PAGES[name](browser, material.study, material.cache))
        browser.close()


def main(names: Sequence[str]) -> None:
    """Write pictures, and the record of what they are made from."""
    chosen = list(names) or [*PICTURES, *PAGES]
    IMAGES.mkdir(exist_ok=True)
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["MEPIPE_CACHE"] = str(Path(scratch) / "cache")
        for name, image in made(chosen, Material(Path(scratch))):
            data = encoded(image)
            (IMAGES / f"{name}.webp").write_bytes(data)
            record[name] = made_from(name)
            print(
                f"{name}.webp  {image.shape[1]} x {image.shape[0]}, {len(data) / 1000:.0f} kB",
                flush=True,
            )
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

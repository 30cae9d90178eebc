"""The pictures of the documentation are those that its script makes today."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
METHODS = (
    "README.md", "docs/index.md", "docs/flow.md", "docs/spotting.md", "docs/recordings.md",
    "docs/report.md", "docs/predict.md", "docs/pretrained.md", "docs/evaluation.md",
    "docs/features.md", "docs/cache.md", "docs/review.md", "docs/gallery.md",
)  # fmt: skip
LARGEST, ALL = 150_000, 1_500_000  # bytes
COARSE = 16  # px: what is compared is the mean of such squares, so that fonts matter little
FAR = 40  # grey levels between two squares
SHARE = 0.03  # of the squares that may be so far apart
AGAIN = "python docs/pictures.py"


@pytest.fixture
def pictures(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module("pictures")


def shown(page):
    """Return what a page shows: the path of each picture, and its words."""
    text = (ROOT / page).read_text(encoding="utf-8")
    marked = [(path, words) for words, path in re.findall(r"!\[(.*?)\]\(([^)\s]+)\)", text)]
    for tag in re.findall(r"<img\s[^>]*>", text):
        named = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        marked.append((named["src"], named["alt"]))
    return marked


@pytest.mark.parametrize("page", METHODS)
def test_every_page_has_a_picture_that_is_there_and_described(page):
    found = shown(page)
    assert found, page
    for path, words in found:
        assert (ROOT / page).parent.joinpath(path).is_file(), path
        assert len(words) >= 20, f"{page}: {path} needs words for those who do not see it"


def test_the_gallery_shows_every_picture(pictures):
    gallery = {path for path, _ in shown("docs/gallery.md")}
    there = {f"images/{path.name}" for path in pictures.IMAGES.glob("*.webp")}
    assert there <= gallery
    assert {f"images/{name}.webp" for name in {**pictures.PICTURES, **pictures.PAGES}} == there


def test_pictures_are_small(pictures):
    sizes = {path.name: path.stat().st_size for path in pictures.IMAGES.iterdir()}
    assert max(sizes.values()) < LARGEST, sizes
    assert sum(sizes.values()) < ALL


def test_pictures_were_made_with_the_stages_and_the_drawing_of_today(pictures):
    record = json.loads(pictures.RECORD.read_text())
    today = {name: pictures.made_from(name) for name in {**pictures.PICTURES, **pictures.PAGES}}
    stale = sorted(name for name in today if record.get(name) != today[name])
    assert set(record) == set(today)
    assert not stale, f"{AGAIN} {' '.join(stale)}"


def coarse(image):
    """Return the mean of each square of an image."""
    height, width = (side // COARSE * COARSE for side in image.shape[:2])
    squares = image[:height, :width].astype(float)
    return squares.reshape(height // COARSE, COARSE, width // COARSE, COARSE, 3).mean((1, 3))


def apart(image, other):
    """Return the share of squares in which two images differ; 1 if their sizes do."""
    if any(abs(a - b) >= COARSE for a, b in zip(image.shape, other.shape, strict=True)):
        return 1.0
    first, second = coarse(image), coarse(other)
    height, width = np.minimum(first.shape[:2], second.shape[:2])
    far = np.abs(first[:height, :width] - second[:height, :width]).max(axis=2)
    return float((far > FAR).mean())


def test_another_picture_is_noticed(pictures):
    road = pictures.read((pictures.IMAGES / "road.webp").read_bytes())
    other = pictures.read((pictures.IMAGES / "prediction.webp").read_bytes())
    moved = np.roll(road, 40, axis=1)
    assert apart(road, road) == 0
    assert apart(road, moved) > SHARE
    assert apart(road, other[:, :-40]) == 1


@pytest.mark.slow
def test_pictures_made_again_look_the_same(pictures, tmp_path, monkeypatch):
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    pytest.importorskip("torch", reason="some pictures show a model's answers")
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    names = [*pictures.PICTURES, *pictures.PAGES]
    again = dict(pictures.made(names, pictures.Material(tmp_path)))
    assert set(pictures.PICTURES) <= set(again)
    found = {
        name: apart(image, pictures.read((pictures.IMAGES / f"{name}.webp").read_bytes()))
        for name, image in again.items()
    }
    print(found)
    other = sorted(name for name, share in found.items() if share > SHARE)
    assert not other, f"{AGAIN} {' '.join(other)}"

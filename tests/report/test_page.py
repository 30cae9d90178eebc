"""The page: whole in itself, escaped, and usable by those who do not see it."""

import base64
import hashlib
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mepipe.cache.manifest import Manifest
from mepipe.report.content import FailureRow
from mepipe.report.page import files_beside, render, write_page
from mepipe.viz.palette import DARK, LIGHT, PAIRS, contrast

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
FIELDS = ("search", "sort", "dataset", "label", "problem", "confidence")
VOID = {"meta", "img", "input", "br", "rect", "path", "polyline", "link", "hr"}


class Document(HTMLParser):
    """Every start tag with its attributes and the text in it; refuses what does not nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, len(self.tags) - 1))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open:
            place = self.open[-1][1]
            self.text[place] = self.text.get(place, "") + data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]

    def texts(self, name):
        return [self.text.get(n, "") for n, (tag, _) in enumerate(self.tags) if tag == name]


@pytest.fixture(scope="module")
def html(make_page):
    return render(make_page())


@pytest.fixture(scope="module")
def document(html):
    return Document(html)


def test_page_has_language_title_and_headings_in_order(document):
    assert document.all("html")[0]["lang"] == "en"
    assert document.texts("title") == ["set0, set1 – mepipe report"]
    levels = [int(tag[1]) for tag, _ in document.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_page_shows_failures_first(document):
    assert document.texts("h2")[0] == "Failures and notes"
    ids = [a["id"] for a in document.all("section")]
    assert ids[0] == "failures"
    clips = ids.index("clips")
    assert set(ids[:clips]) == {"failures", "doubts"}
    later = ["results", "counts", "settings", "time", "methods", "provenance"]
    assert ids[clips + 1 :] == later


def test_page_has_alternative_texts_and_field_labels(document):
    assert len(document.all("img")) == 2 + 5 * 4 + 1  # the last is of the clip that failed
    assert all(image["alt"].strip() for image in document.all("img"))
    drawings = list(document.all("svg"))
    assert all(a.get("aria-label") or a.get("aria-hidden") == "true" for a in drawings)
    named = {label["for"] for label in document.all("label")}
    fields = [a["id"] for name in ("select", "input") for a in document.all(name)]
    assert set(fields) == named
    assert {f"f-{name}" for name in FIELDS} == named


def test_page_has_no_external_parts_and_a_policy_for_inline_ones(html, document):
    # The namespace of SVG is a name, no address.
    assert "http:" not in html.replace('"http://www.w3.org/2000/svg"', "")
    assert "https:" not in html
    assert not document.all("link")
    sources = [a[k] for _, a in document.tags for k in ("src", "href") if k in a]
    assert all(source.startswith(("data:image/", "#")) for source in sources), sources
    assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in document.tags)
    policy = next(a["content"] for a in document.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    for name in ("style", "script"):
        text = document.texts(name)[-1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_page_has_provenance_as_json(document):
    place = next(n for n, (_, a) in enumerate(document.tags) if a.get("id") == "provenance-data")
    assert json.loads(document.text[place])["features.h5 (sha256)"] == "ab" * 32


def test_page_escapes_hostile_names(make_page):
    page = make_page(
        title=HOSTILE,
        failures=[FailureRow(*[HOSTILE] * 4)],
        notes=[(HOSTILE, HOSTILE)],
        by_subject=[(HOSTILE, 0.5, 1)],
        provenance={"mepipe": HOSTILE},
    )
    names = dict.fromkeys(
        ("clip", "dataset", "subject", "emotion", "label", "action_units", "predicted"), HOSTILE
    )
    marks = tuple(replace(mark, source=HOSTILE) for mark in page.cards[1].marks)
    hostile = replace(page.cards[1], **names, marks=marks, notes=(HOSTILE,), doubts=(HOSTILE,))
    document = Document(render(replace(page, cards=[hostile])))
    assert len(document.all("script")) == 3
    assert not [a for a in document.all("img") if not a["src"].startswith("data:")]
    assert HOSTILE in document.texts("a")
    assert document.texts("h3")[:2] == ["", HOSTILE]  # of the card the link has it
    place = next(n for n, (_, a) in enumerate(document.tags) if a.get("id") == "looks")
    told = json.loads(document.text[place])["clips"][0]
    assert {told[name] for name in ("clip", "subject", "emotion", "label")} == {HOSTILE}
    assert told["doubts"] == told["notes"] == [HOSTILE]
    place = next(n for n, (_, a) in enumerate(document.tags) if a.get("id") == "provenance-data")
    assert json.loads(document.text[place]) == {"mepipe": HOSTILE}


def test_page_without_faces_has_no_picture_of_a_face(make_page):
    page = make_page(faces=False)
    html = render(page)
    document = Document(html)
    assert {name[5:] for name in files_beside(page, 0)} == {"flow.jpg", "strain.jpg"}
    beside = render(page, 0)
    assert "-onset.jpg" not in beside
    assert "face at" not in beside
    assert {a["alt"].split()[0] for a in document.all("img")} == {"Optical"}
    assert "face at" not in html
    assert "share this page" not in html


def test_page_has_a_placeholder_for_a_missing_source(document):
    gone = [a["aria-label"] for a in document.all("div") if a.get("class") == "gone"]
    assert gone == [
        f"No picture of the face at the {m}: its source is gone" for m in ("onset", "apex")
    ]


def test_page_of_a_run_without_usable_clips(make_page):
    page = make_page(
        cards=[], results=None, by_subject=[], no_results="no clip.", times=[], counts=()
    )
    assert "No clip could be used" in render(page)


def test_page_of_500_clips_is_below_ten_megabytes(make_page):
    page = make_page(500)
    size = len(render(page).encode())
    print(f"500 clips: {size / 1e6:.2f} MB")
    assert size < 10e6
    files = files_beside(page)
    print(f"{len(files)} pictures beside it: {sum(map(len, files.values())) / 1e6:.1f} MB")
    assert len(files) == 4 * 499  # the first has no large picture
    assert all(re.fullmatch(r"\d{4}-(onset|apex|flow|strain)\.jpg", name) for name in files)


def test_page_of_usual_size_is_one_file_of_less_than_ten_megabytes(make_page):
    page = make_page(100)
    assert files_beside(page) == {}
    html = render(page)
    print(f"100 clips: {len(html.encode()) / 1e6:.2f} MB")
    assert len(html.encode()) < 10e6
    policy = next(a["content"] for a in Document(html).all("meta") if "http-equiv" in a)
    assert "img-src data:;" in policy


def test_a_page_with_a_folder_may_show_its_pictures_and_no_others(make_page):
    policy = next(
        a["content"] for a in Document(render(make_page(), 0)).all("meta") if "http-equiv" in a
    )
    assert "img-src 'self' data:;" in policy
    assert policy.startswith("default-src 'none'")


def test_pictures_beside_a_page_go_with_it(make_page, tmp_path, monkeypatch):
    monkeypatch.setattr("mepipe.report.page.files_beside", lambda page, embedded=0: pictures(page))

    def pictures(page):
        return files_beside(page, 0)

    folder = tmp_path / "report-files"
    write_page(Manifest(tmp_path), "a", make_page(6))
    assert (folder / "0001-onset.jpg").exists()
    write_page(Manifest(tmp_path), "b", make_page(6, faces=False))
    left = {path.name[5:] for path in folder.iterdir()}
    assert left == {"flow.jpg", "strain.jpg"}
    monkeypatch.undo()
    write_page(Manifest(tmp_path), "c", make_page(6))
    assert not folder.exists()


def test_confusion_counts_clips(document):
    shaded = [n for n, (tag, a) in enumerate(document.tags) if a.get("class", "")[:1] == "s"]
    counts = [int(document.text[n]) for n in shaded if document.tags[n][0] == "td"]
    assert counts == [2, 0, 0, 1, 1, 0, 0, 0, 2]
    assert "Counts are clips." in document.texts("p")


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_written_can_be_read(theme):
    poor = {(ink, paper): contrast(theme[ink], theme[paper]) for ink, paper in PAIRS}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}
    assert LIGHT.keys() == DARK.keys()


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)

"""Render the report as HTML, without external scripts, styles or fonts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mepipe.cache.manifest import REPORT, REPORT_FILES, Manifest
from mepipe.frames.formats import is_webp
from mepipe.report.content import PROBLEMS, ClipCard, Page
from mepipe.report.looks import looks, picture_files
from mepipe.viz.motion_curve import HEIGHT, WIDTH, Drawing, draw_curve
from mepipe.viz.palette import DARK, LIGHT, style_variables

_TEMPLATES = Path(__file__).parent / "templates"
_LOOK = Path(__file__).parents[1] / "viz" / "look.js"
# Bytes of large pictures that a page holds; beyond, they lie in a folder beside it.
EMBEDDED = 5_000_000
_FAILED = 100  # failed clips with a card
SORTS = {
    "order": "as in the run",
    "doubt": "worth a look first",
    "confidence": "least sure first",
    "weak": "weakest movement first",
    "strong": "strongest movement first",
}


def files_beside(page: Page, embedded: int = EMBEDDED) -> dict[str, bytes]:
    """Return the files of the folder beside the page, by their names in it.

    There are none while the page can hold its pictures itself: up to ``embedded`` bytes.
    """
    files = picture_files(page.cards)
    return files if sum(map(len, files.values())) > embedded else {}


def write_page(manifest: Manifest, key: str, page: Page) -> None:
    """Write report.html, and its pictures where they need a folder; older ones go.

    Raises
    ------
    UsageError
        If a file in the way was not written by mepipe.
    SystemProblemError
        If it cannot be written.
    """
    # First the pictures: no face stays behind the page that shows none.
    manifest.replace_folder(REPORT_FILES, key, files_beside(page))
    # With faces it is for the owner of the run.
    manifest.write(REPORT, key, render(page).encode(), private=page.faces)


def render(page: Page, embedded: int = EMBEDDED) -> str:
    """Return the HTML of a report. Every name, label and message in it is escaped.

    The pictures of `files_beside` are not in it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from mepipe.viz.thumbnails import flow_key

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        # Names and messages come from datasets and are not trusted.
        autoescape=True,
        # A misspelt name in a template raises an error instead of an empty text.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "inlined": _inlined, "shade": _shade}
    key = base64.b64encode(flow_key()).decode()
    style = (
        f":root {{ color-scheme: light dark; {style_variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {style_variables(DARK)} }} }}\n"
        f".key {{ background-image: url(data:image/png;base64,{key}); }}\n" + _read("report.css")
    )
    script = _LOOK.read_text(encoding="utf-8") + _read("report.js")
    beside = bool(files_beside(page, embedded))

    def picture(card: ClipCard, name: str) -> bytes | None:
        small: bytes | None = getattr(card.pictures, name)
        return small if beside else card.pictures.large.get(name, small)

    return environment.get_template("report.html").render(
        page=page,
        style=style,
        style_digest=_digest(style),
        script=script,
        script_digest=_digest(script),
        provenance=_json(page.provenance, indent=1),
        looks=_json(looks(page, folder=beside)),
        # A page may show pictures of its own folder only where it has one.
        images="'self' data:" if beside else "data:",
        choices=_choices(page),
        sorts=SORTS,
        total=len(page.cards) + min(len(page.failures), _FAILED),
        shown_failures=min(len(page.failures), _FAILED),
        places={card.clip: place for place, card in enumerate(page.cards)},
        motions=any(card.motion for card in page.cards),
        picture=picture,
        draw=_drawing,
        width=WIDTH,
        height=HEIGHT,
    )


def _drawing(card: ClipCard) -> Drawing:
    first, stop = card.part or (0, card.frames)
    return draw_curve(
        card.pictures.curve,
        stop,
        start=card.pictures.curve_from,
        first=first,
        fps=card.fps,
        marks=[(mark.name, mark.position, mark.source) for mark in card.marks],
        spotted=card.motion.marks if card.motion else (),
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash by which a content security policy allows an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(value: Mapping[str, Any], indent: int | None = None) -> str:
    """Return JSON that cannot end the script element that contains it."""
    separators = None if indent else (",", ":")
    text = json.dumps(
        value, indent=indent, separators=separators, ensure_ascii=False, sort_keys=bool(indent)
    )
    # Inside <script> HTML does not decode entities, so these are escaped as JSON does it.
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _choices(page: Page) -> dict[str, dict[str, str]]:
    """Return the values of each filter and their labels."""
    failed = {failure.clip.partition("/")[0] for failure in page.failures[:_FAILED]}
    datasets = sorted({card.dataset for card in page.cards} | failed)
    labels = sorted({card.label for card in page.cards})
    found = {problem for card in page.cards for problem in card.problems}
    found |= {"failed"} if page.failures else set()
    return {
        "dataset": {name: name for name in datasets},
        "label": {name: name or "no class" for name in labels},
        "problem": {"any": "any", **{n: words for n, words in PROBLEMS.items() if n in found}},
    }


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _inlined(data: bytes) -> str:
    kind = "webp" if is_webp(data) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _shade(count: float, total: float) -> str:
    """Return the style class for a cell with this share of its row."""
    return f"s{min(4, round(4 * count / total))}" if total else "s0"

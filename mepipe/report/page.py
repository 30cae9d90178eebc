"""Render the report as one HTML file, without external scripts, styles or fonts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mepipe.report.content import PROBLEMS, ClipCard, Page
from mepipe.viz.motion_curve import HEIGHT, WIDTH, Drawing, draw_curve
from mepipe.viz.palette import DARK, LIGHT, style_variables

_TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """Return the HTML of a report. Every name, label and message in it is escaped."""
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
    environment.filters |= {"figure": _figure, "webp": _webp, "shade": _shade}
    key = base64.b64encode(flow_key()).decode()
    style = (
        f":root {{ color-scheme: light dark; {style_variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {style_variables(DARK)} }} }}\n"
        f".key {{ background-image: url(data:image/png;base64,{key}); }}\n" + _read("report.css")
    )
    script = _read("report.js")
    return environment.get_template("report.html").render(
        page=page,
        style=style,
        style_digest=_digest(style),
        script=script,
        script_digest=_digest(script),
        provenance=_json(page.provenance),
        choices=_choices(page.cards),
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
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash by which a content security policy allows an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(value: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element that contains it."""
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    # Inside <script> HTML does not decode entities, so these are escaped as JSON does it.
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _choices(cards: Sequence[ClipCard]) -> dict[str, dict[str, str]]:
    """Return the values of each filter and their labels."""
    datasets = sorted({card.dataset for card in cards})
    labels = sorted({card.label for card in cards})
    found = {problem for card in cards for problem in card.problems}
    return {
        "dataset": {name: name for name in datasets},
        "label": {name: name or "no class" for name in labels},
        "problem": {"any": "any", **{n: words for n, words in PROBLEMS.items() if n in found}},
    }


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _webp(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _shade(count: float, total: float) -> str:
    """Return the style class for a cell with this share of its row."""
    return f"s{min(4, round(4 * count / total))}" if total else "s0"

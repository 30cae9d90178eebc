"""The code blocks of the user's pages, and what becomes of each."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/index.md",
    "docs/install.md",
    "docs/python.md",
    "docs/your-data.md",
    "docs/predict.md",
    "docs/pretrained.md",
    "docs/features.md",
    "docs/examples.md",
    "docs/export.md",
    "docs/evaluation.md",
    "docs/report.md",
    "docs/recordings.md",
    "docs/cache.md",
    "docs/scaling.md",
    "docs/extending.md",
    "docs/reference/terminal.md",
    "docs/reference/json.md",
)
"""The user's road, in the order in which it is walked: a later page finds what an earlier made."""

_FENCE = re.compile(
    r"(?:<!-- (?P<mark>not run|file|edit|exit): (?P<told>[^\n]+?) -->\n\n?)?"
    r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_RUN = {"sh", "bash", "python"}


@dataclass(frozen=True)
class Block:
    """A fenced block; ``mark`` is what the comment above it says of it, empty without one.

    - ``<!-- not run: WHY -->``: it is shown and left alone.
    - ``<!-- file: NAME -->``: it is the content of that file, whatever its language.
    - ``<!-- edit: NAME, after: LINE -->``: it goes into that file of mepipe, after the line that
      reads so; or ``before``, or ``instead of`` it; or it is ``last in: TABLE``, the dictionary of
      that name (``test_extending.py`` does so).
    - ``<!-- exit: CODE -->``: its last command ends so, and not with 0.
    """

    page: str
    line: int
    language: str
    code: str
    mark: str
    told: str

    @property
    def where(self):
        return f"{self.page}:{self.line}"

    @property
    def runs(self):
        return self.language in _RUN and self.mark not in {"not run", "file", "edit"}


def blocks(page):
    """Return the blocks of a page in their order; those that nobody could run are no blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        line = text[: match.start("code")].count("\n")
        mark, told = match["mark"] or "", match["told"] or ""
        if match["language"] in _RUN or mark:
            found.append(Block(page, line, match["language"], match["code"], mark, told))
    return found

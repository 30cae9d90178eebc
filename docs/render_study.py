"""Run docs/examples/first_study.py cell by cell, and write its page docs/first-study.md.

    python docs/render_study.py

The page and its pictures are committed. A test runs the script, and compares the page with it.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
SCRIPT = DOCS / "examples" / "first_study.py"
PAGE, PICTURES = DOCS / "first-study.md", DOCS / "first-study"
_HEAD = (
    "# A first study, as a notebook\n\n"
    "<!-- made by docs/render_study.py from docs/examples/first_study.py -->\n\n"
    "This page is the script [first_study.py](examples/first_study.py) and what it printed.\n"
)
_WHY = "<!-- not run: tests/docs/test_first_study.py runs the whole script -->"


@dataclass(frozen=True)
class Cell:
    """A part of the script: prose or code."""

    prose: bool
    text: str


@dataclass(frozen=True)
class Shown:
    """What a cell of code printed, and the pictures that it wrote into the current folder."""

    printed: str
    pictures: tuple[str, ...]


def cells(script: str) -> list[Cell]:
    """Return the cells of a script with ``# %%`` marks, in their order."""
    found = []
    # A mark begins a line: prose may name it.
    for part in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        first, _, rest = part.partition("\n")
        prose = first.strip() == "[markdown]"
        if prose:
            rest = "\n".join(line.removeprefix("#").removeprefix(" ") for line in rest.split("\n"))
        found.append(Cell(prose, rest.strip()))
    return found


def run(parts: list[Cell], folder: Path) -> list[Shown]:
    """Run the cells of code one after the other in one namespace, in ``folder``."""
    space: dict[str, object] = {"__name__": "__main__"}
    shown, before = [], Path.cwd()
    os.chdir(folder)
    try:
        for cell in parts:
            if cell.prose:
                continue
            there = set(folder.rglob("*.png"))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(ast.parse(cell.text), str(SCRIPT), "exec"), space)
            new = sorted(set(folder.rglob("*.png")) - there)
            pictures = tuple(str(path.relative_to(folder)) for path in new)
            shown.append(Shown(printed.getvalue().rstrip(), pictures))
    finally:
        os.chdir(before)
    return shown


def page(parts: list[Cell], shown: list[Shown]) -> str:
    """Return the page: prose, code, what it printed, and its pictures."""
    blocks, results = [_HEAD], iter(shown)
    for cell in parts:
        if cell.prose:
            blocks.append(f"{cell.text}\n")
            continue
        result = next(results)
        blocks.append(f"{_WHY}\n```python\n{cell.text}\n```\n")
        if result.printed:
            blocks.append(f"```text\n{result.printed}\n```\n")
        blocks += [f"![{name}](first-study/{Path(name).name})\n" for name in result.pictures]
    return "\n".join(blocks)


def main() -> None:
    """Write the page and its pictures."""
    parts = cells(SCRIPT.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["MEPIPE_CACHE"] = str(folder / "cache")
        shown = run(parts, folder)
        PICTURES.mkdir(exist_ok=True)
        for name in (name for one in shown for name in one.pictures):
            shutil.copy(folder / name, PICTURES / Path(name).name)
    PAGE.write_text(page(parts, shown), encoding="utf-8")


if __name__ == "__main__":
    main()

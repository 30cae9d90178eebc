"""The page of the first study is what its script does."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module("render_study")


@pytest.fixture
def parts(study):
    return study.cells(study.SCRIPT.read_text(encoding="utf-8"))


def words(page):
    """Without numbers: other versions of the libraries may give others."""
    return re.sub(r"\d+", "N", page)


def test_the_page_has_the_cells_of_the_script(study, parts):
    text = study.PAGE.read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert code == [cell.text for cell in parts if not cell.prose]
    for cell in parts:
        assert cell.text in text
    pictures = re.findall(r"!\[.*?\]\((first-study/.*?)\)", text)
    assert sorted(pictures) == sorted(
        f"first-study/{path.name}" for path in study.PICTURES.iterdir()
    )


def test_a_cell_without_a_mark_is_code(study):
    found = study.cells("# %% [markdown]\n# A `# %%`\n#\n# more\n\n# %%\nx = 1\nprint(x)\n")
    assert [(cell.prose, cell.text) for cell in found] == [
        (True, "A `# %%`\n\nmore"), (False, "x = 1\nprint(x)"),
    ]  # fmt: skip


def test_what_cells_print_and_draw_stands_below_them(study, tmp_path):
    found = study.cells("# %%\nopen('a.png', 'w').close()\nprint('here')\n# %%\ny = 2\n")
    shown = study.run(found, tmp_path)
    assert [(one.printed, one.pictures) for one in shown] == [("here", ("a.png",)), ("", ())]
    assert "```text\nhere\n```" in study.page(found, shown)
    assert "(first-study/a.png)" in study.page(found, shown)


@pytest.mark.slow
def test_the_script_runs_and_the_page_is_what_it_prints(study, parts, tmp_path, monkeypatch):
    pytest.importorskip("skimage", reason="the sample is made from a photograph of scikit-image")
    monkeypatch.setenv("MEPIPE_CACHE", str(tmp_path / "cache"))
    shown = study.run(parts, tmp_path)
    assert words(study.page(parts, shown)) == words(study.PAGE.read_text(encoding="utf-8"))
